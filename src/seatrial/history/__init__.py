"""Earlier runs: kept one JSON a run, followed over time, and compared only where comparing means something.

``runs`` keeps and reads them, ``trends`` follows one figure through them, ``comparison`` sets two sets of them against each other
with the test of ``rank_test``.
"""
