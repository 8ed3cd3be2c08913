"""The trial of wheelhouse. The fixtures come from seatrial's pytest plugin; the target is named in ``seatrial.toml``.

``advisor``
    The trading system under trial, started once for all tests of a run.
``temp_storage``
    A folder for one test, with the address of a database in it.
``production_context``
    ``async with production_context("Title") as ctx``: steps, load, measurements, and the scenario's verdict.
"""
