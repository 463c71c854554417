"""Figures measured in pieces, so that a large test set fits in memory."""

from pathlib import Path

import numpy as np
import pandas as pd

from evfi.evaluation.baselines import Baselines
from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.rows import RowsToMeasure
from evfi.evaluation.targets import measured_pieces, measured_targets
from evfi.samples.index import write_index
from evfi.samples.options import SamplesOptions
from evfi.samples.reader import SampleReader
from tests.training.conftest import tiny_index

OPTIONS = EvaluationOptions(metrics=("psnr_float", "flicker"), baselines=("copy", "blend"))


def test_pieces_hold_whole_groups_and_are_together_the_one_table(tmp_path: Path) -> None:
    tiny_index(tmp_path, clips=2)
    index = tmp_path / "test.parquet"
    skips = SamplesOptions(septuplet_test_skips=(1, 3))
    write_index(index, "test", clip_stores=[tmp_path / "clips.zarr"], recordings=[], options=skips)
    reader, rows = SampleReader(index), RowsToMeasure(index)
    whole, methods = measured_targets(reader, rows, Baselines(OPTIONS), OPTIONS)
    found = {}
    pieces = [*measured_pieces(reader, rows, Baselines(OPTIONS), OPTIONS, found, piece_figures=9)]
    assert [*found.values()] == methods
    assert len(whole) == len(rows) * 2 * 2
    assert max(len(piece) for piece in pieces) <= 9 + 3 * 2 * 2, "at most a group more than asked for"
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), whole)
    groups = [set(map(tuple, piece[["sequence", "skip", "group"]].to_numpy())) for piece in pieces]
    assert len(groups) > 3
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert np.isfinite(whole["value"]).all()
