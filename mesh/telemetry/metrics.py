"""Metrics in Prometheus form: rate, errors and duration per method, and what batches look like."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

server_calls = Histogram(
    "rpc_server_call_duration_seconds",
    "How long calls took, by method and status code.",
    ("rpc_method", "code"),
    buckets=_DURATIONS,
)
client_calls = Histogram(
    "rpc_client_call_duration_seconds",
    "How long calls to other services took, with their retries.",
    ("rpc_method", "code"),
    buckets=_DURATIONS,
)
client_retries = Counter(
    "rpc_client_retries_total", "Attempts beyond the first.", ("rpc_method", "outcome")
)
batch_sizes = Histogram(
    "batch_items", "Items that shared a batch.", ("batch",), buckets=(1, 2, 4, 8, 16, 32, 64, 128)
)
batch_queue = Gauge("batch_queue_items", "Items waiting for the next batch.", ("batch",))
unsettled_orders = Gauge("orders_unsettled", "Orders that the sweeper still has to settle.")


def exposition() -> bytes:
    """All metrics of the process as Prometheus text."""
    return generate_latest(REGISTRY)
