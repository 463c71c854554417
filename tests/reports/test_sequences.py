from pathlib import Path

import pytest

from evfi.evaluation.options import EvaluationOptions
from evfi.reports.comparison import Comparison
from evfi.reports.measured import Setting, read_measured
from evfi.reports.options import ReportOptions
from evfi.reports.sequences import sequence_parts

OPTIONS = ReportOptions()
RECORDINGS = Setting("recordings", "truth", 3)
SEPTUPLETS = Setting("septuplets", "skip", 5)


@pytest.fixture
def comparison(made_run, tmp_path: Path) -> Comparison:
    made_run.pictures = False
    folders = made_run.write().evaluations
    return Comparison(read_measured(folders), EvaluationOptions.model_validate({"bootstrap": {"samples": 100}}))


def test_a_sequence_lists_first_where_the_learned_method_does_worst(comparison: Comparison) -> None:
    (part,) = sequence_parts(comparison, RECORDINGS, "setting-0", OPTIONS.replaced(hardest_targets=4))
    names = [column.title for column in part.targets.columns]
    own = [float(line.cells[names.index("TimeLens")].text) for line in part.targets.lines]
    cube, places = comparison.figures(RECORDINGS)
    figures = cube.figures("psnr_float", "timelens", places)
    assert own == pytest.approx(sorted(figures)[:4], abs=0.005)
    assert "The 4 of 15 targets" in part.targets.caption
    assert "synthesis" not in " ".join(names)


def test_many_moments_are_drawn_over_time_and_few_are_not(comparison: Comparison) -> None:
    (recording,) = sequence_parts(comparison, RECORDINGS, "setting-0", OPTIONS)
    assert recording.figure is not None
    assert "15 targets over time, for 5 methods" in recording.figure
    assert all(part.figure is None for part in sequence_parts(comparison, SEPTUPLETS, "setting-1", OPTIONS))


def test_every_sequence_has_a_part_up_to_the_most(comparison: Comparison) -> None:
    names = [part.title for part in sequence_parts(comparison, SEPTUPLETS, "setting-1", OPTIONS)]
    assert names == [f"0000{number % 2}/{number:04d}" for number in (0, 2, 4, 1, 3)]
    few = sequence_parts(comparison, SEPTUPLETS, "setting-1", OPTIONS.replaced(sequences_shown=2))
    assert [part.title for part in few] == names[:2]
    assert [part.anchor for part in few] == ["setting-1-sequence-0", "setting-1-sequence-1"]
