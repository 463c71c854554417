from pathlib import Path

import pandas as pd
import pytest

from evfi.evaluation.cube import cubes_of_table
from evfi.evaluation.options import BootstrapOptions, EvaluationOptions
from evfi.reports import formatting
from evfi.reports.comparison import Comparison
from evfi.reports.goals import goal_results
from evfi.reports.measured import Measured, Method, Setting
from evfi.reports.options import Goal, ReportOptions
from evfi.reports.settings import ordered_settings
from evfi.reports.summary import Summary, parts, plain, summary_line
from evfi.reports.tables import difference_table, main_table, sequence_table
from evfi.reports.verdicts import verdicts

SETTING = Setting("clips", "skip", 1)
OPTIONS = ReportOptions()
EVALUATION = EvaluationOptions(bootstrap=BootstrapOptions(samples=200))


def figures(values: dict[str, list[float]], metric: str = "psnr_float", target: str = "im4") -> pd.DataFrame:
    """Each method's figures on sequences s0, s1, ..."""
    return pd.DataFrame(
        {
            "sample_id": f"s{number}",
            "method": method,
            "dataset": SETTING.dataset,
            "protocol": SETTING.protocol,
            "skip": SETTING.skip,
            "sequence": f"s{number}",
            "group": "00000-00002",
            "target": target,
            "t_us": 33_333,
            "tau": 0.5,
            "metric": metric,
            "value": value,
            "note": "",
        }
        for method, own in values.items()
        for number, value in enumerate(own)
    )


def compared_in(table: pd.DataFrame) -> Comparison:
    """A name with a slash is an intermediate, "blend" and "flow" are baselines."""
    methods = [
        Method(
            name=name,
            label=name,
            family=None if name in ("blend", "flow") else name.split("/")[0],
            is_intermediate="/" in name,
            folder=Path(),
        )
        for name in table["method"].unique()
    ]
    measured = Measured(cubes=cubes_of_table(table), methods=tuple(methods), groups=(), documents=({},))
    return Comparison(measured, EVALUATION)


def compared(values: dict[str, list[float]], metric: str = "psnr_float") -> Comparison:
    return compared_in(figures(values, metric))


def test_the_winner_is_named_with_its_lead_over_the_best_baseline() -> None:
    comparison = compared({"blend": [20.0] * 6, "flow": [25.0] * 6, "net": [27.0, 27.2, 26.8, 27.1, 26.9, 27.0]})
    (verdict,) = verdicts(comparison, OPTIONS)
    sentence = verdict.sentence
    assert (
        plain(sentence)
        .replace("\N{NO-BREAK SPACE}", " ")
        .startswith("On clips (skip 1, im4) net wins with 27.00 dB PSNR, +2.00 dB [1.9")
    )
    assert plain(sentence).endswith("over flow, the best baseline.")


def test_a_verdict_draws_the_lead_beside_the_best_baseline() -> None:
    (won,) = verdicts(compared({"flow": [25.0] * 6, "net": [27.0] * 6}), OPTIONS)
    (lost,) = verdicts(compared({"flow": [25.0] * 6, "net": [24.0] * 6}), OPTIONS)
    (alone,) = verdicts(compared({"net": [24.0] * 6}), OPTIONS)
    assert won.track is not None
    assert won.track.dot > won.track.mark
    assert lost.track is not None
    assert lost.track.dot < lost.track.mark
    assert alone.track is None


def test_a_lead_whose_interval_includes_zero_is_not_called_a_win() -> None:
    comparison = compared({"flow": [25.0] * 6, "net": [22.0, 28.3, 24.0, 26.5, 23.5, 26.0]})
    (verdict,) = verdicts(comparison, OPTIONS)
    sentence = verdict.sentence
    assert "leads" in sentence
    assert "not certainly" in sentence
    assert verdict.badge.state == "unsure"
    table = main_table(comparison, SETTING, "im4", "psnr_float")
    assert [line.badge.text if line.badge else "" for line in table.lines] == ["", "level with flow"]


def test_a_baseline_that_wins_is_named_as_the_winner() -> None:
    comparison = compared({"flow": [25.0] * 6, "net": [24.0] * 6})
    (verdict,) = verdicts(comparison, OPTIONS)
    sentence = verdict.sentence
    assert "<strong>flow</strong> wins with" in sentence
    assert verdict.badge.state == "bad"
    assert plain(sentence).replace("\N{NO-BREAK SPACE}", " ").endswith("net is behind it by 1.00 dB [1.00, 1.00].")


def test_a_baseline_whose_lead_may_be_chance_is_not_called_the_winner() -> None:
    comparison = compared({"flow": [25.0] * 6, "net": [28.0, 21.7, 26.0, 23.5, 26.5, 24.0]})
    (verdict,) = verdicts(comparison, OPTIONS)
    said = plain(verdict.sentence).replace("\N{NO-BREAK SPACE}", " ")
    assert "<strong>flow</strong> leads with" in verdict.sentence
    assert "25.00 dB PSNR, but not certainly: net is behind it by 0.05 dB [\N{MINUS SIGN}" in said
    assert verdict.badge.state == "unsure"


def test_where_lower_is_better_the_smaller_error_wins() -> None:
    comparison = compared({"flow": [9.0] * 6, "net": [6.0] * 6}, metric="ie")
    (verdict,) = verdicts(comparison, OPTIONS.replaced(main_metric="ie"))
    sentence = verdict.sentence
    assert "<strong>net</strong> wins with 6.00" in sentence
    assert "+3.00" in sentence
    table = difference_table(comparison, SETTING, "im4", "ie")
    assert table is not None
    (cell,) = table.lines[0].cells
    assert (cell.text, cell.state) == ("\N{MINUS SIGN}3.00", "good")


