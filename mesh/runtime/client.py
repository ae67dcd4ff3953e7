"""Calls to other services: mTLS, deadline, trace, and retries within a budget.

`MeshChannel` is a gRPC channel, so the generated stubs work on it as they are.
What happens around a call is compiled once per method, from the method table.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from typing import Any

import grpc
from grpc import aio
from opentelemetry.trace import Span, SpanKind, set_span_in_context

from mesh.contract.methods import Method, method_table
from mesh.identity.files import IdentityFiles
from mesh.runtime.context import remaining_s
from mesh.telemetry import metrics
from mesh.telemetry.tracing import Spanned, fail, inject, sampled_trace_id, tracer

MAX_ATTEMPTS = 4
BACKOFF_S = 0.05
BUDGET_RATIO = 0.2
BUDGET_FLOOR = 10.0

Serializer = Callable[[Any], bytes]
Deserializer = Callable[[bytes], Any]


class RetryBudget:
    """Lets retries be at most a share of the calls, so that they cannot bring a service down.

    A token bucket: each call puts `BUDGET_RATIO` in, each retry takes one out
    (the scheme of Finagle's RetryBudget). The floor allows retries when calls are few.
    """

    def __init__(self) -> None:
        self._tokens = BUDGET_FLOOR

    def deposit(self) -> None:
        """Counts a call."""
        self._tokens = min(self._tokens + BUDGET_RATIO, 10 * BUDGET_FLOOR)

    def withdraw(self) -> bool:
        """Takes one retry; False when there is none left."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _channel_credentials(files: IdentityFiles) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        files.ca.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
    )


def _options(workload: str) -> list[tuple[str, str | int]]:
    return [
        # The address is an IP; the certificate names the workload.
        ("grpc.ssl_target_name_override", workload),
        ("grpc.lb_policy_name", "round_robin"),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # Not a pause, in spite of its name: how long one try to connect may take.
        ("grpc.min_reconnect_backoff_ms", 5000),
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.enable_retries", 0),
    ]


class _UnaryCall:
    """One method of a destination, with all that happens around its calls."""

    def __init__(self, method: Method, workload: str, inner: Any, budget: RetryBudget) -> None:
        self._method = method
        self._inner = inner
        self._budget = budget
        self._name = method.path[1:]
        self._attributes = _attributes(method, workload)
        self._observe = metrics.CallMetric(metrics.client_calls, method.path).observe

    def __call__(self, request: Any, *, timeout: float | None = None) -> _Awaitable:
        """Calls; `timeout` may only shorten the deadline that is in force."""
        return _Awaitable(self._call(request, timeout))

    async def _call(self, request: Any, timeout: float | None) -> Any:
        method, started = self._method, time.monotonic()
        most = method.deadline_s if timeout is None else min(timeout, method.deadline_s)
        deadline = started + remaining_s(most)
        code = grpc.StatusCode.UNKNOWN
        with Spanned(self._name, SpanKind.CLIENT, self._attributes) as span:
            try:
                response = await self._attempts(request, deadline)
            except aio.AioRpcError as error:
                code = error.code()
                raise
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED
                raise
            else:
                code = grpc.StatusCode.OK
                return response
            finally:
                # For a client all but OK is an error (semantic conventions for gRPC).
                _finish(span, code, failed=code is not grpc.StatusCode.OK)
                self._observe(code.name, time.monotonic() - started, sampled_trace_id(span))

    async def _attempts(self, request: Any, deadline: float) -> Any:
        self._budget.deposit()
        metadata = aio.Metadata(*inject())
        attempt = 0
        while True:
            attempt += 1
            left = max(deadline - time.monotonic(), 0.001)
            try:
                return await self._inner(request, timeout=left, metadata=metadata)
            except aio.AioRpcError as error:
                pause = BACKOFF_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311
                if not self._may_retry(error, attempt, deadline - time.monotonic() - pause):
                    raise
                await asyncio.sleep(pause)

    def _may_retry(self, error: aio.AioRpcError, attempt: int, left_s: float) -> bool:
        method = self._method
        if error.code() is not grpc.StatusCode.UNAVAILABLE or not method.retryable:
            return False
        allowed = attempt < MAX_ATTEMPTS and left_s > 0 and self._budget.withdraw()
        metrics.client_retries.labels(method.path, "made" if allowed else "refused").inc()
        return allowed


