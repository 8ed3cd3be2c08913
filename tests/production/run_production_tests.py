"""Run the whole production validation; a thin door to ``seatrial run`` that leaves its reports in the current folder.

python tests/production/run_production_tests.py [--verbose] [--fail-fast] [--categories A B]
"""

import sys

from seatrial.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--report-dir", ".", *sys.argv[1:]]))
