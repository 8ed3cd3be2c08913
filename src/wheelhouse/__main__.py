"""`python -m wheelhouse` is the command line."""

import sys

from wheelhouse.cli import main

sys.exit(main())
