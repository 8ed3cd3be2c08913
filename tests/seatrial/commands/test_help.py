import subprocess
import sys

import pytest

HEAVY = ("polars", "numba", "QuantLib", "databento", "statsmodels", "locust", "numpy", "scipy", "aiohttp", "pydantic")


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("prove", "--help"), ("--version",)])
def test_help_answers_without_what_takes_seconds(arguments):
    code = (
        "import sys\nfrom seatrial.cli import main\n"
        f"code = main({list(arguments)!r})\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'loaded {loaded}' if loaded else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "seatrial" in done.stdout or "0." in done.stdout
