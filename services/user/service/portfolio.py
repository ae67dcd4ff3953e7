"""Holdings and portfolios at present prices: pure arithmetic in cents and atomic units."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal

from tradewind.inventory.v1.stock_pb2 import Quote
from tradewind.user.v1.account_pb2 import Holding, Portfolio

from mesh.runtime.decimals import CENTS_SCALE, to_text, value_in_cents
from services.user.domain.ledger import USD, Account

SHARE_SCALE = 4

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)

log = logging.getLogger(__name__)


def market_value(account: Account, quote: Quote) -> int:
    """Cents that available and held together are worth, rounded down."""
    return value_in_cents(
        account.posted, quote.quantity_scale, Decimal(quote.price), round_up=False
    )


def holding(account: Account, quote: Quote) -> Holding:
    """What a customer holds of an asset."""
    return Holding(
        asset_id=quote.asset_id,
        available=to_text(account.available, quote.quantity_scale),
        held=to_text(account.pending_out, quote.quantity_scale),
        price=quote.price,
        market_value=to_text(market_value(account, quote), CENTS_SCALE),
        price_time=quote.price_time,
    )


def _rounded(value: Decimal, scale: int) -> str:
    return format(value.quantize(Decimal(1).scaleb(-scale), context=_EXACT), "f")


def average_cost(account: Account, quote: Quote) -> str:
    """Dollars that one unit cost on average, at the price's scale."""
    dollars = Decimal(account.cost).scaleb(-CENTS_SCALE, _EXACT)
    units = Decimal(account.posted).scaleb(-quote.quantity_scale, _EXACT)
    return _rounded(_EXACT.divide(dollars, units), quote.price_scale)


def _position(account: Account, quote: Quote, total: int) -> Portfolio.Position:
    value = market_value(account, quote)
    share = _EXACT.divide(Decimal(value), Decimal(total)) if total else Decimal(0)
    return Portfolio.Position(
        asset_id=quote.asset_id,
        name=quote.name,
        quantity=to_text(account.posted, quote.quantity_scale),
        price=quote.price,
        market_value=to_text(value, CENTS_SCALE),
        share=_rounded(share, SHARE_SCALE),
        average_cost=average_cost(account, quote),
        unrealized_gain=to_text(value - account.cost, CENTS_SCALE),
        price_time=quote.price_time,
    )


def portfolio(accounts: Sequence[Account], quotes: Mapping[str, Quote]) -> Portfolio:
    """Everything a customer owns, largest value first.

    A holding without a quote has neither scale nor price to show it by: it is
    left out, and logged.
    """
    cash = sum(account.posted for account in accounts if account.key.asset_id == USD)
    shown: list[tuple[Account, Quote]] = []
    for account in accounts:
        asset_id = account.key.asset_id
        if asset_id == USD or not account.posted:
            continue
        if asset_id in quotes:
            shown.append((account, quotes[asset_id]))
        else:
            log.warning("a held asset has no quote", extra={"asset": asset_id})
    shown.sort(key=lambda pair: (-market_value(*pair), pair[0].key.asset_id))
    assets = sum(market_value(account, quote) for account, quote in shown)
    return Portfolio(
        cash=to_text(cash, CENTS_SCALE),
        assets_value=to_text(assets, CENTS_SCALE),
        total_value=to_text(cash + assets, CENTS_SCALE),
        positions=[_position(account, quote, cash + assets) for account, quote in shown],
    )