class _Awaitable:
    """What a stub's method answers: to be awaited once."""

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, None, Any]:
        return self._coroutine.__await__()  # type: ignore[no-any-return]


def _attributes(method: Method, workload: str) -> dict[str, str]:
    return {
        "rpc.system.name": "grpc",
        "rpc.method": method.path[1:],
        "server.address": workload,
    }


def _finish(span: Span, code: grpc.StatusCode, failed: bool) -> None:
    """Tells a client's span how the call ended."""
    span.set_attribute("rpc.response.status_code", code.name)
    if failed:
        fail(span, code.name)


class _StreamCall:
    """A server-streaming method: deadline and trace, never a retry."""

    def __init__(self, method: Method, workload: str, inner: Any) -> None:
        self._method = method
        self._inner = inner
        self._attributes = _attributes(method, workload)
        self._observe = metrics.CallMetric(metrics.client_calls, method.path).observe

    async def __call__(self, request: Any, *, timeout: float | None = None) -> AsyncIterator[Any]:
        """Calls; `timeout` may only shorten the deadline that is in force."""
        most = self._method.deadline_s if timeout is None else timeout
        started, code, left = time.monotonic(), grpc.StatusCode.CANCELLED, False
        # Not the current span: what happens between two messages is not the stream's.
        span = tracer.start_span(
            self._method.path[1:], kind=SpanKind.CLIENT, attributes=self._attributes
        )
        metadata = aio.Metadata(*inject(set_span_in_context(span)))
        stream = self._inner(request, timeout=remaining_s(most), metadata=metadata)
        try:
            async for response in stream:
                yield response
            code = grpc.StatusCode.OK
        except aio.AioRpcError as error:
            code = error.code()
            raise
        except GeneratorExit:
            left = True
            raise
        finally:
            stream.cancel()
            _finish(span, code, failed=not left and code is not grpc.StatusCode.OK)
            self._observe(code.name, time.monotonic() - started, sampled_trace_id(span))
            span.end()


class MeshChannel(aio.Channel):
    """A channel to one workload, for the generated stubs: `LedgerServiceStub(channel)`."""

    def __init__(self, workload: str, addresses: Sequence[str], files: IdentityFiles) -> None:
        """Prepares the channel; it connects at the first call.

        Args:
            workload: the destination; its certificate must name it.
            addresses: `host:port` of its instances.
            files: the caller's own identity.
        """
        self._inner = aio.secure_channel(
            "ipv4:" + ",".join(addresses), _channel_credentials(files), options=_options(workload)
        )
        self._workload = workload
        self._budget = RetryBudget()

    def unary_unary(
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """The method's call, wrapped; the method must be of the contracts."""
        inner = self._inner.unary_unary(method, request_serializer, response_deserializer)
        return _UnaryCall(method_table()[method], self._workload, inner, self._budget)

    def unary_stream(
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """The method's stream, wrapped; the method must be of the contracts."""
        inner = self._inner.unary_stream(method, request_serializer, response_deserializer)
        return _StreamCall(method_table()[method], self._workload, inner)

    def stream_unary(self, *_: Any, **__: Any) -> Any:
        """No contract has client streams."""
        raise NotImplementedError

    def stream_stream(self, *_: Any, **__: Any) -> Any:
        """No contract has client streams."""
        raise NotImplementedError

    async def close(self, grace: float | None = None) -> None:
        """Ends the connection; calls under way have `grace` seconds to finish."""
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """The connection's state."""
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Waits until the connection's state is another."""
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Waits until the connection stands."""
        await self._inner.channel_ready()

    async def __aenter__(self) -> MeshChannel:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes."""
        await self.close()
