"""Four evenly spaced frames of a recording, I-1, I0, I1 and I2, and the one in their middle."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.io.recording import RecordingWriter
from evfi.models.convlstm.inputs import prepare
from evfi.models.registry import FAMILIES
from evfi.samples.index import write_index
from evfi.samples.options import SamplesOptions
from evfi.samples.reader import SampleReader
from evfi.samples.recording_rows import RecordingSource
from evfi.training.data import StageData
from evfi.types import Events, Frames, SensorSize

CONVLSTM = FAMILIES["convlstm"]
SIZE = SensorSize(height=36, width=44)
COUNT, INTERVAL_US = 9, 40_000


def image_at(time_us: int) -> np.ndarray:
    """A frame that says when it was taken: brighter by 4 every quarter of an interval."""
    return np.full((SIZE.height, SIZE.width), 40 + 4 * time_us // (INTERVAL_US // 4), np.uint8)


def frames_at(times: np.ndarray) -> Frames:
    return Frames.without_exposure(np.stack([image_at(int(time)) for time in times]), times)


def indexed(folder: Path, part: str) -> Path:
    """An index of a recording of nine frames, with true frames at quarters between them."""
    writer = RecordingWriter(folder / "r.zarr", SIZE)
    t = np.arange(0, COUNT * INTERVAL_US, 500, dtype=np.int64)
    zeros = np.zeros(len(t), np.uint16)
    writer.add_events(Events(x=zeros, y=zeros, t=t, p=t % 1000 == 0, sensor_size=SIZE))
    writer.add_frames(frames_at(np.arange(COUNT, dtype=np.int64) * INTERVAL_US))
    quarters = np.arange(4 * COUNT - 3, dtype=np.int64)
    writer.add_truth(frames_at(quarters[quarters % 4 != 0] * (INTERVAL_US // 4)))
    writer.finish()
    source = RecordingSource(folder / "r.zarr", "r", part)
    options = SamplesOptions(recording_train_skips=(1, 3), recording_test_skips=(1, 3))
    write_index(folder / f"{part}.parquet", part, clip_stores=[], recordings=[source], options=options)
    return folder / f"{part}.parquet"


def intervals_from_target(reader: SampleReader, position: int) -> list[float]:
    """Where the four frames and the target say that they were taken, in intervals after the target's time."""
    sample = reader.at(position)
    images = (sample.before, sample.frame0, sample.frame1, sample.after, sample.target)
    assert all(image is not None for image in images)
    times = [(int(image.flat[0]) - 40) / 16 for image in images if image is not None]
    return [time - sample.t_us / INTERVAL_US for time in times]


def test_a_held_out_frame_stands_in_the_middle_of_four_frames_two_apart(tmp_path: Path) -> None:
    changes = {"batch_size": 1, "augment": {"crop": 32}, "validation_tail": 0.0}
    data = StageData(indexed(tmp_path, "train"), CONVLSTM, CONVLSTM.last_stage.recipe.overridden(changes))
    targets = pd.read_parquet(data.reader.index)["target"].to_numpy()[data.training].tolist()
    assert targets == [3, 4, 5], "of nine frames, those with three on either side"
    for position in data.training:
        assert intervals_from_target(data.reader, int(position)) == [-3, -1, 1, 3, 0]


def test_a_true_frame_between_neighbouring_frames_stands_in_the_middle_of_four(tmp_path: Path) -> None:
    reader = SampleReader(indexed(tmp_path, "test"), needs=CONVLSTM.needs)
    rows = reader.suitable(np.arange(len(reader)))
    truth = rows[pd.read_parquet(reader.index)["protocol"].to_numpy()[rows] == "truth"]
    assert pd.read_parquet(reader.index)["frame0"].to_numpy()[truth].tolist() == [1, 2, 3, 4, 5, 6]
    assert pd.read_parquet(reader.index)["tau"].to_numpy()[truth].tolist() == pytest.approx([0.5] * 6)
    for position in truth:
        assert intervals_from_target(reader, int(position)) == [-1.5, -0.5, 0.5, 1.5, 0]


def test_at_the_ends_of_a_recording_the_boundary_frame_stands_for_the_missing_one(tmp_path: Path) -> None:
    reader = SampleReader(indexed(tmp_path, "test"), needs=CONVLSTM.needs)
    protocol, tau = (
        pd.read_parquet(reader.index)["protocol"].to_numpy(),
        pd.read_parquet(reader.index)["tau"].to_numpy(),
    )
    middles = np.flatnonzero((protocol == "truth") & (np.abs(tau - 0.5) < 0.01))
    for position, (missing, beside) in ((middles[0], (0, 1)), (middles[-1], (3, 2))):
        prepared = prepare(reader.at(int(position)))
        assert (prepared.frames[missing] == prepared.frames[beside]).all()
        assert not (prepared.frames[1] == prepared.frames[2]).any()
