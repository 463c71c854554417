"""The rows of an index file, read a piece (Parquet's row groups) at a time: memory does not grow with their number."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from evfi.errors import InputFileError, MissingInputError
from evfi.samples.cache import BoundedCache
from evfi.samples.rows import Row

Positions = NDArray[np.intp]
Condition = Callable[[pd.DataFrame], Any]
# Decoded rows that are kept: some 25 MB. An index that is smaller is decoded once.
_KEPT_ROWS = 1 << 17
# Few differ from row to row, but for the samples' names.
_REPEATED = ("dataset", "protocol", "split", "kind", "store", "sequence", "target_source")


class StoredRows:
    """The rows of an index, by position. It can be sent to a worker process (the path goes, not the rows).

    Raises:
        MissingInputError, InputFileError: the file is absent, no sample index, or another than when it was opened.
    """

    def __init__(self, path: Path, kept_rows: int = _KEPT_ROWS) -> None:
        self.path, self.kept_rows = path, kept_rows
        self._made = _identity(path)
        missing = {field for field in Row.__slots__ if field not in self._file.schema_arrow.names}
        if missing:
            raise InputFileError(f"{path} lacks the columns {sorted(missing)}: make it again with `evfi index`")

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "kept_rows": self.kept_rows, "_made": self._made}

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, position: int) -> SimpleNamespace:
        """The row at a position, the index's columns as attributes."""
        piece = int(np.searchsorted(self._starts, position, side="right")) - 1
        columns = self._kept.get(piece, lambda: self._decoded(piece), _rows_of)
        place = position - int(self._starts[piece])
        # Not a pandas row: that takes 50 times longer, and its `clip` would be the method of that name.
        return SimpleNamespace(
            **{name: column[place].as_py() if name in _TEXT else column[place] for name, column in columns.items()}
        )

    def where(self, columns: Sequence[str], condition: Condition, among: Positions | None = None) -> Positions:
        """Positions of the rows, all or those `among` (ascending), whose columns meet a condition, ascending."""
        found = [np.empty(0, np.intp)]
        for start, table in self.pieces(columns):
            if among is None:
                inside = np.arange(len(table))
            else:
                first, end = np.searchsorted(among, (start, start + len(table)))
                inside = among[first:end] - start
            found.append(start + inside[np.asarray(condition(table), bool)[inside]])
        return np.concatenate(found)

    def pieces(self, columns: Sequence[str]) -> Iterator[tuple[int, pd.DataFrame]]:
        """Some columns, piece after piece: the position of each piece's first row, and its table."""
        for piece, start in enumerate(self._starts[:-1].tolist()):
            yield start, self._read(piece, columns).to_pandas()

    def table(self, columns: Sequence[str], positions: Positions) -> pd.DataFrame:
        """Some columns of the rows at these positions, in that order, numbered from 0; repeated text as categories."""
        return self._columns(columns).take(positions).to_pandas()

    def sorted_by_id(self, positions: Positions) -> Positions:
        """The positions in the order of their rows' sample_id."""
        ids = self._columns(["sample_id"]).take(positions).append_column("position", pa.array(positions))
        return ids.sort_by("sample_id").column("position").to_numpy()

    @cached_property
    def _file(self) -> parquet.ParquetFile:
        if _identity(self.path) != self._made:
            raise InputFileError(f"{self.path} was made anew while it was read: start again")
        try:
            return parquet.ParquetFile(self.path, read_dictionary=[*_REPEATED])
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputFileError(f"{self.path} is not a Parquet sample index ({reason}): make it again") from error

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """The position of each piece's first row, and the number of rows."""
        file = self._file
        counts = [file.metadata.row_group(piece).num_rows for piece in range(file.num_row_groups)]
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])

    @cached_property
    def _kept(self) -> BoundedCache:
        return BoundedCache(self.kept_rows)

    def _decoded(self, piece: int) -> dict[str, Any]:
        table = self._read(piece, [*Row.__slots__]).combine_chunks()
        chunks = {name: table.column(name).chunk(0) for name in Row.__slots__}
        return {name: chunk if name in _TEXT else chunk.to_numpy() for name, chunk in chunks.items()}

    def _columns(self, columns: Sequence[str]) -> pa.Table:
        pieces = [self._read(piece, columns) for piece in range(len(self._starts) - 1)]
        return pa.concat_tables(
            pieces or [self._file.schema_arrow.empty_table().select([*columns])]
        ).unify_dictionaries()

    def _read(self, piece: int, columns: Sequence[str]) -> pa.Table:
        try:
            return self._file.read_row_group(piece, columns=[*columns], use_threads=False)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputFileError(f"{self.path} is damaged ({reason}): make it again with `evfi index`") from error


_TEXT = frozenset(("sample_id", *_REPEATED))


def _rows_of(columns: dict[str, Any]) -> int:
    return len(columns["t_us"])


def _identity(path: Path) -> tuple[int, int, int]:
    """Tells a file from one that has taken its place.

    Raises:
        MissingInputError: there is none.
    """
    if not path.is_file():
        raise MissingInputError(f"no sample index at {path}: make it with `evfi index`")
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
