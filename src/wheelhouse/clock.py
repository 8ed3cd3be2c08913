"""What time it is: the machine's time, or a declared one that starts at a timestamp and runs at a pace.

Everything that depends on market time (ages, sessions, expiries) asks a :class:`Clock`. Rates, latencies, time-outs and the
lifetimes of keys run in real time and never ask it.
"""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from wheelhouse.errors import ConfigurationError

ClockKind = Literal["system", "simulated"]

_PACED = re.compile(r"^(?P<start>.+?)(?:@(?P<pace>[0-9.eE+]+)x)?$")
_EXAMPLE = "2015-12-24T12:00:00-05:00@60x"


class Clock(Protocol):
    """A source of market time."""

    @property
    def kind(self) -> ClockKind:
        """Whether this is the machine's time or a declared one."""
        ...

    def now(self) -> datetime:
        """The current time, timezone-aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own time."""

    kind: ClockKind = field(default="system", init=False)

    def now(self) -> datetime:
        """The machine's time in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedClock:
    """A time that stood at `start` when the clock was made and runs `pace` times as fast as the wall's.

    Parameters
    ----------
    start
        Timezone-aware instant at which the clock starts.
    pace
        Simulated seconds per real second, finite and at least 0; 0 is a frozen clock, for tests.
    monotonic
        Real seconds that have passed; injected by tests.
    """

    start: datetime
    pace: float = 1.0
    monotonic: Callable[[], float] = time.monotonic
    kind: ClockKind = field(default="simulated", init=False)
    _origin: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        """Check the start and the pace, and note when the clock was made."""
        if self.start.tzinfo is None:
            raise ConfigurationError(f"clock start {self.start.isoformat()!r} has no offset; write it as {_EXAMPLE!r}")
        if not math.isfinite(self.pace) or self.pace < 0:
            raise ConfigurationError(
                f"clock pace {self.pace!r} must be finite and not negative; write it as {_EXAMPLE!r}"
            )
        object.__setattr__(self, "_origin", self.monotonic())

    def now(self) -> datetime:
        """The simulated time in UTC."""
        elapsed = timedelta(seconds=(self.monotonic() - self._origin) * self.pace)
        return (self.start + elapsed).astimezone(UTC)


def parse_clock(text: str, *, environment: str = "development") -> Clock:
    """Make the clock that the setting `WHEELHOUSE_CLOCK` describes.

    Parameters
    ----------
    text
        ``system``, a timestamp with an offset, or one with a pace: ``2015-12-24T12:00:00-05:00@60x``.
    environment
        In ``production`` only ``system`` is allowed.

    Raises
    ------
    ConfigurationError
        The text is none of these, or not allowed in this environment.
    """
    if text.strip().lower() == "system":
        return SystemClock()
    if environment == "production":
        raise ConfigurationError(
            f"clock {text!r} is refused in environment 'production'; only 'system' is allowed there"
        )
    match = _PACED.match(text.strip())
    start_text, pace_text = (match["start"], match["pace"] or "1") if match else ("", "1")
    try:
        start, pace = datetime.fromisoformat(start_text), float(pace_text)
    except ValueError as error:
        raise ConfigurationError(f"clock {text!r} is neither 'system' nor a timestamp such as {_EXAMPLE!r}") from error
    return SimulatedClock(start=start, pace=pace)
