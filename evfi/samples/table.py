"""The rows of an index as a Parquet file: checked and written a piece at a time, so that memory does not grow."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from evfi.errors import UserError
from evfi.samples.rows import Row

_PIECE_ROWS = 1 << 14


def write_rows(path: Path, rows: Iterable[Row], piece_rows: int = _PIECE_ROWS) -> Counter[str]:
    """Write the rows in pieces (Parquet's row groups); up to one piece the bytes are those of `DataFrame.to_parquet`.

    Returns:
        How many rows each split has. Without a row no file is written.

    Raises:
        UserError: two rows have the same id.
    """
    splits: Counter[str] = Counter()
    writer: parquet.ParquetWriter | None = None
    try:
        for piece in _pieces(_unique(rows), piece_rows):
            splits.update(row.split for row in piece)
            table = pa.Table.from_pandas(pd.DataFrame([asdict(row) for row in piece]), preserve_index=False)
            writer = writer or parquet.ParquetWriter(path, table.schema, compression="snappy")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
    return splits


def _pieces(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while piece := list(islice(rows, size)):
        yield piece


def _unique(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, whose ids must differ. Those of one clip or recording come together, so that only names are kept."""
    names: set[tuple[str, str]] = set()
    name: tuple[str, str] | None = None
    ids: set[str] = set()
    for row in rows:
        if (row.dataset, row.sequence) != name:
            name, ids = (row.dataset, row.sequence), set()
            repeated = name in names
            names.add(name)
        else:
            repeated = row.sample_id in ids
        if repeated:
            raise UserError(f"two samples share the id {row.sample_id!r}: name each source")
        ids.add(row.sample_id)
        yield row
