"""Stores to test with: in memory, and in a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wheelhouse.store.opening import open_store
from wheelhouse.store.protocol import Store


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store("duckdb:///:memory:")
    yield opened
    opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wheelhouse.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"duckdb:///{path}"
