"""Ctrl-C and SIGTERM, turned into an orderly end: children clean up, reports are finished, then we exit."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import psutil


class Interruption:
    """Remembers that an end was asked for and passes it on to the children that run.

    Children live in sessions of their own, so a Ctrl-C at the terminal reaches them only from here, and only once: a second one would
    break their clean-up off. A second request ends them at once, with everything that they started.
    """

    def __init__(self) -> None:
        self.requested = False
        self._children: set[subprocess.Popen[bytes]] = set()

    @contextmanager
    def passed_on_to(self, child: "subprocess.Popen[bytes]") -> Iterator[None]:
        """Let a child take part while it runs."""
        self._children.add(child)
        try:
            if self.requested:
                child.send_signal(signal.SIGINT)
            yield
        finally:
            self._children.discard(child)

    def request(self) -> None:
        """Ask for the end: the first time politely."""
        again, self.requested = self.requested, True
        for child in tuple(self._children):
            if child.poll() is not None:
                continue
            if again:
                end_with_descendants(child)
            else:
                child.send_signal(signal.SIGINT)

    @contextmanager
    def on_signals(self) -> Iterator["Interruption"]:
        """Be asked by SIGINT and SIGTERM; only from the main thread."""

        def asked(_number: int, _frame: FrameType | None) -> None:
            self.request()

        before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def end_with_descendants(child: "subprocess.Popen[bytes]") -> None:
    """SIGKILL a child and all that it started: a server in a session of its own would outlive it."""
    try:
        descendants = psutil.Process(child.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        descendants = []
    if child.poll() is None:
        child.kill()
    for process in descendants:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
