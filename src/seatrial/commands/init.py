"""``seatrial init``: a trial for another project."""

import sys
from pathlib import Path

__all__ = ["init"]


def init(folder: Path = Path(), /, *, target: str = "bundled") -> int:
    """Write tests/production, ready to run, and a GitHub workflow into a project; nothing is overwritten.

    Parameters
    ----------
    folder
        The project's root.
    target
        The system to try: "bundled", an address ("http://..."), or an adapter ("module:Class").
    """
    from seatrial.init import write_trial

    for path in write_trial(folder, target=target):
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(
        "\nNext:\n"
        "  name your system in tests/production/seatrial.toml: [target] kind\n"
        "  python tests/production/run_production_tests.py --categories end_to_end_workflows\n"
        "  seatrial checks    lists every objective and check\n"
    )
    return 0
