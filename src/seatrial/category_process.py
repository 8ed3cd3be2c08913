"""One category's pytest process: its command line, its events as they come, and how it ended."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import HarnessError
from seatrial.events import Event, from_json
from seatrial.interruption import Interruption, end_with_descendants
from seatrial.request import RunRequest
from seatrial.settings.loading import TrialSettings

#: What pytest exits with.
ALL_PASSED = 0
SOME_FAILED = 1
NOTHING_COLLECTED = 5
#: Lines of a broken process's log that are worth showing.
LOG_LINES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a category's process ended.

    Parameters
    ----------
    exit_code
        pytest's, or minus the number of the signal that ended it.
    garbled
        Why a line of its events could not be read; None when all could.
    log
        The file with its output.
    """

    exit_code: int
    garbled: str | None
    log: Path

    @property
    def last_words(self) -> str:
        """The end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def run_category(
    command: Callable[[int], Sequence[str]],
    *,
    project: Path,
    log: Path,
    interruption: Interruption,
    take: Callable[[Event], None],
) -> Ending:
    """Run one pytest process to its end and hand over its events as they come.

    The process is never left behind: should `take` fail, it is ended with everything that it started.

    Parameters
    ----------
    command
        Makes the command line, given the file descriptor to write events to.
    log
        Takes its output.
    """
    reader, writer = os.pipe()
    garbled: str | None = None
    with os.fdopen(reader, encoding="utf-8", errors="replace") as lines:
        with log.open("wb") as output:
            try:
                process = subprocess.Popen(  # noqa: S603 - our own interpreter and plugin
                    command(writer),
                    cwd=project,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(writer,),
                    start_new_session=True,
                )
            finally:
                os.close(writer)
        with interruption.passed_on_to(process):
            try:
                for line in lines:
                    try:
                        event = from_json(line)
                    except HarnessError as error:
                        # A process that is ended in the middle of a line; whatever else came is kept.
                        garbled = garbled or str(error)
                        continue
                    take(event)
                code = process.wait()
            except BaseException:
                end_with_descendants(process)
                process.wait()
                raise
    return Ending(exit_code=code, garbled=garbled, log=log)


def pytest_command(
    request: RunRequest, settings: TrialSettings, file: Path, writer: int, *, stop_at_failure: bool
) -> list[str]:
    """The command line of a category's process; `stop_at_failure` leaves out what follows its first failed scenario."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(file),
        "-p",
        "no:cacheprovider",
        "-q",
        "--tb=short",
        f"--seatrial-events-fd={writer}",
        f"--seatrial-run-id={request.run_id}",
        f"--seatrial-profile={request.profile}",
        f"--seatrial-policy={settings.policy.name}",
        f"--seatrial-target={settings.target.kind}",
    ]
    if settings.source is not None:
        command.append(f"--seatrial-settings={settings.source}")
    if request.saboteur is not None:
        command.append(f"--seatrial-saboteur={request.saboteur}")
    command += [f"--seatrial-only={identifier}" for identifier in request.only]
    if stop_at_failure:
        command.append("--seatrial-fail-fast")
    return command
