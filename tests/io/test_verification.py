"""`evfi verify`: a whole store passes; any flipped byte, lost file or broken promise is named by its array."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import zarr

from evfi.cli.app import exit_code
from evfi.errors import CheckFailed, InputFileError, MissingInputError
from evfi.io import stores
from evfi.io.aedat4 import write_aedat4
from evfi.io.clips import Clip, write_clip_store
from evfi.io.images import write_png
from evfi.io.ingest import ingest
from evfi.io.pieces import Triggers
from evfi.io.recording import RECORDING, RecordingWriter
from evfi.io.stores import StoreKind, write_receipt
from evfi.io.verification import verify_store
from evfi.provenance import digest_file
from evfi.samples.flow_store import FlowKey, flows_beside, write_flows
from evfi.types import SensorSize

SIZE = SensorSize(height=18, width=24)


@pytest.fixture
def recording(tmp_path, events_of, frames_of, monkeypatch) -> Path:
    """Some sharded and some plain columns."""
    monkeypatch.setattr(stores, "COLUMN_CHUNK", 64)
    monkeypatch.setattr(stores, "COLUMN_SHARD", 256)
    write_aedat4(tmp_path / "in.aedat4", SIZE, [events_of(600)], [frames_of(3)])
    ingest(tmp_path / "in.aedat4", tmp_path / "r.zarr")
    return tmp_path / "r.zarr"


@pytest.fixture
def clips(tmp_path, events_of) -> Path:
    write_png(tmp_path / "a.png", np.zeros((18, 24, 3), np.uint8))
    made = [
        Clip(
            clip_id=f"00001/000{number}",
            events=events_of(50, seed=number),
            t_us=np.array([0, 33_333], np.int64),
            frame_paths=(tmp_path / "a.png",) * 2,
            frame_sha256=(digest_file(tmp_path / "a.png"),) * 2,
            contrast_pos=0.2,
            contrast_neg=0.3,
            seed=number,
            subframes=np.array([4], np.int32),
        )
        for number in range(3)
    ]
    write_clip_store(tmp_path / "c.zarr", made, algo_version=1, seed=0)
    return tmp_path / "c.zarr"


class EvenFlow:
    """A flow of one value everywhere, another one each time."""

    name = "even"

    def __init__(self) -> None:
        self._value = 0.0

    def __call__(self, a, b):
        self._value += 1.5
        return np.full((*a.shape[:2], 2), self._value, np.float32)


@pytest.fixture
def flows(tmp_path) -> Path:
    """Four flows of two frame sizes between frames of two stores."""
    (tmp_path / "train.parquet").write_bytes(b"an index")
    keys = [FlowKey(store, -1, start, start + 1) for store in ("a.zarr", "b.zarr") for start in (0, 1)]
    sizes = {"a.zarr": (18, 24), "b.zarr": (9, 12)}
    write_flows(tmp_path / "train.parquet", keys, lambda store, *_: np.zeros(sizes[store], np.uint8), EvenFlow())
    return flows_beside(tmp_path / "train.parquet")


def test_a_whole_store_passes_and_says_how_much_was_checked(recording, clips, capsys):
    assert exit_code(["verify", str(recording)]) == 0
    assert re.search(r"r\.zarr is whole: 9 arrays, \d+ values", capsys.readouterr().out)
    assert verify_store(clips)["arrays"] == 14


@pytest.mark.parametrize("kind", ["recording", "clips"])
def test_a_flipped_byte_in_any_file_is_found_and_its_array_named(kind, request):
    store = request.getfixturevalue(kind)
    rng = np.random.default_rng(3)
    files = [path for path in sorted(store.rglob("*")) if path.is_file()]
    assert len(files) > 15
    for path in files:
        whole = path.read_bytes()
        data = bytearray(whole)
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        with pytest.raises(CheckFailed) as caught:
            verify_store(store)
        parts = path.relative_to(store).parts
        name = "zarr.json of groups" if len(parts) < 3 else "/".join(parts[:2])
        assert f"the files of {name} are not those that were written" in str(caught.value)
        assert "\n" not in str(caught.value)
        path.write_bytes(whole)
    verify_store(store)


@pytest.mark.parametrize("change", ["remove", "add"])
def test_a_file_that_is_gone_or_too_many_is_found(recording, change):
    if change == "remove":
        next((recording / "events" / "x" / "c").iterdir()).unlink()
    else:
        (recording / "events" / "x" / "c" / "99").touch()
    with pytest.raises(CheckFailed, match="files of events/x"):
        verify_store(recording)


def test_the_command_ends_with_1_and_one_line(recording, capsys):
    path = recording / "events" / "t" / "c" / "0"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert exit_code(["verify", str(recording)]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("evfi: error: ")
    assert "events/t" in lines[0]


def test_a_store_without_its_receipt_or_with_a_broken_one_is_named(recording):
    receipt = recording.with_suffix(".json")
    whole = receipt.read_text()
    for text in (whole[:50], "[]", whole.replace('"files_sha256"', '"other"')):
        receipt.write_text(text)
        with pytest.raises(CheckFailed, match=r"r\.json is no whole receipt"):
            verify_store(recording)
    receipt.unlink()
    with pytest.raises(CheckFailed, match=r"has no receipt r\.json"):
        verify_store(recording)
    with pytest.raises(MissingInputError, match="no store at"):
        verify_store(recording.with_name("none.zarr"))


def test_what_snakemake_leaves_in_a_folder_is_no_part_of_the_store(recording):
    (recording / ".snakemake_timestamp").touch()
    assert verify_store(recording)["arrays"] > 0


def test_a_file_is_no_store(recording):
    with pytest.raises(InputFileError, match=r"r\.json is a file, and a store is a folder: `evfi info"):
        verify_store(recording.with_suffix(".json"))


def test_a_receipt_that_says_something_else_is_named(recording):
    receipt = json.loads(recording.with_suffix(".json").read_text())
    for change, message in (
        (lambda r: r["arrays"]["events/t"].update(sha256="0"), "the values of events/t are not those"),
        (lambda r: r["arrays"]["events/p"].update(dtype="int8"), "events/p is bool .*its receipt says int8"),
        (lambda r: r["source"].update(camera="other"), "source differs"),
    ):
        changed = json.loads(json.dumps(receipt))
        change(changed)
        recording.with_suffix(".json").write_text(json.dumps(changed))
        with pytest.raises(CheckFailed, match=message):
            verify_store(recording)


def broken(store: Path, name: str, change) -> None:
    """Change an array and write the receipt anew, as a writer with a mistake in it would."""
    array = zarr.open_group(store, mode="r+")[name]
    values = array[:]
    change(values)
    array[:] = values
    schema = zarr.open_group(store).attrs["schema"]
    write_receipt(store, store, StoreKind(str(schema), version=1), algo_version=0, content={})


@pytest.mark.parametrize(
    ("kind", "name", "change", "message"),
    [
        ("recording", "events/t", lambda v: v.__setitem__(300, 0), "events/t decreases"),
        ("recording", "events/x", lambda v: v.__setitem__(7, 24), "events/x reaches 24, beyond the sensor of 24x18"),
        ("recording", "events/ms_index", lambda v: v.__setitem__(5, 999), "ms_index does not lead to the times"),
        ("recording", "events/ms_index", lambda v: v.__setitem__(-1, 5), "ms_index has .* up to 5, expected"),
        ("recording", "frames/t_us", lambda v: v.__setitem__(0, v[2]), "frames/t_us does not increase"),
        ("recording", "frames/exposure_end_us", lambda v: v.__setitem__(0, 0), "outside of its exposure"),
        ("clips", "events/t", lambda v: v.__setitem__(60, 1 << 60), "events/t decreases within clip 1"),
        ("clips", "events/y", lambda v: v.__setitem__(149, 18), r"events/y reaches 18.*\(clip 2\)"),
        ("clips", "clips/event_offset", lambda v: v.__setitem__(-1, 149), "event_offset ends at 149, expected 150"),
        ("clips", "clips/frame_offset", lambda v: v.__setitem__(0, 1), "frame_offset does not rise from 0"),
        ("clips", "frames/t_us", lambda v: v.__setitem__(1, 0), "frames/t_us does not increase within clip 0"),
        ("flows", "pairs/store", lambda v: v.__setitem__(3, 2), "pairs/store reaches 2, but 2 stores are named"),
        (
            "flows",
            "pairs/place",
            lambda v: v.__setitem__(1, 0),
            "place does not lead to each of the 2 flows of flow/18x24",
        ),
        ("flows", "pairs/width", lambda v: v.__setitem__(0, 25), "flows of flow/18x24 once"),
    ],
)
def test_a_broken_promise_is_found_though_the_digests_agree(request, kind, name, change, message):
    store = request.getfixturevalue(kind)
    broken(store, name, change)
    with pytest.raises(CheckFailed, match=message):
        verify_store(store)


def test_a_pair_of_frames_that_has_two_flows_is_found(flows):
    broken(flows, "pairs/start", lambda v: v.__setitem__(1, 0))
    broken(flows, "pairs/end", lambda v: v.__setitem__(1, 1))
    with pytest.raises(CheckFailed, match="names a pair of frames twice"):
        verify_store(flows)


def test_flows_pass_verify_until_a_byte_of_them_is_flipped(flows, capsys):
    assert exit_code(["verify", str(flows)]) == 0
    assert "whole: 9 arrays" in capsys.readouterr().out
    chunk = next(path for path in (flows / "flow" / "9x12").rglob("*") if path.is_file() and path.name != "zarr.json")
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 4
    chunk.write_bytes(data)
    with pytest.raises(CheckFailed, match="flow/9x12"):
        verify_store(flows)


def test_triggers_that_go_back_are_found(tmp_path, events_of):
    writer = RecordingWriter(tmp_path / "t.zarr", SIZE)
    writer.add(events_of(10))
    writer.add(Triggers(np.array([1, 2], np.int64), np.array([1, 1], np.uint8)))
    writer.finish()
    write_receipt(tmp_path / "t.zarr", tmp_path / "t.zarr", RECORDING, algo_version=0, content={})
    verify_store(tmp_path / "t.zarr")
    broken(tmp_path / "t.zarr", "triggers/t_us", lambda v: v.__setitem__(1, 0))
    with pytest.raises(CheckFailed, match="triggers/t_us decreases"):
        verify_store(tmp_path / "t.zarr")
