"""Marks of verdicts on a terminal, and what stands for them where Unicode cannot be shown."""

from dataclasses import dataclass

from rich import box

from seatrial.report.model import Status
from seatrial.verdict.verdicts import Verdict

__all__ = ["ASCII", "STYLES", "UNICODE", "Symbols"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """One set of marks and lines."""

    rocket: str
    clipboard: str
    party: str
    critical: str
    not_critical: str
    rule: str
    marks: dict[str, str]
    table: box.Box
    panel: box.Box

    def of(self, verdict: Verdict | Status) -> str:
        """The mark of a verdict or status."""
        return self.marks.get(verdict.lower(), self.marks["not_assessed"])


UNICODE = Symbols(
    rocket="🚀",
    clipboard="📋",
    party="🎉",
    critical="🔴",
    not_critical="⚪",
    rule="=",
    marks={
        "pass": "✅",
        "passed": "✅",
        "fail": "❌",
        "failed": "❌",
        "inconclusive": "❓",
        "error": "💥",
        "waived": "🟡",
        "not_applicable": "➖",
        "not_assessed": "➖",
        "not_run": "➖",
    },
    table=box.HEAVY_HEAD,
    panel=box.HEAVY_EDGE,
)
ASCII = Symbols(
    rocket="***",
    clipboard="--",
    party="***",
    critical="yes",
    not_critical="no",
    rule="=",
    marks={
        "pass": "[ok]",
        "passed": "[ok]",
        "fail": "[FAIL]",
        "failed": "[FAIL]",
        "inconclusive": "[?]",
        "error": "[ERROR]",
        "waived": "[waived]",
        "not_applicable": "[-]",
        "not_assessed": "[-]",
        "not_run": "[-]",
    },
    table=box.ASCII2,
    panel=box.ASCII2,
)

STYLES = {
    "pass": "green",
    "passed": "green",
    "fail": "bold red",
    "failed": "bold red",
    "inconclusive": "yellow",
    "error": "magenta",
    "waived": "yellow",
}
"""Colours by verdict or status, in lower case."""
