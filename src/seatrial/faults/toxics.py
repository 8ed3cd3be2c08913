"""What a network does to a connection, as values: they say what happens, `seatrial.faults.proxy` makes it happen."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from seatrial.errors import ConfigurationError

Direction = Literal["up", "down", "both"]
"""``up`` is from the client to the dependency, ``down`` the way of its answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Every byte arrives later: by `seconds`, and by up to `jitter_seconds` more or less, evenly spread.

    Order is kept, and throughput too: what follows does not wait for what went before, as on a long wire.
    """

    seconds: float
    jitter_seconds: float = 0.0
    direction: Direction = "down"

    def __post_init__(self) -> None:
        """Check the figures."""
        _at_least_zero(self, seconds=self.seconds, jitter_seconds=self.jitter_seconds)
        if self.jitter_seconds > self.seconds:
            raise ConfigurationError(f"{self}: jitter_seconds is more than seconds; no byte arrives before it was sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """A connection carries so many bytes a second and no more."""

    bytes_per_second: float
    direction: Direction = "down"

    def __post_init__(self) -> None:
        """Check the figures."""
        _at_least_zero(self, bytes_per_second=self.bytes_per_second)
        if self.bytes_per_second == 0:
            raise ConfigurationError(f"{self}: bytes_per_second is 0; a wire that carries nothing is Blackhole()")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """Bytes arrive in pieces of `piece_bytes`, `pause_seconds` apart: readers that expect whole messages break."""

    piece_bytes: int
    pause_seconds: float = 0.001
    direction: Direction = "down"

    def __post_init__(self) -> None:
        """Check the figures."""
        _at_least_zero(self, pause_seconds=self.pause_seconds)
        if self.piece_bytes < 1:
            raise ConfigurationError(f"{self}: piece_bytes must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A connection is reset (RST) when it has carried `after_bytes` in a direction; with 0, as soon as it is made."""

    after_bytes: int = 0
    direction: Direction = "down"

    def __post_init__(self) -> None:
        """Check the figures."""
        _at_least_zero(self, after_bytes=self.after_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfClose:
    """The sender's end is closed (FIN) when a direction has carried `after_bytes`; the other way stays open."""

    after_bytes: int = 0
    direction: Direction = "down"

    def __post_init__(self) -> None:
        """Check the figures."""
        _at_least_zero(self, after_bytes=self.after_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackhole:
    """Connections are accepted and nothing arrives; when it ends, what was held back does, as after a lost route."""

    direction: Direction = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """The dependency is gone: its connections are reset and new ones refused."""


Toxic: TypeAlias = Latency | Bandwidth | Slicing | Reset | HalfClose | Blackhole | Down


def touches(toxic: Toxic, way: Literal["up", "down"]) -> bool:
    """Whether a toxic works on this way of a connection."""
    return not isinstance(toxic, Down) and toxic.direction in {way, "both"}


def _at_least_zero(toxic: object, **figures: float) -> None:
    for name, figure in figures.items():
        if not math.isfinite(figure) or figure < 0:
            raise ConfigurationError(f"{toxic}: {name} must be finite and at least 0")
