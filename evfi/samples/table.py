"""The rows of an index as a Parquet file: checked and written a piece at a time, so that memory does not grow."""

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import pandas as pd

from evfi.errors import UserError
from evfi.io.table_pieces import write_pieces
from evfi.samples.rows import Row

_PIECE_ROWS = 1 << 14
# That many are held as objects at a time, some 0.7 kB each.
_PART_ROWS = 1 << 11


def write_rows(path: Path, rows: Iterable[Row], piece_rows: int = _PIECE_ROWS) -> Counter[str]:
    """Write the rows in pieces (Parquet's row groups); up to one piece the bytes are those of `DataFrame.to_parquet`.

    Returns:
        How many rows each split has. Without a row no file is written.

    Raises:
        UserError: two rows have the same id.
    """
    splits: Counter[str] = Counter()

    def tables() -> Iterator[pd.DataFrame]:
        unique = _unique(rows)
        while parts := [_columns(part) for part in _pieces(islice(unique, piece_rows), _PART_ROWS)]:
            piece = pd.concat(parts, ignore_index=True)
            splits.update(piece["split"])
            yield piece

    write_pieces(path, tables())
    return splits


def _columns(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in Row.__slots__})


def _pieces(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while piece := list(islice(rows, size)):
        yield piece


def _unique(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, whose ids must differ. Those of one clip or recording come together: of each, its digest is kept."""
    names: set[bytes] = set()
    name: tuple[str, str] | None = None
    ids: set[str] = set()
    for row in rows:
        if (row.dataset, row.sequence) != name:
            name, ids = (row.dataset, row.sequence), set()
            digest = blake2b("\0".join(name).encode(), digest_size=12).digest()
            repeated = digest in names
            names.add(digest)
        else:
            repeated = row.sample_id in ids
        if repeated:
            raise UserError(f"two samples share the id {row.sample_id!r}: name each source")
        ids.add(row.sample_id)
        yield row
