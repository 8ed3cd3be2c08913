import tempfile

import pytest

from seatrial.errors import ConfigurationError
from seatrial.target.wheelhouse import WheelhouseTarget


async def test_a_database_that_cannot_be_is_wrong_configuration_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    target = WheelhouseTarget(database_url=f"duckdb:///{tmp_path}/nowhere/x.db")
    with pytest.raises(ConfigurationError, match=r"TEST_DATABASE_URL=.*nowhere"):
        await target.__aenter__()
    assert list(tmp_path.iterdir()) == []
