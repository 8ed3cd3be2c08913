"""What a saboteur is: a deliberate defect of a target or of its surroundings."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Literal, Protocol

Level = Literal["answers", "process", "storage", "load"]


class Launch(Protocol):
    """Starts the healthy target and gives its address.

    Attributes
    ----------
    folder
        A folder of the trial's own, gone with the target.
    """

    folder: Path

    @property
    def data_files(self) -> tuple[Path, ...]:
        """Files in which the target keeps its state."""

    @property
    def config_directory(self) -> Path | None:
        """The configuration that the target is started with, unless its environment names another."""

    async def __call__(
        self,
        env: Mapping[str, str] | None = None,
        argv: Sequence[str] = (),
        wrap: Callable[[Sequence[str]], Sequence[str]] | None = None,
    ) -> str:
        """Start it with an addition to its environment or options, or wrapped in another command."""

    async def kill(self) -> None:
        """SIGKILL what was started."""


class Saboteur(Protocol):
    """One deliberate defect, by its id and a title that says what is wrong."""

    @property
    def id(self) -> str:
        """A short, stable name."""

    @property
    def title(self) -> str:
        """What is wrong, in one line."""

    @property
    def expected(self) -> tuple[str, ...]:
        """Ids of the objectives and checks of which at least one must fail."""

    @property
    def level(self) -> Level:
        """Where the defect sits; decides what may run beside it."""

    def sabotage(self, launch: Launch) -> AbstractAsyncContextManager[str]:
        """Start the target by `launch` and yield the address to try: a proxy's of its own, or the target's."""
