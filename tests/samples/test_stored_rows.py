"""Rows of an index read a piece at a time: the same rows as of the whole table, in memory that does not grow."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.errors import InputFileError, MissingInputError
from evfi.samples.cache import BoundedCache
from evfi.samples.rows import Place, Row
from evfi.samples.stored_rows import StoredRows
from evfi.samples.table import write_rows
from evfi.samples.windows import groups_of_skip

TIMES = np.arange(7, dtype=np.int64) * 33_333


def rows_of(clips: int) -> list[Row]:
    made: list[Row] = []
    for number in range(clips):
        split = "train" if number % 3 else "validation"
        place = Place("septuplets", "clip", f"{number // 4}.zarr", number % 4, f"00001/{number:04d}", split)
        for group in groups_of_skip(7, 3, slide=True):
            made += place.rows(group, 3, TIMES)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """90 rows in pieces of 16."""
    write_rows(tmp_path / "train.parquet", rows_of(10), piece_rows=16)
    return tmp_path / "train.parquet"


def test_every_row_is_that_of_the_whole_table_in_any_order(path: Path) -> None:
    rows, table = StoredRows(path, kept_rows=32), pd.read_parquet(path)
    assert len(rows) == len(table) == 90
    for position in np.random.default_rng(0).permutation(90).tolist():
        assert vars(rows[position]) == table.iloc[position].to_dict()


def test_positions_are_those_that_meet_a_condition_in_the_whole_table(path: Path) -> None:
    rows, table = StoredRows(path), pd.read_parquet(path)

    def wanted(piece: pd.DataFrame) -> pd.Series:
        return (piece["split"] == "train") & piece["store"].isin(["0.zarr", "2.zarr"]) & (piece["target"] > 2)

    whole = np.flatnonzero(wanted(table))
    assert 0 < len(whole) < 90
    assert rows.where(["split", "store", "target"], wanted).tolist() == whole.tolist()
    some = np.array([2, 3, 15, 16, 31, 32, 33, 80, 89])
    among = rows.where(["split", "store", "target"], wanted, some)
    assert among.tolist() == sorted({*some.tolist()} & {*whole.tolist()})
    assert rows.where(["target"], lambda piece: piece["target"] > 99).tolist() == []


def test_no_more_rows_stay_decoded_than_asked_for_and_none_travel(path: Path) -> None:
    rows = StoredRows(path, kept_rows=32)
    for position in range(90):
        assert rows[position]
        assert rows._kept.used <= 32
    sent = pickle.dumps(rows)
    assert len(sent) < 1_000
    assert vars(pickle.loads(sent)[17]) == vars(rows[17])  # noqa: S301 - as loader workers get it


def test_an_index_made_anew_meanwhile_is_refused_by_a_worker(path: Path) -> None:
    sent = pickle.dumps(StoredRows(path))
    write_rows(path, rows_of(3))
    with pytest.raises(InputFileError, match=r"train\.parquet was made anew while it was read"):
        len(pickle.loads(sent))  # noqa: S301 - as loader workers get it


def test_what_is_no_index_is_one_line(tmp_path: Path, path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"no sample index at .*make it with `evfi index`"):
        StoredRows(tmp_path / "none.parquet")
    other = tmp_path / "other.parquet"
    other.write_text("text")
    with pytest.raises(InputFileError, match="is not a Parquet sample index"):
        StoredRows(other)
    pd.read_parquet(path).drop(columns=["tau", "skip"]).to_parquet(other)
    with pytest.raises(InputFileError, match=r"lacks the columns \['skip', 'tau'\]"):
        StoredRows(other)


def test_a_damaged_piece_is_one_line_that_names_the_index(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4:2_000] = bytes(1_996)
    path.write_bytes(data)
    with pytest.raises(InputFileError, match=r"train\.parquet is damaged .*make it again with `evfi index`"):
        _ = StoredRows(path)[0]


def test_a_cache_drops_what_was_used_least_recently_and_keeps_the_newest_however_large() -> None:
    cache, made = BoundedCache(10), []

    def value(key: str, size: int = 4) -> str:
        def make() -> str:
            made.append(key)
            return key

        return cache.get(key, make, lambda _: size)

    assert [value(key) for key in "abaca"] == [*"abaca"]
    assert made == ["a", "b", "c"]
    assert value("b") == "b"
    assert made == ["a", "b", "c", "b"], "b was dropped for c, because a was used after it"
    assert value("large", 99) == "large"
    assert (len(cache), cache.used) == (1, 99)
