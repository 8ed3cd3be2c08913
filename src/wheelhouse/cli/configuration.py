"""``wheelhouse config show``."""

import json
import os
import sys

from cyclopts import App

from wheelhouse.cli.options import Database, settings_for


def register(app: App) -> None:
    """Add the command."""
    group = App(name="config", help="What the configuration says.")
    group.command(show)
    app.command(group)


def show(*, database: Database = None) -> int:
    """Print the settings that hold now as JSON, secrets hidden, and on standard error where they came from."""
    from wheelhouse.settings import config_files, redacted, unknown_variables

    settings = settings_for(database)
    for path in config_files(settings.environment):
        sys.stderr.write(f"read {path}\n")
    for name in unknown_variables(os.environ):
        sys.stderr.write(f"no setting reads the variable {name}\n")
    sys.stdout.write(json.dumps(redacted(settings), indent=2) + "\n")
    return 0
