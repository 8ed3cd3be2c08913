"""``python -m wheelhouse`` is the command ``wheelhouse``."""

import sys

from wheelhouse.cli import main

sys.exit(main())
