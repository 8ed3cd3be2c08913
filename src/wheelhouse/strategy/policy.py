"""The wheel's policy: every knob that decides what is sold, rolled, closed or left alone.

A policy is a value: checked when it is made, compared and hashed like any other, and part of the input of every recommendation.
`WheelPolicy.knobs` lists what each knob means and between which bounds it may move, for documentation and for ``config show``.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeVar, cast

from wheelhouse.errors import InvalidInput

_T = TypeVar("_T", bool, int, float, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One setting of a policy.

    Attributes
    ----------
    default
        Value of `WheelPolicy()`.
    low, high
        Inclusive bounds of a number; None for switches and choices.
    choices
        Allowed words; empty for numbers and switches.
    meaning
        One sentence with the unit.
    """

    name: str
    default: bool | int | float | str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    meaning: str


def _knob(
    default: _T, meaning: str, *, low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()
) -> _T:
    return field(default=default, metadata={"meaning": meaning, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPolicy:
    """What the wheel may do. Fractions are decimals (0.10 is ten percent), prices USD per share, days New York dates.

    Raises
    ------
    InvalidInput
        If a knob has the wrong type, lies outside its bounds or contradicts another; the message names it, its value and its bounds.

    Examples
    --------
    >>> WheelPolicy(put_max_delta=0.25).put_max_delta
    0.25
    >>> WheelPolicy.preset("early_exit").roll_profit
    0.5
    """

    put_min_delta: float = _knob(0.15, "least |delta| of a put to sell", low=0.01, high=0.60)
    put_max_delta: float = _knob(0.30, "greatest |delta| of a put to sell", low=0.01, high=0.60)
    call_min_delta: float = _knob(0.15, "least delta of a call to sell", low=0.01, high=0.60)
    call_max_delta: float = _knob(0.35, "greatest delta of a call to sell", low=0.01, high=0.60)
    min_dte: int = _knob(21, "least days to expiry of an option to sell; keep it above roll_dte", low=0, high=730)
    max_dte: int = _knob(56, "greatest days to expiry of an option to sell", low=1, high=730)
    min_annualized_yield: float = _knob(0.05, "least annualised yield of a sale at the bid", low=0.0, high=10.0)

    max_spread: float = _knob(
        0.10, "a spread of at most this many USD per share is always narrow enough", low=0.0, high=100.0
    )
    max_spread_fraction: float = _knob(
        0.15, "a spread of at most this fraction of the mid is narrow enough", low=0.0, high=2.0
    )
    min_open_interest: int = _knob(10, "least open interest in contracts", low=0, high=1_000_000)
    min_volume: int = _knob(0, "least volume of the session in contracts", low=0, high=1_000_000)
    require_known_liquidity: bool = _knob(
        False, "refuse contracts whose open interest or volume is unknown, where a least is set"
    )

    fee_per_contract: float = _knob(
        0.65, "USD that the broker takes for each contract of each order", low=0.0, high=100.0
    )
    allow_earnings: bool = _knob(False, "sell options that live through a known report of earnings")
    avoid_ex_dividend: bool = _knob(False, "sell no call that lives through a known ex-date")

    secured_by: str = _knob("cash", "what stands behind a put in a margin account", choices=("cash", "margin"))
    cash_reserve: float = _knob(0.0, "fraction of the equity that is never put behind options", low=0.0, high=0.95)
    max_name_share: float = _knob(
        1.0, "greatest fraction of the equity that one name may take if assigned; 1 is no limit", low=0.01, high=1.0
    )
    max_sector_share: float = _knob(
        1.0, "greatest fraction of the equity that one sector may take if assigned; 1 is no limit", low=0.01, high=1.0
    )
    kelly_share: float = _knob(0.25, "fraction of Kelly's bet that sizing may take", low=0.05, high=1.0)
    max_contracts: int = _knob(10, "greatest number of contracts in one recommendation", low=1, high=10_000)
    concurrent_puts: bool = _knob(False, "sell puts also on a name that has a round lot or a short option already")

    call_floor: str = _knob("tax", "cost basis that no call is struck below", choices=("tax", "campaign", "none"))
    call_coverage: float = _knob(1.0, "greatest fraction of the round lots to sell calls on", low=0.0, high=1.0)

    roll_profit: float = _knob(
        0.90, "profit, as a fraction of the credit, that ends a short option", low=0.05, high=1.0
    )
    roll_dte: int = _knob(
        15, "days to expiry from which a short option with the least profit is rolled", low=0, high=365
    )
    roll_min_profit: float = _knob(
        0.0, "profit, as a fraction of the credit, that a roll by days needs", low=-1.0, high=1.0
    )
    roll_when_itm: bool = _knob(False, "an option in the money is always rolled")
    roll_itm_puts: bool = _knob(False, "a put in the money may be rolled")
    roll_itm_calls: bool = _knob(True, "a call in the money may be rolled")
    roll_on_early_exercise: bool = _knob(False, "an option that is likely to be exercised early is rolled")
    roll_max_dte: int = _knob(180, "greatest days to expiry of the new leg of a roll", low=1, high=1095)
    roll_min_credit: float = _knob(
        0.0, "a roll must bring more than this after fees, USD per share", low=0.0, high=100.0
    )
    at_profit: str = _knob("roll", "what follows when roll_profit is reached", choices=("roll", "close"))

    hedge_budget: float = _knob(0.02, "greatest cost of one hedge as a fraction of the equity", low=0.0, high=1.0)
    soft_band: float = _knob(
        0.05, "distance from its target weight that a name is brought back to by rebalancing", low=0.0, high=1.0
    )
    hard_band: float = _knob(0.10, "distance from its target weight from which a name is rebalanced", low=0.0, high=1.0)

    pin_width: float = _knob(
        0.0025, "distance to the strike, as a fraction of it, within which assignment is unknown", low=0.0, high=0.10
    )
    alternatives: int = _knob(1, "number of contracts to recommend for one sale, the best first", low=1, high=50)

    def __post_init__(self) -> None:
        for knob in _KNOBS:
            _check(knob, getattr(self, knob.name))
        for low, high in (
            ("put_min_delta", "put_max_delta"),
            ("call_min_delta", "call_max_delta"),
            ("min_dte", "max_dte"),
            ("soft_band", "hard_band"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise InvalidInput(
                    f"policy: {low} = {getattr(self, low)} lies above {high} = {getattr(self, high)}: nothing could qualify; "
                    f"lower {low} or raise {high}"
                )

    @classmethod
    def knobs(cls) -> tuple[Knob, ...]:
        """List every knob in the order of the class."""
        return _KNOBS

    @classmethod
    def preset(cls, name: str) -> "WheelPolicy":
        """Give a named policy.

        ``standard`` is the default; ``conservative`` sells further out and spreads over names; ``aggressive`` sells nearer and accepts
        earnings; ``early_exit`` closes at half of the profit and rolls at 21 days.

        Raises
        ------
        InvalidInput
            If there is no such preset.
        """
        if name not in _PRESETS:
            raise InvalidInput(f"policy: there is no preset {name!r}; {_suggest(name, PRESETS)}")
        return cls.from_mapping(_PRESETS[name])

    @classmethod
    def from_mapping(cls, values: Mapping[str, object], *, start: "WheelPolicy | None" = None) -> "WheelPolicy":
        """Make a policy of named values, as a settings file gives them; what is absent stays as in `start` or the default.

        The name ``preset`` chooses what to start from.

        Raises
        ------
        InvalidInput
            If a name is unknown or a value is not allowed.
        """
        given = cast("dict[str, Any]", dict(values))
        base = cls.preset(str(given.pop("preset"))) if "preset" in given else start or cls()
        names = tuple(knob.name for knob in _KNOBS)
        for name in given:
            if name not in names:
                raise InvalidInput(f"policy: there is no knob {name!r}; {_suggest(name, names)}")
        return replace(base, **given)

    def delta_bounds(self, *, call: bool) -> tuple[float, float]:
        """Least and greatest |delta| of an option to sell."""
        return (self.call_min_delta, self.call_max_delta) if call else (self.put_min_delta, self.put_max_delta)


def _knobs_of(policy: type[WheelPolicy]) -> tuple[Knob, ...]:
    return tuple(
        Knob(name=f.name, default=cast("bool | int | float | str", f.default), **f.metadata) for f in fields(policy)
    )


def _check(knob: Knob, value: object) -> None:
    if knob.choices:
        if value not in knob.choices:
            raise InvalidInput(
                f"policy: {knob.name} = {value!r} is none of {', '.join(knob.choices)}; {_suggest(str(value), knob.choices)}"
            )
        return
    if isinstance(knob.default, bool):
        if not isinstance(value, bool):
            raise InvalidInput(f"policy: {knob.name} = {value!r} must be true or false")
        return
    whole = isinstance(knob.default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise InvalidInput(
            f"policy: {knob.name} = {value!r} must be a {'whole number' if whole else 'number'} {_bounds(knob)}"
        )
    if math.isnan(value) or not cast("float", knob.low) <= value <= cast("float", knob.high):
        raise InvalidInput(f"policy: {knob.name} = {value} lies outside its bounds, {_bounds(knob)} ({knob.meaning})")


def _bounds(knob: Knob) -> str:
    return f"from {knob.low:g} to {knob.high:g}"


def _suggest(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"


_KNOBS: Final = _knobs_of(WheelPolicy)

_PRESETS: Final[Mapping[str, Mapping[str, object]]] = {
    "standard": {},
    "conservative": {
        "put_min_delta": 0.08,
        "put_max_delta": 0.20,
        "call_min_delta": 0.08,
        "call_max_delta": 0.25,
        "max_name_share": 0.25,
        "cash_reserve": 0.05,
        "min_annualized_yield": 0.03,
        "max_spread_fraction": 0.10,
        "min_open_interest": 100,
        "require_known_liquidity": True,
        "avoid_ex_dividend": True,
    },
    "aggressive": {
        "put_min_delta": 0.25,
        "put_max_delta": 0.45,
        "call_min_delta": 0.25,
        "call_max_delta": 0.45,
        "min_dte": 7,
        "roll_dte": 3,
        "max_spread_fraction": 0.25,
        "allow_earnings": True,
        "roll_itm_puts": True,
    },
    "early_exit": {"min_dte": 28, "max_dte": 63, "roll_profit": 0.50, "roll_dte": 21, "at_profit": "close"},
}
PRESETS: Final = tuple(_PRESETS)
