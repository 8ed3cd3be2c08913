"""The trial that ``seatrial init`` writes into a project: ``tests/production/`` and a GitHub workflow.

Every file is short and meant to be changed; whatever they do not say comes from seatrial itself.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from seatrial.errors import ConfigurationError
from seatrial.settings.finding import TRIAL_FOLDER
from seatrial.settings.model import TargetSettings

__all__ = ["WORKFLOW", "trial_files", "write_trial"]

WORKFLOW = Path(".github/workflows/production-validation.yml")

_CONFTEST = '''"""The trial of this project's trading system; which one that is says ``seatrial.toml``.

The fixtures come from seatrial's pytest plugin:

``advisor``
    The trading system under trial, started or connected once for all tests of a run.
``temp_storage``
    A folder for one test, with the address of a database in it.
``production_context``
    ``async with production_context("Title") as ctx``: steps, load, measurements, and the scenario's verdict.
"""
'''

_PYTEST_INI = """[pytest]
minversion = 9.0
addopts = --import-mode=importlib --strict-markers
asyncio_mode = auto
asyncio_default_fixture_loop_scope = session
asyncio_default_test_loop_scope = session
timeout = 300
"""

_SETTINGS = """# The trial of this project. What is not said here is as in seatrial's defaults: `seatrial checks` lists every objective and check.

[target]
# "bundled" is the wheelhouse that comes with seatrial; an address of a server that speaks the contract ("http://127.0.0.1:8080", its key
# in SEATRIAL_TARGET_KEY); or a Python adapter ("my_package.trial:Adapter", see seatrial.target.testing).
kind = "{target}"
# What your system does not have; printed in every report, and not applicable.
lacks = []
# Whether restore, archive, kill switch and faults may be tried on it.
disposable = false

# A limit of your own; only what differs needs to be said.
# [objectives."stress_testing.concurrent_recommendations.response_time_p95"]
# limit = 0.5

# A known failure that somebody answers for, until a day.
# [[waivers]]
# id = "monitoring.metrics_move"
# owner = "you@example.com"
# reason = "metrics come with the next release"
# expires = 2030-01-31
"""

_TEST_FILE = '''"""{description}"""

from seatrial.scenarios import {scenarios}


class Test{scenarios}({scenarios}):
    """A scenario of your own is one more method: ``async def test_mine(self, advisor, production_context)``."""
'''

_CATEGORIES = {
    "end_to_end_workflows": ("EndToEndWorkflows", "Complete trading workflows, from market data to money."),
    "stress_testing": ("StressTesting", "Concurrent usage and system limits."),
    "real_world_scenarios": ("RealWorldScenarios", "Market situations that matter."),
    "production_readiness": ("ProductionReadiness", "Deployment readiness, one test a check."),
}

_RUNNER = '''"""Run the whole production validation; a thin door to ``seatrial run`` that leaves its reports in the current folder.

    python tests/production/run_production_tests.py [--verbose] [--fail-fast] [--categories A B]
"""

import sys

from seatrial.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--report-dir", ".", *sys.argv[1:]]))
'''

_WORKFLOW = """name: Production Validation
on:
  pull_request:
    branches: [main]
  workflow_dispatch:

permissions:
  contents: read

jobs:
  production-tests:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v5
      - name: Set up Python
        uses: actions/setup-python@v6
        with:
          python-version: '3.11'
      - name: Install dependencies
        run: |
          pip install {requirement}
          if [ -f requirements.txt ]; then pip install -r requirements.txt; fi
      - name: Earlier runs
        uses: actions/cache@v4
        with:
          path: seatrial-results/history
          key: seatrial-history-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}
          restore-keys: seatrial-history-
      - name: Run production validation
        run: python tests/production/run_production_tests.py{environment}
      - name: Trends
        if: always()
        run: seatrial history
      - name: Upload test results
        uses: actions/upload-artifact@v5
        if: always()
        with:
          name: production-test-results
          path: |
            production_validation_report_*.json
            production_readiness_report_*.json
            test_results_*.xml
            report.html
            events.jsonl
"""

_KEY = """
        env:
          SEATRIAL_TARGET_KEY: ${{ secrets.SEATRIAL_TARGET_KEY }}"""


def trial_files(target: str = "bundled") -> Mapping[Path, str]:
    """Each file's text by its path from the project's root.

    Raises
    ------
    ConfigurationError
        ``target`` is none that settings would accept.
    """
    try:
        way = TargetSettings(kind=target).way
    except ValidationError as cause:
        problem = cause.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"--target: {problem}") from cause
    if '"' in target or "\\" in target or not target.isprintable():
        raise ConfigurationError(f"--target: {target!r} cannot stand in a TOML string")
    workflow = _WORKFLOW.format(
        requirement="'seatrial[wheelhouse]'" if way == "bundled" else "seatrial",
        environment=_KEY if way == "http" else "",
    )
    tests = {
        TRIAL_FOLDER / f"test_{name}.py": _TEST_FILE.format(description=description, scenarios=scenarios)
        for name, (scenarios, description) in _CATEGORIES.items()
    }
    return {
        TRIAL_FOLDER / "conftest.py": _CONFTEST,
        TRIAL_FOLDER / "pytest.ini": _PYTEST_INI,
        TRIAL_FOLDER / "seatrial.toml": _SETTINGS.format(target=target),
        **tests,
        TRIAL_FOLDER / "run_production_tests.py": _RUNNER,
        WORKFLOW: workflow,
    }


def write_trial(root: Path, *, target: str = "bundled") -> tuple[Path, ...]:
    """Write every file of a trial into a project; returns their paths.

    Raises
    ------
    ConfigurationError
        The folder is not there, or one of the files is; then nothing is written.
    """
    if not root.is_dir():
        raise ConfigurationError(f"{root} is no folder; make the project first")
    files = {root / path: text for path, text in trial_files(target).items()}
    there = [str(path) for path in files if path.exists()]
    if there:
        raise ConfigurationError(f"nothing was written, since these files are there already: {', '.join(there)}")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive: what somebody else wrote in between is not overwritten either.
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    return tuple(files)
