"""Who may ask: this machine's own pages and programs, and they may only read.

A page of another site must not read traces through the browser of whoever looks at it: so
`Host` must be loopback's (DNS rebinding), and requests of other origins are refused.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def failure(status: int, message: str) -> JSONResponse:
    """A failure in Jaeger's envelope."""
    return JSONResponse(
        {
            "data": None,
            "total": 0,
            "limit": 0,
            "offset": 0,
            "errors": [{"code": status, "msg": message}],
        },
        status,
    )


def host_is_local(host: str) -> bool:
    """Whether a `Host` header names this machine's loopback, with or without a port."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "0"
    return name.lower() in _HOSTS and port.isascii() and port.isdigit()


def _is_foreign(headers: Headers) -> bool:
    """Whether a page of another origin asks."""
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{headers.get('host', '')}":
        return True
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


class Guard:
    """Lets through what may be asked, and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, methods: frozenset[str], allow_links: bool) -> None:
        """Wraps an application.

        Args:
            app: what is guarded.
            methods: the methods it knows.
            allow_links: whether links of other sites may open its pages (never below `/api/`).
        """
        self._app = app
        self._methods = methods
        self._allow_links = allow_links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(scope)
        await (refused or self._app)(scope, receive, send_with_headers)

    def _refused(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not host_is_local(hosts[0]):
            return failure(403, "the Host must be localhost or 127.0.0.1")
        if _is_foreign(headers) and not (self._allow_links and _is_link(scope["path"], headers)):
            return failure(403, "requests of other origins are not answered")
        if scope["method"] not in self._methods:
            return failure(405, "the method is not allowed")
        return None


def _is_link(path: str, headers: Headers) -> bool:
    """Whether somebody followed a link to a page, which tells the linking site nothing."""
    return (
        not path.startswith("/api/")
        and "origin" not in headers
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
