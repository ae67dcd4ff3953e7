"""The local viewer: OTLP collector, trace store, query API and web page.

Imports `mesh.telemetry` only, and of the runtime nothing: it must stay small beside a whole
mesh. Start reading at `main`; what the page is told is in API.md.
"""
