"""The end of each recording is held out, with nothing shared between training and validation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.models.registry import FAMILIES
from evfi.samples.needs import Needs
from evfi.samples.reader import SampleReader
from evfi.samples.tails import without_tails
from tests.samples.test_flows import INTERVAL_US, SMALL, WIDE, index_of

WEVI = FAMILIES["wevi"]
NEEDS = {stage.name: stage.recipe.needs(WEVI.needs) for stage in WEVI.stages}
FRAMES, BORDER = 21, 15
"""A quarter of 20 intervals is held out: the border is frame 15."""


def frames_seen(reader: SampleReader, positions: np.ndarray) -> list[set[int]]:
    """Numbers of all frames between the outermost ones of each row."""
    windows = [reader.times(int(position)).outer_window for position in positions]
    return [set(range(first // INTERVAL_US, last // INTERVAL_US + 1)) for first, last in windows]


@pytest.mark.parametrize(("stage", "reach"), [("correction", 1), ("refinement", 2)])
def test_no_frame_and_no_event_is_on_both_sides(tmp_path: Path, stage: str, reach: int) -> None:
    reader = SampleReader(index_of(tmp_path, "train", SMALL, WIDE, frames=FRAMES), needs=NEEDS[stage])
    rows = reader.suitable(np.arange(len(reader)))
    train, tail = without_tails(reader, rows, 0.25)
    assert set().union(*frames_seen(reader, train)) == set(range(BORDER))
    assert set().union(*frames_seen(reader, tail)) == set(range(BORDER, FRAMES))
    targets = pd.read_parquet(reader.index)["target"].to_numpy()
    assert targets[train].tolist() == 2 * [*range(reach, BORDER - reach)], "the same share of each recording"
    assert targets[tail].tolist() == 2 * [*range(BORDER + reach, FRAMES - reach)]


def test_the_border_is_that_of_the_recording_whichever_rows_are_asked_for(tmp_path: Path) -> None:
    reader = SampleReader(index_of(tmp_path, "train", SMALL, frames=FRAMES), needs=Needs())
    every = np.arange(len(reader))
    whole, part = (without_tails(reader, rows, 0.25)[1].tolist() for rows in (every, every[: len(every) - 2]))
    assert part == whole[:-2]
