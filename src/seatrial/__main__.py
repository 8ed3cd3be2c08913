"""``python -m seatrial`` is the command ``seatrial``."""

import sys

from seatrial.cli import main

sys.exit(main())
