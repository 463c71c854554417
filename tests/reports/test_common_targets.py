"""A family that cannot predict every target: common targets in one table, the others in a second one."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.protocols import NOT_PREDICTED
from evfi.reports.comparison import Comparison
from evfi.reports.measured import Setting, read_measured
from evfi.reports.options import ReportOptions
from evfi.reports.page import write_report
from evfi.reports.settings import sections, shown_settings

RECORDINGS = Setting("recordings", "truth", 3)


@pytest.fixture
def evaluations(made_run, tmp_path: Path) -> list[Path]:
    """The made-up run, and a third folder whose family predicts the middle target only, 3 dB better than TimeLens."""
    folders = made_run.write().evaluations
    out = tmp_path / "evaluation" / "convlstm"
    out.mkdir()
    table = pd.read_parquet(folders[1] / "targets.parquet")
    table = table[table["method"] == "timelens"].assign(method="convlstm")
    is_middle = (table["tau"] - 0.5).abs() < 0.01
    table["value"] = np.where(is_middle, table["value"] + 3, np.nan)
    table["note"] = np.where(is_middle, "", f"{NOT_PREDICTED}: tau, needs 0.5")
    table.to_parquet(out / "targets.parquet", index=False)
    document = json.loads((folders[1] / "evaluation.json").read_text())
    method = {"name": "convlstm", "label": "ConvLSTM", "family": "convlstm", "is_intermediate": False, "of": None}
    (out / "evaluation.json").write_text(json.dumps({**document, "name": "convlstm", "methods": [method]}))
    return [*folders, out]


@pytest.fixture
def comparison(evaluations: list[Path]) -> Comparison:
    measured = read_measured(evaluations)
    return Comparison(measured, EvaluationOptions.model_validate({"bootstrap": {"samples": 100}}))


def test_a_setting_with_declined_targets_is_shown_in_two_parts_and_others_whole(comparison: Comparison) -> None:
    shown = {(one.dataset, one.skip): [] for one in comparison.measured.settings}
    for one in shown_settings(comparison, ReportOptions()):
        shown[one.dataset, one.skip].append(one.part)
    assert shown == {
        ("recordings", 3): ["common", "other"],
        ("septuplets", 5): ["common", "other"],
        ("septuplets", 1): [""],
    }


def test_in_the_common_part_every_method_stands_on_the_same_targets(comparison: Comparison) -> None:
    common, _ = comparison.measured.parts(RECORDINGS)
    rows = [comparison.row(common, method.name, "psnr_float") for method in comparison.methods(common)]
    assert {row.frames for row in rows if row} == {5}
    assert all(row is not None and row.missing == 0 for row in rows)
    learned = comparison.row(common, "timelens", "psnr_float")
    better = comparison.row(common, "convlstm", "psnr_float")
    assert learned is not None
    assert better is not None
    assert better.value == pytest.approx(learned.value + 3)


def test_in_the_other_part_the_family_has_no_figure_and_the_others_have_theirs(comparison: Comparison) -> None:
    _, other = comparison.measured.parts(RECORDINGS)
    assert comparison.row(other, "convlstm", "psnr_float") is None
    row = comparison.row(other, "timelens", "psnr_float")
    assert row is not None
    assert row.frames == 10


def test_the_other_table_says_not_applicable(comparison: Comparison) -> None:
    blocks = [block for section in sections(comparison, ReportOptions()) for block in section.blocks]
    (block,) = [one for one in blocks if one.setting.dataset == "recordings" and one.setting.part == "other"]
    assert block.title.endswith("other targets")
    (line,) = [line for line in block.main.lines if line.title == "ConvLSTM"]
    assert "n/a" in {cell.text for cell in line.cells}


def test_metrics_keep_the_whole_rows_and_add_those_of_the_parts(evaluations: list[Path], tmp_path: Path) -> None:
    for name, folders in (("both", evaluations), ("alone", evaluations[:2])):
        write_report(tmp_path / name, evaluations=folders)
    both, alone = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("both", "alone"))
    assert "part_rows" not in alone
    assert {row["part"] for row in both["part_rows"]} == {"common", "other"}
    own = [row for row in both["rows"] if row["method"] != "convlstm"]
    assert own == alone["rows"]
    text = (tmp_path / "both" / "report.html").read_text()
    assert "targets that every family predicts" in text
    assert "targets that every family predicts" not in (tmp_path / "alone" / "report.html").read_text()
