"""Chunks decoded directly hold what zarr-python reads from the same store; damage is one line."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, GzipCodec

from evfi.errors import InputFileError
from evfi.io import stores
from evfi.io.direct_columns import DirectColumn
from evfi.io.stores import array_of, create_group, read_rows, write_column

CHUNK, SHARD = 16, 64


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(stores, "COLUMN_CHUNK", CHUNK)
    monkeypatch.setattr(stores, "COLUMN_SHARD", SHARD)


def column(path: Path, values: np.ndarray) -> tuple[DirectColumn, zarr.Array]:
    group = create_group(path)
    write_column(group, "c", values)
    return DirectColumn(array_of(group, "c", path)), group["c"]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("length", [0, 1, 15, 16, 63, 64, 65, 200])
@pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.float32, np.bool_])
def test_any_rows_are_those_that_zarr_python_reads(tmp_path, length, dtype):
    values = np.random.default_rng(length).integers(0, 2 if dtype is np.bool_ else 99, length).astype(dtype)
    direct, plain = column(tmp_path / "s.zarr", values)
    assert len(direct) == length

    @settings(deadline=None, derandomize=True, max_examples=25)
    @given(st.integers(0, length), st.integers(0, length))
    def check(a: int, b: int) -> None:
        first, end = min(a, b), max(a, b)
        found = direct.rows(first, end)
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, read_rows(plain, first, end))

    check()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("length", [40, 200])
def test_chunks_of_nothing_but_the_fill_value_are_not_stored_and_come_back(tmp_path, length):
    values = np.zeros(length, np.int64)
    values[-1] = 7
    direct, _ = column(tmp_path / "s.zarr", values)
    np.testing.assert_array_equal(direct.rows(0, length), values)
    nothing, _ = column(tmp_path / "n.zarr", np.zeros(length, np.int64))
    np.testing.assert_array_equal(nothing.rows(0, length), np.zeros(length))


def test_nothing_is_read_through_zarr_python(tmp_path, monkeypatch):
    direct, _ = column(tmp_path / "s.zarr", np.arange(100))
    monkeypatch.setattr(zarr.Array, "__getitem__", None)
    monkeypatch.setattr(zarr.storage.LocalStore, "get", None)
    np.testing.assert_array_equal(direct.rows(3, 90), np.arange(3, 90))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("damage", ["index", "chunk head", "cut", "emptied"])
@pytest.mark.parametrize("length", [40, 64])
def test_damage_is_one_line_that_names_the_array(tmp_path, damage, length):
    direct, _ = column(tmp_path / "s.zarr", np.random.default_rng(0).integers(0, 1 << 60, length))
    file = tmp_path / "s.zarr" / "c" / "c" / "0"
    data = bytearray(file.read_bytes())
    if damage == "index":
        data[-10 if length == SHARD else 4] ^= 255
    elif damage == "chunk head":
        data[4] ^= 1
    else:
        data = data[: len(data) // 2 if damage == "cut" else 0]
    file.write_bytes(data)
    with pytest.raises(InputFileError, match=r"s\.zarr/c is damaged in chunk 0 .*evfi verify") as caught:
        direct.rows(0, length)
    assert "\n" not in str(caught.value)


def test_an_array_of_another_encoding_is_refused(tmp_path):
    group = create_group(tmp_path / "s.zarr")
    for name, codecs in (("gzip", GzipCodec()), ("two", [BloscCodec(), GzipCodec()])):
        group.create_array(name, shape=(10,), dtype="i8", chunks=(10,), compressors=codecs)
        with pytest.raises(InputFileError, match=rf"s\.zarr/{name} is encoded by .* expected Blosc"):
            DirectColumn(array_of(group, name, tmp_path / "s.zarr"))
