"""What all stores share: opening errors, digests, receipts, and damage."""

import json
import tracemalloc

import numpy as np
import pytest

from evfi.errors import InputFileError
from evfi.io import stores
from evfi.io.store_files import digests_of_files
from evfi.io.stores import (
    ColumnWriter,
    StoreKind,
    create_group,
    open_group,
    read_rows,
    store_digests,
    write_column,
    write_receipt,
)
from evfi.provenance import digest_array

KIND = StoreKind("evfi.test", 2)


@pytest.fixture
def store(tmp_path):
    group = create_group(tmp_path / "s.zarr")
    write_column(group, "numbers", np.arange(1000, dtype=np.int64))
    write_column(group.create_group("deep"), "flags", np.arange(7) % 2 == 0)
    group.attrs.update(KIND.attributes)
    return tmp_path / "s.zarr"


def test_a_store_opens_by_its_schema_and_version(store):
    group = open_group(store, KIND)
    np.testing.assert_array_equal(read_rows(group["numbers"], 3, 6), [3, 4, 5])


def test_another_kind_of_store_is_named(store):
    with pytest.raises(InputFileError, match=r"s\.zarr is a store of kind 'evfi\.test', expected 'evfi\.clips'"):
        open_group(store, StoreKind("evfi.clips", 1))


def test_another_version_is_named_with_the_remedy(store):
    with pytest.raises(
        InputFileError, match=r"version 2 of evfi\.test, this evfi reads version 3: make the store again"
    ):
        open_group(store, StoreKind("evfi.test", 3))


@pytest.mark.parametrize("kind", ["empty folder", "file", "broken json"])
def test_what_is_no_store_is_named(tmp_path, kind):
    path = tmp_path / "x.zarr"
    if kind == "file":
        path.write_text("no store")
    else:
        path.mkdir()
        if kind == "broken json":
            (path / "zarr.json").write_text("{")
    with pytest.raises(InputFileError, match=r"x\.zarr is not a Zarr v3 store") as caught:
        open_group(path, KIND)
    assert "\n" not in str(caught.value)


def test_a_missing_array_is_named(store):
    with pytest.raises(InputFileError, match="lacks the array events/t"):
        stores.array_of(open_group(store, KIND), "events/t", store)


def test_a_group_in_the_place_of_an_array_is_named(store):
    with pytest.raises(InputFileError, match="deep should be an array"):
        stores.array_of(open_group(store, KIND), "deep", store)


def test_digests_are_those_of_the_whole_arrays(store, monkeypatch):
    monkeypatch.setattr(stores, "_DIGEST_BYTES", 100)
    assert store_digests(store) == {
        "numbers": digest_array(np.arange(1000, dtype=np.int64)),
        "deep/flags": digest_array(np.arange(7) % 2 == 0),
    }


@pytest.mark.parametrize("lengths", [[], [0], [3], [5, 7, 0, 40], [16], [16, 16, 1], [33]])
@pytest.mark.parametrize("item_shape", [(), (2, 3)])
def test_columns_of_any_length_come_back(tmp_path, monkeypatch, lengths, item_shape):
    monkeypatch.setattr(stores, "COLUMN_CHUNK", 4)
    monkeypatch.setattr(stores, "COLUMN_SHARD", 16)
    monkeypatch.setattr(stores, "FRAMES_PER_SHARD", 16)
    group = create_group(tmp_path / "s.zarr")
    column = ColumnWriter(group, "c", np.dtype(np.uint16), item_shape)
    parts = [np.random.default_rng(n).integers(0, 99, (n, *item_shape)).astype(np.uint16) for n in lengths]
    for part in parts:
        column.append(part)
    column.finish()
    expected = np.concatenate([np.empty((0, *item_shape), np.uint16), *parts])
    np.testing.assert_array_equal(read_rows(group["c"]), expected)
    assert column.length == len(expected)


def test_a_long_column_lies_in_few_files(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "COLUMN_CHUNK", 4)
    monkeypatch.setattr(stores, "COLUMN_SHARD", 16)
    write_column(create_group(tmp_path / "s.zarr"), "c", np.arange(40))
    assert len(list((tmp_path / "s.zarr" / "c" / "c").iterdir())) == 3


def test_waiting_values_never_exceed_a_block_and_a_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "COLUMN_SHARD", 1 << 17)
    column = ColumnWriter(create_group(tmp_path / "s.zarr"), "c", np.dtype(np.int64))
    for _ in range(30):
        column.append(np.zeros(7000, np.int64))
        assert column._waiting_length < (1 << 17) + 7000


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_damaged_chunk_is_named(tmp_path, damage, events_of):
    group = create_group(tmp_path / "s.zarr")
    write_column(group, "c", events_of(5000).t)
    (chunk,) = (tmp_path / "s.zarr" / "c" / "c").iterdir()
    data = bytearray(chunk.read_bytes())
    if damage == "flip":
        data[:16] = bytes(16)
    chunk.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    with pytest.raises(InputFileError, match=r"s\.zarr/c is damaged") as caught:
        read_rows(group["c"])
    assert "\n" not in str(caught.value)


def test_the_receipt_lies_beside_the_store_and_says_what_is_in_it(store):
    receipt = write_receipt(store, store, KIND, algo_version=5, content={"seed": 3})
    assert json.loads(store.with_suffix(".json").read_text()) == receipt
    assert receipt["seed"] == 3
    assert receipt["algo_version"] == 5
    assert receipt["arrays"]["numbers"] == {
        "dtype": "int64",
        "shape": [1000],
        "sha256": digest_array(np.arange(1000, dtype=np.int64)),
        "files_sha256": digests_of_files(store, ["numbers"])["numbers"],
    }


def test_the_digest_of_many_images_takes_the_memory_of_a_few(tmp_path):
    group = stores.create_group(tmp_path / "s.zarr")
    column = stores.ColumnWriter(group, "image", np.dtype(np.uint8), (720, 1280, 3))
    image = np.random.default_rng(0).integers(0, 256, (1, 720, 1280, 3), dtype=np.uint8)
    for number in range(20):
        column.append(np.roll(image, number, axis=2))
    column.finish()
    array = group["image"]
    tracemalloc.start()
    found = stores.digest_rows(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == digest_array(array[:])
    # one image is 2.8 MB, the file with all of them 55 MB
    assert peak < 25e6, peak
