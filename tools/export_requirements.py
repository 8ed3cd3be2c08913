"""Export ``requirements.txt`` and ``tests/requirements-test.txt`` from the lock file, or check that they are current.

python tools/export_requirements.py [--check]
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "requirements.txt": ("--extra", "wheelhouse"),
    "tests/requirements-test.txt": ("--extra", "wheelhouse", "--extra", "load", "--extra", "test", "--extra", "dev"),
}
HEADER = "# Exported from uv.lock by `make lock`; not edited by hand. Run from the project's root.\n"


def exported(extras: tuple[str, ...]) -> str:
    """Return the content of one requirement file: the project itself, editable, and every pinned dependency."""
    command = ("uv", "export", "--quiet", "--frozen", "--no-hashes", "--no-header", "--no-annotate", *extras)
    uv = Path(sys.executable).parent / "uv"
    result = subprocess.run((str(uv), *command[1:]), cwd=ROOT, check=True, capture_output=True, text=True)
    return HEADER + result.stdout


def main() -> int:
    """Write the files, or with ``--check`` name those that are stale."""
    stale = []
    for name, extras in FILES.items():
        path, content = ROOT / name, exported(extras)
        if "--check" not in sys.argv[1:]:
            path.write_text(content)
        elif not path.exists() or path.read_text() != content:
            stale.append(name)
    for name in stale:
        print(f"{name} does not match uv.lock: run `make lock`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
