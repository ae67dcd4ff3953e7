"""Metrics in Prometheus form: rate, errors and duration per method, and what waits where."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

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
server_active = Gauge("rpc_server_active_calls", "Calls being served.", ("rpc_method",))
client_retries = Counter(
    "rpc_client_retries_total", "Attempts beyond the first.", ("rpc_method", "outcome")
)
batch_sizes = Histogram(
    "batch_items", "Items that shared a batch.", ("batch",), buckets=(1, 2, 4, 8, 16, 32, 64, 128)
)
batch_queue = Gauge("batch_queue_items", "Items waiting for the next batch.", ("batch",))
pool_connections = Gauge(
    "db_client_connections", "Connections to the database.", ("database", "pool", "state")
)
pool_limit = Gauge(
    "db_client_connections_max", "Most connections to the database.", ("database", "pool")
)
transaction_retries = Counter(
    "db_transaction_retries_total", "Transactions that the database had run again.", ("database",)
)
unsettled_orders = Gauge("orders_unsettled", "Orders that the sweeper still has to settle.")
telemetry_sent = Counter("telemetry_sent_total", "Spans and log lines sent by OTLP.", ("signal",))
telemetry_dropped = Counter(
    "telemetry_dropped_total",
    "Spans and log lines that found no room or were refused.",
    ("signal",),
)
telemetry_queue = Gauge("telemetry_queue_items", "Spans and log lines waiting.", ("signal",))


class CallMetric:
    """One method's histogram, its children looked up once.

    Sampled calls leave their trace id as exemplar in the bucket they fall into.
    """

    __slots__ = ("_children", "_histogram", "_method")

    def __init__(self, histogram: Histogram, method: str) -> None:
        self._histogram = histogram
        self._method = method
        self._children: dict[str, Histogram] = {}

    def observe(self, code: str, seconds: float, trace_id: str) -> None:
        """Counts a call.

        Args:
            code: its gRPC status code's name.
            seconds: how long it took.
            trace_id: the trace that shows it; empty when it is not sampled.
        """
        child = self._children.get(code)
        if child is None:
            child = self._children[code] = self._histogram.labels(self._method, code)
        child.observe(seconds, {"trace_id": trace_id} if trace_id else None)


def exposition(accept: str = "") -> tuple[str, bytes]:
    """All metrics of the process, with their media type.

    Args:
        accept: the request's `Accept` header: OpenMetrics, with exemplars, when it asks for
            that, else Prometheus text.
    """
    encode, kind = choose_encoder(accept)
    return kind, encode(REGISTRY)
