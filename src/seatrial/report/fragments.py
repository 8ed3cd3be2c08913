"""Pieces of HTML that every section of the page is made of. What comes from outside is escaped here."""

from collections.abc import Iterable
from html import escape

from seatrial.verdict.verdicts import Verdict

__all__ = ["badge", "code", "details", "meter", "section", "table", "text", "verdict_badge"]


def text(words: str) -> str:
    """Words as they are."""
    return escape(words)


def code(words: str) -> str:
    """An id, in which a line may break behind a dot or an underscore and nowhere else."""
    return f"<code>{escape(words).replace('.', '.<wbr>').replace('_', '_<wbr>')}</code>"


def badge(word: str, css: str) -> str:
    """A word in a frame."""
    return f'<span class="badge {escape(css)}">{escape(word)}</span>'


def verdict_badge(verdict: Verdict, *, decides: bool = True) -> str:
    """A verdict; a missed target that does not decide is shown as such, and not in red."""
    if verdict is Verdict.FAIL and not decides:
        return badge("missed target", "waived")
    return badge(verdict.value.replace("_", " "), verdict.value)


def meter(share: float | None, css: str) -> str:
    """A bar that is ``share`` full, 0..1; more is full."""
    if share is None:
        return ""
    return f'<span class="meter {escape(css)}"><i style="width:{min(max(share, 0.0), 1.0) * 100:.1f}%"></i></span>'


def section(title: str, content: str, *, note: str = "") -> str:
    """A headed part of the page; nothing without content."""
    said = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{said}{content}</section>" if content else ""


def details(summary: str, content: str) -> str:
    """A part that opens when it is asked for, and stands open in print; nothing without content."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>" if content else ""


def table(headers: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    """A table that becomes a list of cards on a narrow screen. Cells are HTML already; nothing without rows."""
    body = "".join(
        "<tr>"
        + "".join(f'<td data-label="{escape(name)}">{cell}</td>' for name, cell in zip(headers, row, strict=True))
        + "</tr>"
        for row in rows
    )
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in headers)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""
