"""The one place where secrets leave the stream: between the engine and every handler."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar
from urllib.parse import quote

from seatrial.events import Event, Handler

__all__ = ["REDACTED", "EventStream", "Redactor"]

REDACTED = "[redacted]"
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)", re.IGNORECASE)
_SHORTEST = 6
# What stands behind such a word is a secret if it looks like one: eight characters or more, with a digit.
_PATTERNS = (
    # user:password@ of an address
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), REDACTED),
    (re.compile(r"(?i)\b(bearer|basic)\s+(?=[A-Za-z._~+/=-]*\d)[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (
        re.compile(
            r"(?i)\b((?:x-)?api[-_]?key|password|passwd|secret|token)(\"?\s*[:=]\s*\"?)(?=[^\s\",;&]*\d)[^\s\",;&]{8,}"
        ),
        rf"\1\2{REDACTED}",
    ),
    (re.compile(r"\bdb-[A-Za-z0-9]{20,}\b"), REDACTED),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), REDACTED),
)

E = TypeVar("E")


class Redactor:
    """Replaces secrets in text and in everything made of it.

    Parameters
    ----------
    secrets
        Literal secrets. Those under six characters are ignored: they would blank out ordinary words.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._literals: set[str] = set()
        for secret in secrets:
            self.add(secret)

    @classmethod
    def from_environment(cls, env: Mapping[str, str], more: Iterable[str] = ()) -> "Redactor":
        """Knows the values of all variables whose names speak of keys, tokens, secrets, passwords or credentials.

        A value that is a path, as of ``GOOGLE_APPLICATION_CREDENTIALS``, is kept: it helps the reader and holds no secret.
        """
        named = [
            value for name, value in env.items() if _SECRET_NAME.search(name) and not value.startswith(("/", "./"))
        ]
        return cls([*named, *more])

    def add(self, secret: str) -> None:
        """Learn a secret that came up during the run, such as a key the target issued."""
        if len(secret) >= _SHORTEST:
            self._literals.update((secret, quote(secret, safe="")))

    def text(self, text: str) -> str:
        """The text without its secrets."""
        for literal in sorted(self._literals, key=len, reverse=True):
            text = text.replace(literal, REDACTED)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def value(self, value: E) -> E:
        """The same value with every string in it redacted: dataclasses, mappings, tuples and lists, to any depth."""
        return self._walk(value)  # type: ignore[return-value]

    def _walk(self, value: object) -> object:
        if type(value) is str:
            return self.text(value)
        if isinstance(value, tuple | list):
            return type(value)(self._walk(item) for item in value)
        if isinstance(value, Mapping):
            return {self._walk(key): self._walk(item) for key, item in value.items()}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._walk_fields(value)
        return value

    def _walk_fields(self, value: object) -> object:
        assert dataclasses.is_dataclass(value)
        assert not isinstance(value, type)
        changed: dict[str, object] = {}
        for field in dataclasses.fields(value):
            before = getattr(value, field.name)
            after = self._walk(before)
            if after != before:
                changed[field.name] = after
        return dataclasses.replace(value, **changed) if changed else value


class EventStream:
    """Hands every event, redacted, to every handler.

    Parameters
    ----------
    handlers
        In the order in which they are told.
    redactor
        Sees each event first.
    """

    def __init__(self, handlers: Iterable[Handler], redactor: Redactor) -> None:
        self._handlers = tuple(handlers)
        self._redactor = redactor

    def handle(self, event: Event) -> None:
        """Redact and pass on."""
        clean = self._redactor.value(event)
        for handler in self._handlers:
            handler.handle(clean)

    def close(self) -> None:
        """Close every handler, also when one of them fails; then raise what failed.

        Raises
        ------
        ExceptionGroup
            Everything the handlers raised.
        """
        problems: list[Exception] = []
        for handler in self._handlers:
            try:
                handler.close()
            except Exception as problem:  # noqa: BLE001 - the other reports are still to be written
                problems.append(problem)
        if problems:
            raise ExceptionGroup("reports could not be finished", problems)
