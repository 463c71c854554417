"""Figures of several evaluations joined."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.errors import InputFileError, UserError
from evfi.evaluation.protocols import SETTING
from evfi.reports import measured
from evfi.reports.measured import read_measured
from tests.reports.conftest import MadeRun


@pytest.mark.parametrize("piece_rows", [1 << 16, 100])
def test_the_joined_figures_are_those_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece_rows: int
) -> None:
    monkeypatch.setattr(measured, "_PIECE_ROWS", piece_rows)
    folders = MadeRun(tmp_path).write().evaluations
    plain = pd.concat([pd.read_parquet(folder / "targets.parquet") for folder in folders])
    cubes = read_measured(folders).cubes
    assert [cube.key for cube in cubes] == sorted(set(plain[SETTING].itertuples(index=False, name=None)))
    for cube in cubes:
        own = plain[(plain["dataset"] == cube.key[0]) & (plain["skip"] == cube.key[2])]
        assert cube.values.size == len(own)
        for (metric, method), rows in own.groupby(["metric", "method"]):
            rows = rows.sort_values("sample_id")
            assert [name.as_py() for name in cube.targets.sample_id] == rows["sample_id"].tolist()
            np.testing.assert_array_equal(cube.figures(metric, method, cube.everywhere), rows["value"])


def test_an_evaluation_without_a_column_is_an_error_that_names_it(tmp_path: Path) -> None:
    folders = MadeRun(tmp_path).write().evaluations
    path = folders[1] / "targets.parquet"
    pd.read_parquet(path).drop(columns="tau").to_parquet(path)
    with pytest.raises(InputFileError, match=r"timelens/targets\.parquet lacks the columns \['tau'\]: make it again"):
        read_measured(folders)


def test_a_file_that_is_no_table_is_an_error_that_names_it(tmp_path: Path) -> None:
    folders = MadeRun(tmp_path).write().evaluations
    (folders[0] / "targets.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputFileError, match=r"baselines/targets\.parquet is not a Parquet table"):
        read_measured(folders)


def test_a_figure_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    folders = MadeRun(tmp_path).write().evaluations
    path = folders[0] / "targets.parquet"
    pd.concat([pd.read_parquet(path)] * 2).to_parquet(path)
    with pytest.raises(UserError, match="a target has two figures of one method and metric"):
        read_measured(folders)
