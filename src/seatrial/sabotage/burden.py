"""Run a command with a burden beside it in the same process tree.

    python -m seatrial.sabotage.burden memory|cpu AMOUNT -- COMMAND...

``memory AMOUNT`` holds that many MiB, ``cpu AMOUNT`` keeps that many processes spinning. Signals and the exit code are the command's.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from types import FrameType


def _spin() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        for _ in range(1_000_000):
            pass


def main(argv: list[str]) -> int:
    """Take up the burden, run the command, pass signals on."""
    kind, amount, separator, *command = (*argv, "", "", "")[: max(3, len(argv))]
    if kind not in ("memory", "cpu") or not amount.isdecimal() or separator != "--" or not command:
        sys.stderr.write(f"usage: burden memory|cpu AMOUNT -- COMMAND..., not {' '.join(argv)}\n")
        return 4
    held = bytearray(b"\1") * (int(amount) << 20) if kind == "memory" else bytearray()
    spinning = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(int(amount) if kind == "cpu" else 0)]
    for process in spinning:
        process.start()
    child = subprocess.Popen(command)  # noqa: S603 - the command is the trial's own

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    try:
        code = child.wait()
        # As a shell says it: 128 and the signal's number.
        return code if code >= 0 else 128 - code
    finally:
        held.clear()
        for process in spinning:
            process.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
