"""Traces, metrics and logs of every process.

Imports nothing else of the mesh. Start reading at `tracing`.
"""
