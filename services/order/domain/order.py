"""The order itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from tradewind.api.v1.reason_pb2 import Reason


class Side(IntEnum):
    """Which way the customer trades, with the contract's numbers."""

    BUY = 1
    SELL = 2


class Type(IntEnum):
    """How the price is found, with the contract's numbers."""

    MARKET = 1
    LIMIT = 2


class State(IntEnum):
    """Where an order stands, with the contract's numbers; FILLING is shown as OPEN."""

    PENDING = 1
    FILLED = 2
    REJECTED = 3
    OPEN = 4
    CANCELLED = 5
    EXPIRED = 6
    FILLING = 104
    """An open order that an attempt has claimed."""


FINAL = frozenset({State.FILLED, State.REJECTED, State.CANCELLED, State.EXPIRED})
"""States that are never left."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order, as its row has it."""

    order_id: str
    user_id: str
    request_id: str
    fingerprint: str
    """Digest of the request's parameters, to tell a repeat from a reuse of its id."""
    asset_id: str
    side: Side
    quantity: int
    quantity_scale: int
    attempt_id: str
    """Id of the reservation and of the ledger group, whoever drives the order."""
    type: Type = Type.MARKET
    max_price: str = ""
    min_price: str = ""
    limit_price: str = ""
    """Dollars for a whole unit; empty unless LIMIT."""
    limit_units: int = 0
    """The limit in atomic units of the asset's price, to be compared by the database."""
    hold_id: str = ""
    """Id of the ledger's hold and of its group; empty unless LIMIT."""
    hold_amount: int = 0
    """What is held: cents for a buy, atomic units of the asset for a sell."""
    expire_at: int = 0
    """From then on an open order is not filled any more; 0 unless LIMIT."""
    state: State = State.PENDING
    settled: bool = False
    """Whether stock and ledger have heard of the end."""
    attempt_until: int = 0
    """From then on, what has not passed its pivot goes backward."""
    attempts: int = 0
    """How many attempts at filling have come to nothing."""
    retry_at: int = 0
    """No attempt before then."""
    price: str = ""
    """Dollars for a whole unit; empty unless FILLED."""
    total: int = 0
    """Cents moved; 0 unless FILLED."""
    reason: Reason = Reason.REASON_UNSPECIFIED
    origin: str = ""
    """W3C `traceparent` of the call that placed the order."""
    revision: int = 1
    created_at: int = 0
    updated_at: int = 0

    @property
    def void_id(self) -> str:
        """Id of the ledger group that gives the hold back."""
        return f"{self.hold_id}.void"

    @property
    def is_final(self) -> bool:
        """Whether its state will never change."""
        return self.state in FINAL
