"""Draw the console output of a real run as a picture for the README.

python tools/console_picture.py seatrial-results/<run id>/events.jsonl docs/console.svg
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from seatrial.events import from_json
from seatrial.report.console import ConsoleReport

WIDTH = 92


def main(events: Path, picture: Path) -> None:
    """Replay a run's events on a recording console and save what it shows."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=False, color_system="truecolor", highlight=False
    )
    report = ConsoleReport(console)
    for line in events.read_text(encoding="utf-8").splitlines():
        report.handle(from_json(line))
    report.close()
    drawing = console.export_svg(title="seatrial run", theme=MONOKAI)
    # The picture stands on its own: any monospaced font will do, none is fetched.
    drawing = re.sub(r"@font-face \{.*?\}\s*", "", drawing, flags=re.DOTALL)
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
