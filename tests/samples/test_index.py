"""Which groups of a recording's frames become rows, and what is left out, with a count."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.errors import UserError
from evfi.flow.dis import DisFlow
from evfi.io.recording import RecordingWriter
from evfi.models.registry import FAMILIES
from evfi.samples.flows import compute_flows
from evfi.samples.index import write_index
from evfi.samples.options import SamplesOptions
from evfi.samples.reader import SampleReader
from evfi.samples.recording_rows import RecordingSource
from evfi.training.data import StageData
from evfi.types import Events, Frames, SensorSize

WEVI = FAMILIES["wevi"]
SIZE = SensorSize(height=36, width=44)
INTERVAL_US = 10_000


def written(folder: Path, times: np.ndarray, events_us: tuple[int, int]) -> RecordingSource:
    """Frames of noise at the times (in intervals), an event every 100 us of the events' span."""
    t_us = (times * INTERVAL_US).astype(np.int64)
    images = np.random.default_rng(0).integers(0, 256, (len(t_us), SIZE.height, SIZE.width), dtype=np.uint8)
    t = np.arange(*events_us, 100, dtype=np.int64)
    zeros = np.zeros(len(t), np.uint16)
    writer = RecordingWriter(folder / "r.zarr", SIZE)
    writer.add_events(Events(x=zeros, y=zeros, t=t, p=t % 200 == 0, sensor_size=SIZE))
    writer.add_frames(Frames.without_exposure(images, t_us))
    writer.finish()
    return RecordingSource(folder / "r.zarr", "r", "train")


def indexed(folder: Path, source: RecordingSource, **options: object) -> Path:
    path = folder / "index.parquet"
    part = "test" if source.split == "test" else "train"
    write_index(path, part, clip_stores=[], recordings=[source], options=SamplesOptions.model_validate(options))
    return path


def left_out(index: Path) -> dict[str, int]:
    return json.loads(index.with_suffix(".json").read_text()).get("left_out", {})


def test_groups_with_a_dropped_frame_are_left_out_with_a_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times = np.delete(np.arange(12), 6)
    with caplog.at_level(logging.WARNING):
        index = indexed(tmp_path, written(tmp_path, times, (0, 110_000)))
    # Nine groups of three frames; two of them hold the interval of two frames' length.
    assert pd.read_parquet(index)["frame0"].tolist() == [0, 1, 2, 3, 6, 7, 8]
    assert left_out(index) == {"an irregular frame interval": 2}
    assert "2 groups with an irregular frame interval left out" in caplog.text


def test_five_frames_in_a_row_never_reach_over_a_dropped_one_and_the_rest_is_counted(tmp_path: Path) -> None:
    times = np.delete(np.arange(12), 6)
    data = StageData(indexed(tmp_path, written(tmp_path, times, (0, 110_000))), WEVI, WEVI.last_stage.recipe)
    table = pd.read_parquet(data.reader.index)
    assert table["frame0"].to_numpy()[data.training].tolist() == [1, 2, 7]
    assert data.left_out == len(table) - 3 == 4


def test_frames_without_events_are_left_out_with_a_count(tmp_path: Path) -> None:
    index = indexed(tmp_path, written(tmp_path, np.arange(10), (33_000, 71_000)))
    assert pd.read_parquet(index)["frame0"].tolist() == [3, 4, 5]
    assert left_out(index) == {"no events over all of their time": 5}


def test_a_recording_whose_events_miss_all_frames_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no train sample could be made"):
        indexed(tmp_path, written(tmp_path, np.arange(10), (200_000, 210_000)))


def test_a_whole_recording_has_nothing_left_out(tmp_path: Path) -> None:
    assert left_out(indexed(tmp_path, written(tmp_path, np.arange(10), (1_000, 92_000)))) == {}


@pytest.mark.parametrize(("frames", "stage"), [(3, "refinement"), (4, "refinement")])
def test_fewer_than_five_frames_do_not_train_stage_2(tmp_path: Path, frames: int, stage: str) -> None:
    index = indexed(tmp_path, written(tmp_path, np.arange(frames), (0, 100_000)))
    with pytest.raises(UserError, match=r"none of the .* training rows .* gives wevi the frames it needs .* in a row"):
        StageData(index, WEVI, WEVI.stage(stage).recipe)


def test_two_frames_make_no_training_sample_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no train sample .*: a skip of n needs n \+ 2 frames"):
        indexed(tmp_path, written(tmp_path, np.arange(2), (0, 100_000)))


def test_fewer_than_four_frames_have_nothing_to_predict_from(tmp_path: Path) -> None:
    source = written(tmp_path, np.arange(3), (0, 100_000))
    index = indexed(tmp_path, RecordingSource(source.store, "r", "test"), recording_test_taus=(0.5,))
    with pytest.raises(UserError, match="as many frames in a row as they look at"):
        compute_flows(index, [WEVI.needs], DisFlow())


def test_moments_without_a_true_frame_are_rows_with_any_list_of_taus(tmp_path: Path) -> None:
    source = written(tmp_path, np.arange(6), (0, 60_000))
    taus = (1 / 3, 2 / 3)
    index = indexed(tmp_path, RecordingSource(source.store, "r", "test"), recording_test_taus=taus)
    rows = pd.read_parquet(index).query("protocol == 'between'")
    assert rows["frame0"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert rows["tau"].tolist() == pytest.approx([*taus] * 5, abs=1e-4)
    assert set(rows["target"]) == {-1}
    assert rows["sample_id"].is_unique
    reader = SampleReader(index, needs=WEVI.needs)
    able = reader.suitable(rows.index.to_numpy())
    assert pd.read_parquet(reader.index)["frame0"].to_numpy()[able].tolist() == [1, 1, 2, 2, 3, 3], (
        "four frames in a row"
    )
    sample = reader.at(int(able[0]))
    assert sample.target is None
    assert sample.outer_window == (0, 30_000)
