"""What a proof prints: each saboteur as it falls, and the matrix at the end."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from seatrial.report.console import make_console
from seatrial.sabotage.prove import KillMatrix, Trying


class ProofConsole:
    """Prints a line for each outcome; plain text where no terminal is attached."""

    def __init__(self, *, total: int, console: Console | None = None) -> None:
        self._console = console or make_console(sys.stdout)
        self._total = total
        self._tried = 0

    def __enter__(self) -> Self:
        self._console.print("SEA TRIAL OF THE TRIAL: can every check fail?", style="bold")
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def _say(self, markup: str, *, style: str = "", soft_wrap: bool = False) -> None:
        self._console.print(Text.from_markup(markup, style=style), soft_wrap=soft_wrap)

    def tell(self, trying: Trying) -> None:
        """Print how one saboteur or control fared."""
        seconds = f"({trying.seconds:.0f} s)"
        if trying.level == "control" or not trying.expected or trying.id == "no_op":
            word = (
                "[green]passes[/]" if trying.sound else "[red]FAILED[/]" if trying.killed_by else "[yellow]IN DOUBT[/]"
            )
            self._say(f"        {word} {trying.title} {seconds}")
            for identifier in (*trying.killed_by, *trying.undecided):
                self._say(f"                {identifier}")
            return
        self._tried += 1
        count = f"{self._tried:3d}/{self._total}"
        if trying.killed:
            self._say(f"{count} [green]killed[/] {trying.title} {seconds}", soft_wrap=True)
            self._say(f"               by {', '.join(trying.killed_by)}", style="dim", soft_wrap=True)
        else:
            doubt = f"; undecided: {', '.join(trying.undecided)}" if trying.undecided else ""
            self._say(f"{count} [red]LIVES[/]  {trying.title} {seconds}{doubt}", soft_wrap=True)

    def conclude(self, matrix: KillMatrix, folder: Path) -> None:
        """Print the verdict on the whole proof."""
        killed = sum(trying.killed for trying in matrix.saboteurs)
        table = Table.grid(padding=(0, 2))
        table.add_row("saboteurs killed", f"{killed} of {self._total}")
        table.add_row("controls", "sound" if all(control.sound for control in matrix.controls) else "NOT SOUND")
        if matrix.unkilled_checks:
            table.add_row("never seen to fail", "\n".join(matrix.unkilled_checks))
        if matrix.unproven:
            table.add_row("names no saboteur", "\n".join(matrix.unproven))
        table.add_row("matrix", str(folder / "kill_matrix.json"))
        table.add_row("time", f"{matrix.seconds:.0f} s")
        proven = matrix.exit_code == 0
        title = "PROVEN: every check can fail" if proven else f"NOT PROVEN (exit {int(matrix.exit_code)})"
        self._console.print(Panel(table, title=title, border_style="green" if proven else "red"))
