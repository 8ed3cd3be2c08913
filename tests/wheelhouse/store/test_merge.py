"""Settling a batch at once is the same as writing its rows one by one."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.store.merge import settle

Row = tuple[str, float | None, float | None]

rows = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([None, 0.0, 1.0]), st.sampled_from([None, 2.0])), max_size=8
)


def frame(content: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(content, schema={"key": pl.String, "bid": pl.Float64, "ask": pl.Float64}, orient="row")


def one_by_one(batch: list[Row], table: dict[str, Row], replace: bool) -> tuple[int, int, tuple[int, ...]]:
    accepted, duplicates, conflicts = 0, 0, []
    for index, row in enumerate(batch):
        known = table.get(row[0])
        if known == row:
            duplicates += 1
        elif known is None or replace:
            table[row[0]] = row
            accepted += 1
        else:
            conflicts.append(index)
    return accepted, duplicates, tuple(conflicts)


@settings(max_examples=100, deadline=None)
@given(stored=rows, batch=rows, replace=st.booleans(), repeated=st.booleans())
def test_a_batch_settles_as_its_rows_one_by_one(
    stored: list[Row], batch: list[Row], replace: bool, repeated: bool
) -> None:
    table = {row[0]: row for row in stored}
    held = list(table.values()) * (2 if repeated else 1)
    settled = settle(frame(batch), frame(held), key=("key",), values=("bid", "ask"), replace=replace)
    after = {row[0]: row for row in held} | {row[0]: row for row in settled.rows.rows()}
    counts = one_by_one(batch, table, replace)
    assert (settled.result.accepted, settled.result.duplicates, settled.result.conflicts) == counts
    assert after == table
    written = settled.rows["key"].to_list()
    assert len(written) == len(set(written))
    if settled.rows.height:
        assert settled.overwrites == any(row[0] in written for row in held)
