"""What an auditor may read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from tradewind.auth.v1.audit_pb2 import AuditRequest, AuditResponse, Credential
from tradewind.auth.v1.audit_pb2_grpc import AuditServiceServicer

from mesh.runtime.times import now_us
from services.auth.store.audit import AuditStore

SECOND = 1_000_000


class AuditService(AuditServiceServicer):
    """Handlers of `AuditService`."""

    def __init__(self, store: AuditStore, clock: Callable[[], int] = now_us) -> None:
        self._store = store
        self._clock = clock

    async def Audit(self, request: AuditRequest, _: object) -> AsyncIterator[AuditResponse]:
        """All credentials, of one snapshot."""
        # Taken before the snapshot, so that no credential looks older than it is.
        now = self._clock()
        # Closed here, not by the collector: the snapshot holds a connection.
        async with aclosing(self._store.parts()) as parts:
            async for rows in parts:
                yield AuditResponse(
                    credentials=[
                        Credential(
                            user_id=row.user_id,
                            active=row.active,
                            age_s=max(0, now - row.created_at) // SECOND,
                        )
                        for row in rows
                    ]
                )
