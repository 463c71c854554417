"""Figures of several evaluations joined into one table."""

from pathlib import Path

import pandas as pd

from evfi.reports.measured import read_measured
from tests.reports.conftest import MadeRun


def test_the_joined_table_says_what_the_files_say_and_sorts_and_groups_as_text_does(tmp_path: Path) -> None:
    folders = MadeRun(tmp_path).write().evaluations
    plain = pd.concat([pd.read_parquet(folder / "targets.parquet") for folder in folders], ignore_index=True)
    joined = read_measured(folders).targets
    pd.testing.assert_frame_equal(joined.astype({name: plain[name].dtype for name in plain}), plain)
    by = ["method", "sample_id", "metric"]
    assert joined.sort_values(by).index.tolist() == plain.sort_values(by).index.tolist()
    groups = [[key for key, _ in table.groupby(["metric", "method", "target"])] for table in (joined, plain)]
    assert groups[0] == groups[1]
    assert len(groups[0]) > 20


def test_a_text_is_held_once_however_many_rows_have_it(tmp_path: Path) -> None:
    folders = MadeRun(tmp_path, sequences=40).write().evaluations
    joined = read_measured(folders).targets
    texts = joined[["sample_id", "method", "dataset", "protocol", "sequence", "group", "target", "metric", "note"]]
    names = sum(len(joined[name].cat.categories) for name in texts)
    assert names < len(joined) / 3
    assert texts.memory_usage(index=False, deep=True).sum() < 20 * len(joined) + 250 * names
