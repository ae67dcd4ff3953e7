"""A span for each database statement that is part of a sampled trace.

SQLAlchemy's own events, because OpenTelemetry's instrumentation refuses SQLAlchemy 2.1. A
span tells what was done to which table; never the values, and never the database's error
text, which may quote them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from opentelemetry.trace import Span, SpanKind, get_current_span
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.telemetry.tracing import fail, tracer

_OPERATION = re.compile(r"\s*(?:WITH\b.*?\)\s*(?=INSERT|UPDATE|DELETE|SELECT))?(\w+)", re.S | re.I)
_TARGET = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+\"?([a-z_][a-z0-9_]*)", re.I)
_MAX_TARGETS = 4
_KEY = "_tradewind_span"


@lru_cache(1_024)
def _summary(statement: str) -> tuple[str, str]:
    """A statement's operation, and its `db.query.summary`: the operation and its tables."""
    found = _OPERATION.match(statement)
    operation = found[1].upper() if found else "SQL"
    tables = list(dict.fromkeys(_TARGET.findall(statement)))[:_MAX_TARGETS]
    return operation, " ".join([operation, *tables])


def trace_statements(engine: AsyncEngine, fixed: Mapping[str, str]) -> None:
    """Makes an engine record its statements.

    Args:
        engine: whose statements.
        fixed: attributes of every span: `db.system.name` and `db.namespace`.
    """

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def before(_: Any, __: Any, statement: str, values: Any, context: Any, many: bool) -> None:
        if context is None or not get_current_span().is_recording():
            return
        operation, summary = _summary(statement)
        attributes: dict[str, str | int] = {
            **fixed,
            "db.operation.name": operation,
            "db.query.summary": summary,
        }
        if many and len(values) > 1:
            attributes["db.operation.batch.size"] = len(values)
        span = tracer.start_span(summary, kind=SpanKind.CLIENT, attributes=attributes)
        setattr(context, _KEY, span)

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def after(_: Any, __: Any, ___: str, ____: Any, context: Any, _____: bool) -> None:
        span: Span | None = getattr(context, _KEY, None)
        if span is not None:
            span.end()

    @event.listens_for(engine.sync_engine, "handle_error")
    def failed(found: Any) -> None:
        span: Span | None = getattr(found.execution_context, _KEY, None)
        if span is not None:
            cause = found.original_exception
            fail(span, str(getattr(cause, "sqlstate", "") or type(cause).__qualname__))
            span.end()
