"""What a run's figures rest on, the host and the scenarios: two runs compare only where these are alike."""

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from seatrial.events import Fact


def fingerprint() -> Mapping[str, Fact]:
    """Facts about this machine and interpreter; memory in bytes, cores as counts."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_model": _cpu_model(),
        "cores": psutil.cpu_count() or 0,
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "ci": os.environ.get("CI", "").lower() in ("1", "true"),
    }


#: What decides on a figure beside the trial's own test files: the packages that make and judge it.
_MEASURING = ("scenarios", "checks", "exchange", "load", "observe", "settings", "verdict")


def scenario_hash(files: Iterable[Path]) -> str:
    """A short hash of the trial's test files and of what measures and judges; other scenarios make other figures."""
    package = Path(__file__).parent
    own = sorted(path for name in _MEASURING for path in (package / name).rglob("*") if path.suffix in (".py", ".toml"))
    digest = hashlib.sha256()
    for path in (*sorted(files), *own):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
