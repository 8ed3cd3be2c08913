"""Where a trial's files are."""

import ast
from pathlib import Path

from seatrial.errors import ConfigurationError
from seatrial.settings.loading import FILE_NAME

#: The folder of a project's trial, from the project's root.
TRIAL_FOLDER = Path("tests/production")


def trial_folder(start: Path) -> Path:
    """The folder with the trial's test files: ``start`` itself if it holds a conftest of one, else its ``tests/production``.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    for candidate in (start / TRIAL_FOLDER, start):
        if (candidate / "conftest.py").is_file() and any(candidate.glob("test_*.py")):
            return candidate
    raise ConfigurationError(
        f"there is no {TRIAL_FOLDER} with a conftest.py and test files in {start}; run from the project's root, or let `seatrial init` write them"
    )


def settings_file(start: Path) -> Path | None:
    """The project's ``seatrial.toml``: beside the trial's test files, or in the project's root."""
    for candidate in (start / FILE_NAME, start / TRIAL_FOLDER / FILE_NAME):
        if candidate.is_file():
            return candidate
    return None


def test_files(folder: Path) -> dict[str, dict[str, object]]:
    """A category's table for each test file: titled by its name, described by its docstring's first line."""
    return {
        path.stem.removeprefix("test_"): {
            "title": path.stem.removeprefix("test_").replace("_", " ").title(),
            "description": _first_line(path),
            "file": path.name,
        }
        for path in sorted(folder.glob("test_*.py"))
    }


def _first_line(path: Path) -> str:
    try:
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not a Python file that can be read: {error}") from error
    return (docstring or "").partition("\n")[0]
