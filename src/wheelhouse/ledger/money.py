"""Cents: rounding once, and dividing an amount without losing one.

Internal amounts are Decimals in USD. Cash is a whole number of cents; costs of lots are too, so that sums are exact.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

CENT: Final = Decimal("0.01")
ZERO: Final = Decimal("0.00")


def cents(amount: Decimal | int) -> Decimal:
    """Round to the cent, halves away from zero.

    Examples
    --------
    >>> cents(Decimal("-1.005"))
    Decimal('-1.01')
    """
    return Decimal(amount).quantize(CENT, rounding=ROUND_HALF_UP)


def share_of(amount: Decimal, part: int, whole: int) -> Decimal:
    """Give the part's share of an amount, to the cent; the caller keeps `amount` minus it, so nothing is lost.

    Examples
    --------
    >>> share_of(Decimal("100.00"), 1, 3)
    Decimal('33.33')
    """
    return amount if part == whole else cents(amount * part / whole)
