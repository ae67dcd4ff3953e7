"""Decisions about stock: what a reservation gets, what commit and release change.

Quantities are atomic units of the asset; times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import IntEnum
from typing import TypeAlias

from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.ids import fingerprint


class Side(IntEnum):
    """Which way an order goes, with the contract's numbers; NONE: never reserved."""

    NONE = 0
    BUY = 1
    SELL = 2


class State(IntEnum):
    """An attempt's state, with the contract's numbers; NONE: nothing decided."""

    NONE = 0
    RESERVED = 1
    REFUSED = 2
    COMMITTED = 3
    RELEASED = 4


@dataclass(frozen=True, slots=True)
class Reserve:
    """Asks for `quantity` units at the present price, within the guard prices."""

    attempt_id: str
    asset_id: str
    side: Side
    quantity: int
    max_price: Decimal | None = None
    min_price: Decimal | None = None

    def digest(self) -> str:
        """What tells a repeat from another request under the same id."""
        return fingerprint(
            self.asset_id, int(self.side), self.quantity, self.max_price, self.min_price
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """The order passed its pivot: the stock movement becomes final."""

    attempt_id: str


@dataclass(frozen=True, slots=True)
class Release:
    """The order will not happen: what was set aside returns."""

    attempt_id: str


Operation: TypeAlias = Reserve | Commit | Release


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was decided under an attempt's id."""

    attempt_id: str
    asset_id: str = ""
    side: Side = Side.NONE
    quantity: int = 0
    price: str = ""
    state: State = State.NONE
    reason: Reason = Reason.REASON_UNSPECIFIED
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """Units of one asset: free to sell, set aside, and ever put in."""

    asset_id: str
    available: int
    reserved: int
    put_in: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The present price of one asset and when it was true."""

    price: str
    price_time: int


def _refusal(request: Reserve, level: Level, quote: Quote, now: int, max_age: int) -> Reason | None:
    price = Decimal(quote.price)
    if now - quote.price_time > max_age:
        return Reason.PRICES_STALE
    if request.max_price is not None and price > request.max_price:
        return Reason.PRICE_BOUND
    if request.min_price is not None and price < request.min_price:
        return Reason.PRICE_BOUND
    if request.side is Side.BUY and level.available < request.quantity:
        return Reason.OUT_OF_STOCK
    return None


@dataclass(slots=True)
class Book:
    """The rows one batch of operations is decided on, in the order the operations came.

    `apply` changes `attempts` and `levels`; whoever loaded them stores them again.
    """

    attempts: dict[str, Attempt]
    levels: dict[str, Level]
    quotes: dict[str, Quote]
    now: int
    max_age: int
    """Microseconds that a price may be old."""

    def apply(self, operation: Operation) -> Attempt:
        """Decides one operation; a repeat answers what was decided first."""
        found = self.attempts.get(operation.attempt_id, Attempt(operation.attempt_id))
        match operation:
            case Reserve():
                return self._reserve(operation, found)
            case Commit():
                return self._commit(found)
            case Release():
                return self._release(found)

    def _reserve(self, request: Reserve, found: Attempt) -> Attempt:
        digest = request.digest()
        if found.state is not State.NONE:
            if found.fingerprint in ("", digest):
                return found
            # Not stored: the id's decision stands, this content never gets one.
            return Attempt(request.attempt_id, state=State.REFUSED, reason=Reason.REQUEST_ID_REUSED)
        decided = Attempt(
            request.attempt_id,
            request.asset_id,
            request.side,
            request.quantity,
            fingerprint=digest,
        )
        level, quote = self.levels.get(request.asset_id), self.quotes.get(request.asset_id)
        if level is None or quote is None:
            return self._keep(replace(decided, state=State.REFUSED, reason=Reason.ASSET_NOT_FOUND))
        reason = _refusal(request, level, quote, self.now, self.max_age)
        if reason is not None:
            return self._keep(replace(decided, state=State.REFUSED, reason=reason))
        if request.side is Side.BUY:
            self._move(request.asset_id, -request.quantity, request.quantity)
        return self._keep(replace(decided, state=State.RESERVED, price=quote.price))

    def _commit(self, found: Attempt) -> Attempt:
        if found.state is not State.RESERVED:
            return found
        if found.side is Side.BUY:
            self._move(found.asset_id, 0, -found.quantity)
        else:
            self._move(found.asset_id, found.quantity, 0)
        return self._keep(replace(found, state=State.COMMITTED))

    def _release(self, found: Attempt) -> Attempt:
        if found.state not in (State.RESERVED, State.NONE):
            return found
        if found.side is Side.BUY:
            self._move(found.asset_id, found.quantity, -found.quantity)
        return self._keep(replace(found, state=State.RELEASED))

    def _keep(self, attempt: Attempt) -> Attempt:
        self.attempts[attempt.attempt_id] = attempt
        return attempt

    def _move(self, asset_id: str, available: int, reserved: int) -> None:
        level = self.levels[asset_id]
        self.levels[asset_id] = replace(
            level, available=level.available + available, reserved=level.reserved + reserved
        )
