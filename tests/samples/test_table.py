"""An index of any length, written in constant memory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from evfi.errors import UserError
from evfi.samples.rows import Place, Row
from evfi.samples.table import write_rows
from evfi.samples.windows import groups_of_skip

TIMES_US = 33_333


def rows_of(clips: int) -> Iterator[Row]:
    """Five rows of skip 1 for each of so many septuplets."""
    import numpy as np

    times = np.arange(7, dtype=np.int64) * TIMES_US
    for number in range(clips):
        place = Place(
            dataset="septuplets",
            kind="clip",
            store=f"../stores/clips/train-{number // 256:05d}.zarr",
            clip=number % 256,
            sequence=f"{number // 1000:05d}/{number % 1000:04d}",
            split="validation" if number % 10 == 9 else "train",
        )
        for group in groups_of_skip(7, 1, slide=True):
            yield from place.rows(group, 1, times)


def test_up_to_one_piece_the_bytes_are_those_of_pandas(tmp_path: Path) -> None:
    assert write_rows(tmp_path / "a.parquet", rows_of(20)) == {"train": 90, "validation": 10}
    pd.read_parquet(tmp_path / "a.parquet").to_parquet(tmp_path / "b.parquet", index=False)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_pieces_hold_the_same_table_as_one(tmp_path: Path) -> None:
    write_rows(tmp_path / "one.parquet", rows_of(20))
    write_rows(tmp_path / "many.parquet", rows_of(20), piece_rows=7)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "one.parquet"), pd.read_parquet(tmp_path / "many.parquet"))


@pytest.mark.parametrize("apart", [False, True])
def test_two_rows_of_one_id_are_refused_beside_each_other_and_far_apart(tmp_path: Path, apart: bool) -> None:
    rows = list(rows_of(3))
    rows.insert(len(rows) if apart else 1, replace(rows[0]))
    with pytest.raises(UserError, match="two samples share the id 'septuplets/00000/0000/skip1"):
        write_rows(tmp_path / "a.parquet", rows)


def test_no_row_gives_no_file(tmp_path: Path) -> None:
    assert not write_rows(tmp_path / "a.parquet", [])
    assert not (tmp_path / "a.parquet").exists()


PROGRAM = """
import json, resource, sys
from pathlib import Path
from evfi.samples.table import write_rows
from tests.samples.test_table import rows_of
write_rows(Path(sys.argv[1]), rows_of(int(sys.argv[2])), piece_rows=2048)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Twenty times the rows, as many more MB as their names take."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    peaks = []
    for clips in (1_000, 20_000):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "a.parquet"), str(clips)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        peaks.append(json.loads(done.stdout) / 1000)
    assert peaks[1] - peaks[0] < 25  # all rows at once, as dicts: 130
