"""The command line: ``wheelhouse <command>``.

Only the argument parser is imported here; each command imports what it needs when it runs, so that ``wheelhouse --help``
answers at once. Exit codes: 0 done, 1 the answer is no, 4 wrong usage or configuration.
"""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from wheelhouse import __version__
from wheelhouse.cli import advice, backtest, configuration, data, files, keys, risk, server
from wheelhouse.errors import WheelhouseError

EXIT_USAGE = 4


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = build_app()(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        # The parser has said what is wrong.
        return EXIT_USAGE
    except WheelhouseError as error:
        sys.stderr.write(f"wheelhouse: {error}\n")
        return EXIT_USAGE
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else 0


def build_app() -> App:
    """All commands."""
    app = App(
        name="wheelhouse",
        help="An advisor for the options wheel: cash-secured puts, assignment, covered calls, rolls.",
        version=__version__,
        help_format="plaintext",
    )
    for module in (advice, risk, backtest, server, data, files, keys, configuration):
        module.register(app)
    return app
