"""Stored flows: those that samples need, once each, and equal to flows computed on the spot."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.flow.dis import DisFlow
from evfi.io.recording import RECORDING, RecordingWriter
from evfi.io.stores import write_receipt
from evfi.models.registry import FAMILIES
from evfi.samples.flow_store import FlowKey, StoredFlows, flows_beside
from evfi.samples.flows import compute_flows
from evfi.samples.index import RecordingSource, write_index
from evfi.samples.options import SamplesOptions
from evfi.samples.reader import SampleReader
from evfi.samples.sample import Flow, Image
from evfi.types import Events, Frames, SensorSize

INTERVAL_US = 10_000
WEVI = FAMILIES["wevi"]


class CountedFlow:
    """DIS under a name of its own, which counts its calls."""

    name = "counted"

    def __init__(self) -> None:
        self.calls = 0
        self._flow = DisFlow()

    def __call__(self, a: Image, b: Image) -> Flow:
        self.calls += 1
        return self._flow(a, b)


def recording(folder: Path, name: str, size: SensorSize, frames: int) -> Path:
    """Frames of a smooth pattern that moves two pixels a frame, and an event every 100 us."""
    noise = np.random.default_rng(0).integers(0, 256, (size.height, size.width + 2 * frames), dtype=np.uint8)
    wide = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.0), None, 0, 255, cv2.NORM_MINMAX)  # pyright: ignore
    images = np.stack([wide[:, 2 * (frames - n) : 2 * (frames - n) + size.width] for n in range(frames)]).astype(
        np.uint8
    )
    t = np.arange(0, frames * INTERVAL_US, 100, dtype=np.int64)
    zeros = np.zeros(len(t), np.uint16)
    store = folder / f"{name}.zarr"
    writer = RecordingWriter(store, size)
    writer.add_events(Events(x=zeros, y=zeros, t=t, p=t % 200 == 0, sensor_size=size))
    writer.add_frames(Frames.without_exposure(images, np.arange(frames, dtype=np.int64) * INTERVAL_US))
    writer.finish()
    write_receipt(store, store, RECORDING, algo_version=1, content={"name": name})
    return store


def index_of(folder: Path, part: str, *sizes: SensorSize, frames: int = 8) -> Path:
    sources = [
        RecordingSource(recording(folder, f"r{number}", size, frames), f"r{number}", part)
        for number, size in enumerate(sizes)
    ]
    path = folder / f"{part}.parquet"
    write_index(path, part, clip_stores=[], recordings=sources, options=SamplesOptions())
    return path


SMALL, WIDE = SensorSize(height=40, width=56), SensorSize(height=48, width=64)


def test_flows_of_training_are_those_to_the_targets_each_once(tmp_path: Path) -> None:
    index, flow = index_of(tmp_path, "train", SMALL), CountedFlow()
    count = compute_flows(index, WEVI.all_needs, flow)
    # Six triplets of eight frames: from either side to each of the frames 1 to 6.
    assert count == flow.calls == 12
    stored = StoredFlows(index)
    assert stored.provider == "counted"
    reader = SampleReader(index, stored=False)
    for target in range(1, 7):
        for start in (target - 1, target + 1):
            expected = DisFlow()(reader.frame("r0.zarr", -1, start), reader.frame("r0.zarr", -1, target))
            np.testing.assert_array_equal(stored.flow(FlowKey("r0.zarr", -1, start, target)), expected)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_sample_with_stored_flows_equals_one_whose_flows_are_computed_on_the_spot(tmp_path: Path, part: str) -> None:
    index = index_of(tmp_path, part, SMALL, WIDE)
    needs = WEVI.needs if part == "test" else WEVI.last_stage.recipe.needs(WEVI.needs)
    fresh = SampleReader(index, needs=needs)
    assert fresh.flow_provider == "dis-medium"
    samples = [fresh.at(int(position)) for position in fresh.suitable(np.arange(len(fresh)))]
    flow = CountedFlow()
    compute_flows(index, WEVI.all_needs, flow)
    reader = pickle.loads(pickle.dumps(SampleReader(index, needs=needs)))  # noqa: S301 - as loader workers get it
    assert reader.flow_provider == "counted"
    assert {sample.sensor_size for sample in samples} == {SMALL, WIDE}
    for position, expected in zip(reader.suitable(np.arange(len(reader))), samples, strict=True):
        ours = reader.at(int(position))
        if part == "train":
            np.testing.assert_array_equal(ours.flow0, expected.flow0)
            np.testing.assert_array_equal(ours.flow1, expected.flow1)
        else:
            for name in ("flow01", "flow10", "to_before", "to_after"):
                np.testing.assert_array_equal(getattr(ours.neighbours, name), getattr(expected.neighbours, name))


def test_a_test_row_without_context_frames_has_no_flows_and_can_be_read(tmp_path: Path) -> None:
    index = index_of(tmp_path, "test", SMALL)
    compute_flows(index, [WEVI.needs], CountedFlow())
    reader = SampleReader(index, needs=WEVI.needs)
    (first,) = np.flatnonzero(pd.read_parquet(reader.index)["frame0"] == 0)
    assert reader.at(int(first)).neighbours is None


def test_equal_inputs_give_equal_receipts_that_name_the_provider(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        index = index_of(tmp_path / name, "train", SMALL)
        compute_flows(index, WEVI.all_needs, DisFlow())
        texts.append(flows_beside(index).with_suffix(".json").read_text())
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["provider"] == "dis-medium"


def test_flows_of_another_index_are_refused(tmp_path: Path) -> None:
    index = index_of(tmp_path, "train", SMALL)
    compute_flows(index, WEVI.all_needs, DisFlow())
    options = SamplesOptions(slide=False)
    source = RecordingSource(tmp_path / "r0.zarr", "r0", "train")
    write_index(index, "train", clip_stores=[], recordings=[source], options=options)
    with pytest.raises(InputFileError, match="computed for another index"):
        SampleReader(index, needs=WEVI.last_stage.recipe.needs(WEVI.needs))
    assert SampleReader(index).flow_provider == "dis-medium"


def test_a_flow_that_was_not_computed_is_one_line(tmp_path: Path) -> None:
    index = index_of(tmp_path, "train", SMALL)
    compute_flows(index, WEVI.all_needs, DisFlow())
    with pytest.raises(MissingInputError, match=r"no flow from frame 0 to 7 of r0\.zarr"):
        StoredFlows(index).flow(FlowKey("r0.zarr", -1, 0, 7))


def test_an_index_whose_families_need_no_flow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no sample"):
        compute_flows(index_of(tmp_path, "train", SMALL), FAMILIES["timelens"].all_needs, DisFlow())


def test_data_sets_that_nobody_trains_on_get_no_flows(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no sample"):
        compute_flows(index_of(tmp_path, "train", SMALL), WEVI.all_needs, DisFlow(), datasets=["septuplets"])
