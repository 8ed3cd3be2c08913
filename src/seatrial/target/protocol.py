"""What a trading system has to offer to be put through its trial.

``TradingSystem`` is the sum of small protocols, one a capability. An adapter implements those its system has and declares the rest
in ``lacks``, as a whole (``"control"``) or by method (``"books.performance"``). What is declared lacking is `not_applicable` in the
report; a declared capability that is not there is a failure.

Methods are coroutines, may be called from fifty tasks of one event loop at once, take and return the records of
`seatrial.target.records`, and raise only `seatrial.errors.TargetFailure` (what the system did wrong) or
`seatrial.errors.NotSupported` (a wrong declaration). A target is an async context manager: entering starts or connects, leaving stops
what was started. Nothing is reset between scenarios; each opens its own accounts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast, runtime_checkable

from seatrial.target.records import (
    About,
    Account,
    Bar,
    Chain,
    Health,
    IngestResult,
    LedgerEvent,
    MarketState,
    OpeningPosition,
    Order,
    OrderRequest,
    Performance,
    Preview,
    Quote,
    RawAnswer,
    Recommendations,
    Risk,
)


class MarketData(Protocol):
    """Capability ``market``: data goes in, and can be read back with its age."""

    async def push_quotes(self, quotes: Sequence[Quote]) -> IngestResult:
        """Offer a batch of quotes."""

    async def market(self, symbol: str) -> MarketState:
        """Spot, age and state of one underlying."""

    async def chain(self, symbol: str) -> Chain:
        """The priced option chain of one underlying."""

    async def bars(self, symbol: str, *, start: datetime, end: datetime) -> tuple[Bar, ...]:
        """Daily bars, ``start`` inclusive, ``end`` exclusive."""


class Advice(Protocol):
    """Capability ``advice``: what to do with an account."""

    async def recommendations(self, account_id: str, symbol: str | None = None) -> Recommendations:
        """Ranked advice for an account, about one symbol or all."""


class Trading(Protocol):
    """Capability ``trading``: orders."""

    async def submit_order(self, account_id: str, order: OrderRequest, *, idempotency_key: str) -> Order:
        """Submit an order; the same key and body answer with the stored order."""

    async def preview_order(self, account_id: str, order: OrderRequest) -> Preview:
        """What the order would do."""

    async def orders(self, account_id: str) -> tuple[Order, ...]:
        """Every order of an account."""


class Books(Protocol):
    """Capability ``books``: accounts, ledger, risk and performance."""

    async def create_account(
        self, name: str, *, cash: float, kind: str = "cash", positions: Sequence[OpeningPosition] = ()
    ) -> Account:
        """Open an account."""

    async def account(self, account_id: str) -> Account:
        """The account as it stands."""

    async def ledger(self, account_id: str, *, after_sequence: int = 0) -> tuple[LedgerEvent, ...]:
        """Every event of an account after a sequence number."""

    async def risk(self, account_id: str) -> Risk:
        """Exposure, margin, VaR and ES of an account."""

    async def performance(self, account_id: str) -> Performance:
        """Performance statistics of an account."""


class Operations(Protocol):
    """Capability ``operations``: what an operator looks at."""

    async def about(self) -> About:
        """What the system says of itself."""

    async def alive(self) -> None:
        """Return when the process answers; raise `TargetFailure` otherwise."""

    async def ready(self) -> Health:
        """The readiness answer; raise `TargetFailure` when it is not ready."""

    async def metrics(self) -> Mapping[str, float]:
        """Metric samples by their exposition line without the value, e.g. ``name{label="x"}``."""


@runtime_checkable
class Control(Protocol):
    """Capability ``control``: the harness owns the system's process."""

    @property
    def process_id(self) -> int:
        """Root of the process tree under trial."""

    @property
    def data_files(self) -> tuple[Path, ...]:
        """Files in which the system keeps its state."""

    @property
    def config_directory(self) -> Path | None:
        """Where the system's configuration files are."""

    async def kill(self) -> None:
        """SIGKILL the process."""

    async def restart(self) -> None:
        """Start it again on the same data and address, and wait until it answers."""


@runtime_checkable
class HttpFace(Protocol):
    """Capability ``http``: the system can be asked on the wire, for checks of the wire itself."""

    async def raw(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        authenticated: bool = True,
    ) -> RawAnswer:
        """Send one request and return whatever comes back."""


class TradingSystem(MarketData, Advice, Trading, Books, Operations, Protocol):
    """A whole trading system, as the scenarios see it."""

    symbols: tuple[str, ...]
    lacks: frozenset[str]

    async def __aenter__(self) -> Self:
        """Start or connect."""

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop what was started."""


CAPABILITIES: Mapping[str, type] = {
    "market": MarketData,
    "advice": Advice,
    "trading": Trading,
    "books": Books,
    "operations": Operations,
    "control": Control,
    "http": HttpFace,
}


def has_capability(target: object, name: str) -> bool:
    """Tell whether a target has a capability or one method of it.

    Parameters
    ----------
    name
        ``"control"`` or ``"books.performance"``.
    """
    lacks: frozenset[str] = getattr(target, "lacks", frozenset())
    group, _, method = name.partition(".")
    if name in lacks or group in lacks:
        return False
    protocol = CAPABILITIES[group]
    wanted = (method,) if method else tuple(m for m in vars(protocol) if not m.startswith("_"))
    return all(hasattr(type(target), m) for m in wanted)


def control_of(target: object) -> Control | None:
    """The target as one whose process is ours, or None where it is not."""
    return cast("Control", target) if has_capability(target, "control") else None


#: What the trial's own symbols begin with.
OWN_SYMBOLS = "ZS"


def foreign_symbols(target: object, *, disposable: bool) -> tuple[str, ...]:
    """The target's symbols whose quotes the trial must not write: none of a disposable target, else all but the trial's own."""
    symbols: tuple[str, ...] = getattr(target, "symbols", ())
    return () if disposable else tuple(symbol for symbol in symbols if not symbol.startswith(OWN_SYMBOLS))
