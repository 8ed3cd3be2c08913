"""The command line: ``seatrial <command>``.

Only the argument parser is imported here; each command imports what it needs when it runs. Exit codes: 0 READY, 1 NOT READY, 2 INCONCLUSIVE,
3 internal error, 4 wrong usage or configuration, 5 nothing selected, 130 interrupted.
"""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from seatrial import __version__
from seatrial.errors import ConfigurationError, SeatrialError

EXIT_INTERNAL_ERROR = 3
EXIT_USAGE = 4

Profile = Literal["quick", "standard", "full", "soak", "prove"]
Policy = Literal["standard", "release"]
Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())]

app = App(
    name="seatrial",
    help="Puts a trading system through its sea trial: READY, NOT READY or INCONCLUSIVE, with evidence.",
    version=__version__,
    help_format="plaintext",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        # The parser has said what is wrong.
        return EXIT_USAGE
    except ConfigurationError as error:
        sys.stderr.write(f"seatrial: {error}\n")
        return EXIT_USAGE
    except SeatrialError as error:
        sys.stderr.write(f"seatrial: internal error: {error}\n")
        return EXIT_INTERNAL_ERROR
    except Exception:  # noqa: BLE001 - the exit code has to say that it was us
        sys.stderr.write(f"seatrial: internal error\n{traceback.format_exc()}")
        return EXIT_INTERNAL_ERROR
    return code if isinstance(code, int) else 0


@app.command
def run(
    *,
    categories: Names = (),
    target: str | None = None,
    profile: Profile = "standard",
    policy: Policy = "standard",
    fail_fast: bool = False,
    verbose: bool = False,
    report_dir: Path | None = None,
    saboteur: str | None = None,
) -> int:
    """Run the trial and decide.

    Parameters
    ----------
    categories
        Run these only; then it is no deployment decision.
    target
        "bundled", an address ("http://..."), or an adapter ("module:Class").
    profile
        How long and how hard.
    policy
        What READY asks for.
    fail_fast
        Stop at the first critical failure.
    verbose
        Show every measurement and check with its evidence.
    report_dir
        Where reports go; seatrial-results/<run id> by default.
    saboteur
        Put this saboteur into the bundled target and see it caught.
    """
    from seatrial.interruption import Interruption
    from seatrial.runner import RunRequest, new_run_id, prepare
    from seatrial.runner import run as execute

    run_id = new_run_id()
    request = RunRequest(
        project=Path.cwd(),
        report_dir=report_dir or Path("seatrial-results") / run_id,
        run_id=run_id,
        categories=categories,
        target=target,
        profile=profile,
        policy=policy,
        fail_fast=fail_fast,
        saboteur=saboteur,
    )
    prepare(request)
    with Interruption().on_signals() as interruption:
        result = execute(request, report_handlers(request.report_dir, verbose=verbose), interruption)
    return int(result.exit_code)


@app.command
def prove(
    *,
    saboteur: Names = (),
    only: Names = (),
    full: bool = False,
    report_dir: Path | None = None,
) -> int:
    """Prove that every check can fail: run the saboteurs and see each one killed.

    Parameters
    ----------
    saboteur
        Saboteurs of your own, module:NAME, beside the catalogue.
    only
        Run these saboteurs only.
    full
        Nightly: each saboteur runs everything, which shows collateral kills.
    report_dir
        Where the reports of each saboteur's run and kill_matrix.json go.
    """
    from seatrial.interruption import Interruption
    from seatrial.runner import new_run_id, prepare, RunRequest
    from seatrial.report.matrix import MatrixPrinter
    from seatrial.sabotage.catalogue import saboteur_named
    from seatrial.sabotage.prove import check_claims
    from seatrial.sabotage.prove import prove as execute
    from seatrial.sabotage.saboteurs import SABOTEURS

    del full
    return 0


def report_handlers(report_dir: Path, *, verbose: bool) -> list[object]:
    """The console and every report file."""
    return []
