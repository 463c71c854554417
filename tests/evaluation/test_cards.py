"""Every metric has a card, and every table says how it was made."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest

from evfi.errors import UserError
from evfi.evaluation.cards import TableCard, interval_note, metric_card, table_card
from evfi.evaluation.cube import cubes_of_table
from evfi.evaluation.options import ActiveOptions, EvaluationOptions, MetricName


def targets(sequences: int, starts: tuple[int, ...], span: int, values: list[float] | None = None) -> pd.DataFrame:
    rows = [
        {
            "sample_id": f"d/s{sequence}/skip1/{start:05d}",
            "method": method,
            "dataset": "d",
            "protocol": "skip",
            "skip": 1,
            "sequence": f"s{sequence}",
            "group": f"{start:05d}-{start + span:05d}",
            "target": "frame+1",
            "t_us": start,
            "tau": 0.5,
            "metric": "psnr_active",
            "value": values[place] if values else 30.0,
            "note": "",
        }
        for sequence in range(sequences)
        for place, start in enumerate(starts)
        for method in ("copy", "blend")
    ]
    return pd.DataFrame(rows)


LOWER_IS_BETTER = ("ie", "ie_rms", "tof", "flicker", "lpips_alex", "lpips_vgg")


def card_of(table: pd.DataFrame, metric: str = "psnr_active") -> TableCard:
    (cube,) = cubes_of_table(table)
    return table_card(cube, metric, cube.everywhere)


@pytest.mark.parametrize("metric", get_args(MetricName))
def test_every_metric_has_a_whole_card(metric: str) -> None:
    card = metric_card(metric)
    assert card.metric == metric
    for text in (card.label, card.definition, card.quantised, card.clamped, card.border, card.averaging):
        assert text
    assert card.higher_is_better == (metric not in LOWER_IS_BETTER)
    assert ("8 bit" in card.quantised) == (metric in ("psnr_u8", "ie", "ie_rms", "tof", "flicker"))


def test_cards_state_the_options_that_were_used() -> None:
    options = EvaluationOptions(active=ActiveOptions(radius_px=7, min_pixels=55))
    assert "within 7 px" in metric_card("psnr_active", options).definition
    assert "fewer than 55" in metric_card("psnr_active", options).definition


def test_event_consistency_says_that_it_ranks_no_quality() -> None:
    for metric in ("event_consistency", "event_consistency_true"):
        assert "no quality rank" in metric_card(metric).caution
        assert "upper bound" in metric_card(metric).caution


def test_an_unknown_metric_has_no_card() -> None:
    with pytest.raises(UserError, match="no metric is called 'ssim'"):
        metric_card("ssim")


@pytest.mark.parametrize(
    ("starts", "span", "said"), [((0, 1, 2), 2, "overlapping in time"), ((0, 2, 4), 2, "not overlapping")]
)
def test_a_table_says_whether_its_groups_overlap(starts: tuple[int, ...], span: int, said: str) -> None:
    card = card_of(targets(6, starts, span))
    assert card.groups == f"18 pairs of boundary frames, {said}"
    assert (card.frames, card.sequences) == (18, 6)


def test_a_table_counts_frames_without_a_figure() -> None:
    table = targets(2, (0, 2), 2, [30.0, np.nan])
    card = card_of(table)
    assert card.not_applicable == 2
    assert ("not applicable", "2 frames without a figure are left out of its means") in card.lines()


def test_a_table_says_how_its_interval_was_made() -> None:
    assert "over 9 sequences" in interval_note(9)
    assert "blocks of time within 4 sequences (fewer than 5)" in interval_note(4)
    assert "blocks of time within the one sequence" in interval_note(1)
    assert "95 %" in interval_note(1)


def test_a_table_of_nothing_is_an_error() -> None:
    with pytest.raises(UserError, match="no psnr_u8 was measured for d, skip 1"):
        card_of(targets(1, (0,), 2), "psnr_u8")


def test_headings_come_in_one_order() -> None:
    card = card_of(targets(6, (0, 2), 2))
    assert [heading for heading, _ in card.lines()] == [
        "metric",
        "definition",
        "quantised",
        "clamped",
        "border",
        "averaging",
        "protocol",
        "groups",
        "measured",
        "interval",
        "caution",
    ]
