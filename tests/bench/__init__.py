"""Measurements: `python -m tests.bench.orders`."""
