"""What a saboteur is: a deliberate defect of a target or of its surroundings."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

Level = Literal["answers", "process", "storage", "load"]


class Launch(Protocol):
    """Starts the healthy target and gives its address."""

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
    """One deliberate defect.

    Attributes
    ----------
    expected
        Ids of the objectives and checks of which at least one must fail.
    level
        Where the defect sits; decides what may run beside it.
    """

    id: str
    title: str
    expected: tuple[str, ...]
    level: Level

    def sabotage(self, launch: Launch) -> AbstractAsyncContextManager[str]:
        """Start the target by `launch` and yield the address to try: a proxy's of its own, or the target's."""
