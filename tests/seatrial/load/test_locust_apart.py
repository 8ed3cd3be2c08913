"""Locust stays in its own processes: importing it patches the sockets and threads of whoever does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

IMPORT_EVERYTHING = """
import importlib, pkgutil, socket, sys, threading
import seatrial.load

before = socket.socket, threading.Thread
for module in pkgutil.iter_modules(seatrial.load.__path__, "seatrial.load."):
    # These three run in Locust's processes.
    if module.name.rpartition(".")[2] not in {"locustfile", "locust_client", "locust_worker"}:
        importlib.import_module(module.name)
assert "seatrial.load.locust_engine" in sys.modules
assert "locust" not in sys.modules
assert "gevent" not in sys.modules
assert (socket.socket, threading.Thread) == before
"""

ITS_PLUGIN = """
def test_the_option_is_locusts(request):
    assert request.config.getoption("--host") is None
    import sys
    assert "locust" not in sys.modules
"""


def test_nothing_of_ours_imports_locust() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_EVERYTHING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_one_module_names_locust() -> None:
    sources = Path(__file__).parents[3] / "src" / "seatrial"
    naming = [
        path.name
        for path in sources.rglob("*.py")
        if any(line.lstrip().startswith(("import locust", "from locust")) for line in path.read_text().splitlines())
    ]
    assert naming == ["locustfile.py"]


def test_a_suite_runs_beside_locusts_pytest_plugin(tmp_path: Path) -> None:
    pytest.importorskip("pytest_locust", reason="Locust is not installed: seatrial[load]")
    test = tmp_path / "test_beside.py"
    test.write_text(ITS_PLUGIN)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"),
            *("-o", "asyncio_default_fixture_loop_scope=function", str(test)),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
