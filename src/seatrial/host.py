"""What the host is: figures of two runs compare only where these are alike."""

import os
import platform
from collections.abc import Mapping
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


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
