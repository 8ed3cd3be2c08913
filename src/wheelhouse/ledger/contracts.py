"""The contract behind a symbol: what was put for it, else what its OSI symbol says."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from wheelhouse.ledger.orders import OSI_LENGTH
from wheelhouse.market.instruments import OptionContract, contract_from_osi

Contracts: TypeAlias = Mapping[str, OptionContract]
"""Known contracts by padded OSI symbol; only those that differ from their symbol's standard reading need be in it."""


@lru_cache(maxsize=16_384)
def _standard(symbol: str) -> OptionContract:
    return contract_from_osi(symbol)


def is_option(symbol: str) -> bool:
    """Tell options from equities among normalised symbols."""
    return len(symbol) == OSI_LENGTH


def contract_of(symbol: str, contracts: Contracts) -> OptionContract:
    """Give the contract of an option symbol.

    Raises
    ------
    MalformedSymbol
        If the symbol is no OSI symbol.
    """
    return contracts.get(symbol) or _standard(symbol)


def multiplier_of(symbol: str, contracts: Contracts) -> int:
    """USD of cash for one unit of quantity and one USD of price: the premium multiplier of an option, 1 for a share."""
    return contract_of(symbol, contracts).premium_multiplier if is_option(symbol) else 1


def underlying_of(symbol: str, contracts: Contracts) -> str:
    """Name the underlying whose cycle a symbol belongs to; a share is its own."""
    return contract_of(symbol, contracts).underlying if is_option(symbol) else symbol
