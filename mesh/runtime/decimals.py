"""Decimal text and atomic units: the only two forms of money and quantities."""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal

CENTS_SCALE = 2
MAX_TEXT = 40
PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def is_plain_decimal(text: str) -> bool:
    """Whether a text is digits with at most one point: no sign, exponent or blank."""
    return len(text) <= MAX_TEXT and PLAIN.fullmatch(text) is not None


def scale_of(value: Decimal) -> int:
    """Digits behind the point that matter: 1.50 has one."""
    exponent = value.normalize(_EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def to_units(text: str, scale: int) -> int:
    """Atomic units of a plain decimal text: `to_units("12.5", 2)` is 1250.

    Raises:
        ValueError: the text is no plain decimal or has more than `scale` places.
    """
    if not is_plain_decimal(text):
        raise ValueError("not a plain decimal number")
    value = Decimal(text)
    if scale_of(value) > scale:
        raise ValueError(f"more than {scale} decimal places")
    return int(value.scaleb(scale, _EXACT))


def to_text(units: int, scale: int) -> str:
    """Decimal text with exactly `scale` places: `to_text(1250, 2)` is "12.50"."""
    sign, digits = "-" if units < 0 else "", str(abs(units)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else sign + digits


def plain(value: Decimal) -> str:
    """A decimal without exponent or trailing zeros: 1E+2 is "100", 1.50 is "1.5"."""
    return format(value.normalize(_EXACT), "f")


def value_in_cents(units: int, scale: int, price: Decimal, *, round_up: bool) -> int:
    """Cents that `units` atomic units are worth at `price` dollars for a whole unit.

    The cost of a buy rounds up, the proceeds of a sell round down.
    """
    exact = Decimal(units).scaleb(CENTS_SCALE - scale, _EXACT)
    exact = _EXACT.multiply(exact, price)
    rounding = ROUND_UP if round_up else ROUND_DOWN
    return int(exact.quantize(Decimal(1), rounding=rounding, context=_EXACT))
