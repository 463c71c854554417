"""A table written as a Parquet file a piece at a time, so that memory does not grow with it."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet


def write_pieces(path: Path, pieces: Iterable[pd.DataFrame]) -> None:
    """Write tables of the same columns one after the other, each as one of Parquet's row groups.

    A single piece gives the bytes of `DataFrame.to_parquet(path, index=False)`; without a piece no file is written.
    """
    writer: parquet.ParquetWriter | None = None
    try:
        for piece in pieces:
            table = pa.Table.from_pandas(piece, preserve_index=False)
            writer = writer or parquet.ParquetWriter(path, table.schema, compression="snappy")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
