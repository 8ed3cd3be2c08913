"""What becomes of a batch whose keys may be stored already, or occur several times in it.

A row whose key is stored with the same values is a duplicate; with other values it is a conflict, or replaces what is stored if
replacing is wanted. The rows of a batch count one after the other, as if each had come alone. Null equals null.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from wheelhouse.store.records import WriteResult

_ROW = "_row"
_KNOWN = "_known"
_STORED = "_stored_"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settled:
    """The rows to write, one for each key; whether some of their keys are stored and must go first; what to tell the caller."""

    rows: pl.DataFrame
    overwrites: bool
    result: WriteResult


def settle(
    batch: pl.DataFrame, stored: pl.DataFrame, *, key: Sequence[str], values: Sequence[str], replace: bool
) -> Settled:
    """Decide about every row of a batch.

    Parameters
    ----------
    batch
        Rows with the columns `key` and `values`, and maybe others that are carried along.
    stored
        The rows of the same keys that are stored, repeated or not.
    key
        Columns that identify a row, without nulls.
    values
        Columns that are compared.
    replace
        Whether other values replace the stored ones.
    """
    if stored.is_empty() and not batch.select(pl.struct(key).is_duplicated().any()).item():
        return Settled(rows=batch, overwrites=False, result=WriteResult(accepted=batch.height, duplicates=0))
    known = stored.unique(subset=list(key)).select(
        *key, *(pl.col(name).alias(_STORED + name) for name in values), pl.lit(True).alias(_KNOWN)
    )
    first = pl.int_range(pl.len()).over(key) == 0
    is_known = pl.col(_KNOWN).fill_null(value=False)
    if replace:
        compared = [
            pl.when(first).then(pl.col(_STORED + name)).otherwise(pl.col(name).shift(1).over(key)) for name in values
        ]
    else:
        compared = [
            pl.when(is_known).then(pl.col(_STORED + name)).otherwise(pl.col(name).first().over(key)) for name in values
        ]
    same = pl.all_horizontal(pl.col(name).eq_missing(other) for name, other in zip(values, compared, strict=True))
    judged = (
        batch.with_row_index(_ROW)
        .join(known, on=list(key), how="left", maintain_order="left")
        .with_columns(is_known.alias(_KNOWN), (is_known | ~first).alias("_met"))
        .with_columns((pl.col("_met") & same).alias("_duplicate"))
        .with_columns((~pl.col("_duplicate") & (~pl.col("_met") | pl.lit(replace))).alias("_accepted"))
    )
    conflicts = judged.filter(~pl.col("_accepted") & ~pl.col("_duplicate")).get_column(_ROW).to_list()
    chosen = judged.filter(pl.col("_accepted").any().over(key) if replace else pl.col("_accepted"))
    rows = chosen.unique(subset=list(key), keep="last", maintain_order=True)
    return Settled(
        rows=rows.select(batch.columns),
        overwrites=bool(rows.get_column(_KNOWN).any()),
        result=WriteResult(
            accepted=int(judged.get_column("_accepted").sum()),
            duplicates=int(judged.get_column("_duplicate").sum()),
            conflicts=tuple(conflicts),
        ),
    )