def test_event_consistency_ranks_nobody() -> None:
    comparison = compared({"flow": [0.9] * 6, "net": [0.2] * 6}, metric="event_consistency")
    assert verdicts(comparison, OPTIONS.replaced(main_metric="event_consistency")) == ()
    table = main_table(comparison, SETTING, "im4", "event_consistency")
    assert {cell.state for line in table.lines for cell in line.cells} == {""}


def test_a_metric_without_its_weights_says_so_in_its_column() -> None:
    rows = figures({"flow": [25.0] * 6, "net": [27.0] * 6})
    asked = rows.assign(metric="lpips_alex", value=float("nan"), note="no weights")
    both = compared_in(pd.concat([rows, asked], ignore_index=True))
    table = main_table(both, SETTING, "im4", "psnr_float")
    place = [column.title.split("\N{NO-BREAK SPACE}")[0] for column in table.columns].index("LPIPS, AlexNet")
    assert [line.cells[place].text for line in table.lines] == ["no weights", "no weights"]


def test_a_final_frame_is_compared_with_each_of_its_parts() -> None:
    comparison = compared({"net": [27.0] * 6, "net/a": [26.0] * 6, "net/b": [28.0] * 6})
    (own,) = parts(comparison, OPTIONS)
    assert [cell.text for cell in own.table.lines[0].cells] == ["+1.00", "\N{MINUS SIGN}1.00"]
    assert "in 0 of 1 setting." in own.sentence


def test_a_goal_is_met_at_exactly_its_minimum() -> None:
    comparison = compared({"flow": [25.0] * 6, "net": [27.0] * 6})
    place = {"dataset": "clips", "protocol": "skip", "skip": 1, "method": "net", "versus": "flow"}
    goals = [Goal(**place, minimum=minimum) for minimum in (2.0, 2.001, -1.0)]
    assert [result.status for result in goal_results(goals, comparison)] == ["met", "missed", "met"]


def test_a_goal_for_a_method_that_was_not_measured_is_neither_met_nor_missed() -> None:
    comparison = compared({"flow": [25.0] * 6, "net": [27.0] * 6})
    goal = Goal(dataset="clips", protocol="skip", skip=1, method="wevi", versus="flow", minimum=1)
    (result,) = goal_results([goal], comparison)
    assert result.status == "not measured"
    assert not result.is_certain


def test_a_goal_inside_the_interval_is_not_certain() -> None:
    comparison = compared({"flow": [25.0] * 6, "net": [26.0, 28.0, 26.0, 28.0, 26.0, 28.0]})
    place = {"dataset": "clips", "protocol": "skip", "skip": 1, "method": "net", "versus": "flow"}
    certain = [result.is_certain for result in goal_results([Goal(**place, minimum=m) for m in (1.9, 0.5)], comparison)]
    assert certain == [False, True]


def test_settings_come_truth_first_then_headline_targets_then_the_rest() -> None:
    rows = figures({"flow": [25.0] * 6, "net": [27.0] * 6})
    moved = [
        rows,
        rows.assign(dataset="a-films", target="frame+1"),
        rows.assign(dataset="z-camera", protocol="truth", target="truth+1"),
    ]
    several = compared_in(pd.concat(moved, ignore_index=True))
    assert [setting.dataset for setting in ordered_settings(several, OPTIONS)] == ["z-camera", "clips", "a-films"]


def test_the_table_of_sequences_says_what_it_leaves_out() -> None:
    comparison = compared({"flow": [25.0 + number for number in range(6)], "net": [27.0] * 6})
    table = sequence_table(comparison, SETTING, "im4", "psnr_float", most=4, anchors={"s1": "here"})
    assert table is not None
    assert [line.title for line in table.lines] == ["s0", "s1", "s2", "s3"]
    assert [line.href for line in table.lines] == ["", "here", "", ""]
    assert "The first 4 of 6 sequences." in table.caption
    assert [cell.text for cell in table.lines[3].cells] == ["28.00", "27.00"]


def test_the_terminal_gets_a_line_for_each_thing_to_know() -> None:
    summary = Summary(
        report=Path("results/report.html"),
        metrics=Path("results/metrics.json"),
        resources=Path("results/resources.json"),
        sentences=("net wins.",),
        goals_met=2,
        goals_missed=("net over flow",),
        goals_not_measured=(),
    )
    assert summary_line(summary).splitlines() == [
        "net wins.",
        "Goals: 2 of 3 met.",
        "  missed: net over flow",
        "Report: results/report.html",
    ]
    assert str(summary) == summary_line(summary)


@pytest.mark.parametrize(
    ("value", "text"), [(1.234, "+1.23"), (-1.5, "\N{MINUS SIGN}1.50"), (-0.001, "0.00"), (float("nan"), "–")]
)
def test_differences_carry_their_sign_and_zero_has_none(value: float, text: str) -> None:
    assert formatting.signed(value, 2) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (9.96, "10.0 s"),
        (42.4, "42 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7440, "2 h 04 min"),
    ],
)
def test_durations_have_their_two_largest_units(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


def test_disk_is_told_in_thousands() -> None:
    sizes = (None, 0, 35_400, 1_500_000, 2_340_000_000)
    assert [formatting.disk(size) for size in sizes] == ["–", "0 kB", "35 kB", "1.5 MB", "2.34 GB"]


def test_memory_turns_to_gigabytes_at_1024_megabytes() -> None:
    assert [formatting.memory(value) for value in (None, 310.2, 1023, 1536)] == ["–", "310 MB", "1023 MB", "1.50 GB"]
