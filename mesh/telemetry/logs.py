"""Logs: one JSON object a line on standard error, each with its trace id; by OTLP as well."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from opentelemetry import trace
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from mesh.telemetry.encoding import key_values

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}
_SEVERITIES = {
    logging.DEBUG: SeverityNumber.SEVERITY_NUMBER_DEBUG,
    logging.INFO: SeverityNumber.SEVERITY_NUMBER_INFO,
    logging.WARNING: SeverityNumber.SEVERITY_NUMBER_WARN,
    logging.ERROR: SeverityNumber.SEVERITY_NUMBER_ERROR,
    logging.CRITICAL: SeverityNumber.SEVERITY_NUMBER_FATAL,
}
MAX_STACK = 16_000
"""Characters of a stack that leave by OTLP; standard error has all of it."""

_audit = logging.getLogger("audit")


def audit(event: str, **fields: str | int | bool) -> None:
    """Writes a line of the audit stream: a login, a movement of money, a change of policy.

    It has the logger `audit` and, like any line, the trace id. Ids and reasons only: no
    names, no addresses, nothing secret.
    """
    _audit.info(event, extra=fields)


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """Writes a record as JSON: time, level, service, event, trace and span id, extras, stack."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "event": record.getMessage(),
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            fields["trace_id"] = trace.format_trace_id(span.trace_id)
            fields["span_id"] = trace.format_span_id(span.span_id)
        fields |= _extras(record)
        if record.exc_info:
            fields["stack"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


class OtlpHandler(logging.Handler):
    """Hands each record to the exporter as an OTLP log record."""

    def __init__(self, offer: Callable[[LogRecord], None]) -> None:
        super().__init__()
        self._offer = offer
        self._stacks = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a record; never waits."""
        found = LogRecord(
            time_unix_nano=int(record.created * 1e9),
            observed_time_unix_nano=time.time_ns(),
            severity_text=record.levelname,
            body=AnyValue(string_value=record.getMessage()),
        )
        if record.levelno in _SEVERITIES:
            found.severity_number = _SEVERITIES[record.levelno]
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            found.trace_id = span.trace_id.to_bytes(16, "big")
            found.span_id = span.span_id.to_bytes(8, "big")
            found.flags = span.trace_flags
        fields = {"logger": record.name, **_extras(record)}
        if record.exc_info and record.exc_info[0]:
            fields["exception.type"] = record.exc_info[0].__qualname__
            fields["exception.stacktrace"] = self._stacks.formatException(record.exc_info)[
                -MAX_STACK:
            ]
        found.attributes.extend(key_values(fields))
        self._offer(found)


def configure_logs(service: str, level: str) -> None:
    """Sends all logs of the process through the JSON formatter."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
