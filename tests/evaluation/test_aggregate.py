"""Means, intervals and paired differences, against plain NumPy and against the truth of made-up data."""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.evaluation.aggregate import (
    Difference,
    Row,
    aggregate,
    difference_of,
    gains_over_parts,
    paired_difference,
    rows_of,
)
from evfi.evaluation.bootstrap import Draws, Resampling, block_length, resampling
from evfi.evaluation.cube import cubes_of_table
from evfi.evaluation.options import BootstrapOptions

FAST = BootstrapOptions(samples=200)


def table(
    values: dict[str, np.ndarray], *, skip: int = 1, metric: str = "psnr_float", dataset: str = "d"
) -> pd.DataFrame:
    """Rows of methods whose values are (sequences, groups, targets)."""
    rows = []
    for method, array in values.items():
        for sequence, group, target in itertools.product(*map(range, array.shape)):
            rows.append(
                {
                    "sample_id": f"{dataset}/s{sequence:03d}/skip{skip}/{group:05d}-{group + 2:05d}/{target}",
                    "method": method,
                    "dataset": dataset,
                    "protocol": "skip",
                    "skip": skip,
                    "sequence": f"s{sequence:03d}",
                    "group": f"{group:05d}-{group + 2:05d}",
                    "target": f"im{target + 2}",
                    "t_us": 1000 * group + target,
                    "tau": 0.5,
                    "metric": metric,
                    "value": array[sequence, group, target],
                    "note": "",
                }
            )
    return pd.DataFrame(rows)


def drawn(data: pd.DataFrame) -> Resampling:
    (cube,) = cubes_of_table(data)
    return resampling(cube.targets, cube.everywhere, FAST, "k")


def one(rows: list[Row], **wanted: object) -> Row:
    found = [row for row in rows if all(getattr(row, key) == value for key, value in wanted.items())]
    assert len(found) == 1
    return found[0]


def test_means_per_frame_and_per_sequence_differ_as_they_should() -> None:
    values = np.random.default_rng(0).normal(30, 3, (6, 4, 2))
    values[0, 1:] = np.nan
    rows = aggregate(table({"a": values}), FAST)
    frame = one(rows, averaging="frame", target="all")
    sequence = one(rows, averaging="sequence", target="all")
    per_sequence = np.nanmean(values.reshape(6, -1), axis=1)
    assert frame.value == pytest.approx(np.nanmean(values))
    assert sequence.value == pytest.approx(per_sequence.mean())
    assert sequence.spread == pytest.approx(per_sequence.std(ddof=1))
    assert (frame.frames, frame.missing, frame.sequences) == (42, 6, 6)


def test_each_target_has_rows_of_its_own() -> None:
    values = np.random.default_rng(1).normal(30, 3, (5, 3, 2))
    rows = aggregate(table({"a": values, "b": values + 1}), FAST)
    assert {row.target for row in rows} == {"all", "im2", "im3"}
    assert len(rows) == 2 * 3 * 2
    row = one(rows, method="b", target="im3", averaging="frame")
    assert row.value == pytest.approx(values[..., 1].mean() + 1)
    assert row.frames == 15


def test_settings_are_never_mixed() -> None:
    values = np.random.default_rng(1).normal(30, 3, (5, 3, 2))
    mixed = pd.concat([table({"a": values}), table({"a": values + 5}, skip=5), table({"a": values - 9}, dataset="e")])
    rows = aggregate(mixed, FAST)
    found = {(row.dataset, row.skip): row.value for row in rows if row.target == "all" and row.averaging == "frame"}
    mean = values.mean()
    assert found == pytest.approx({("d", 1): mean, ("d", 5): mean + 5, ("e", 1): mean - 9})


def test_nothing_measured_gives_nan_and_says_how_much_is_missing() -> None:
    row = aggregate(table({"a": np.full((6, 2, 1), np.nan)}), FAST)[0]
    assert np.isnan([row.value, row.low, row.high]).all()
    assert (row.frames, row.sequences, row.missing) == (0, 0, 12)


def test_one_unit_has_a_value_but_no_interval() -> None:
    row = aggregate(table({"a": np.full((1, 1, 3), 7.0)}), FAST)[0]
    assert row.value == 7
    assert np.isnan([row.low, row.high, row.spread]).all()


@pytest.mark.parametrize("groups", [(1, 2), (3, 1), (2, 2)], ids=str)
def test_groups_that_a_block_holds_whole_give_no_interval(groups: tuple[int, int]) -> None:
    """Every draw is the data themselves: an interval without width would claim to know."""
    values = np.random.default_rng(1).normal(30, 3, (*groups, 1))
    row = aggregate(table({"a": values}), FAST)[0]
    assert np.isfinite(row.value)
    assert np.isnan([row.low, row.high]).all()


def test_the_same_seed_gives_the_same_intervals_and_another_does_not() -> None:
    values = table({"a": np.random.default_rng(2).normal(30, 3, (8, 2, 1))})
    shuffled = values.sample(frac=1, random_state=3)
    assert aggregate(values, FAST) == aggregate(shuffled, FAST)
    other = aggregate(values, FAST.replaced(seed=1))
    assert other[0].value == aggregate(values, FAST)[0].value
    assert other[0].low != aggregate(values, FAST)[0].low


def test_the_interval_over_sequences_is_the_plain_bootstrap() -> None:
    values = np.random.default_rng(5).normal(30, 3, (20, 2, 1))
    row = one(aggregate(table({"a": values}), BootstrapOptions(samples=4000)), target="all", averaging="sequence")
    means = values.mean(axis=(1, 2))
    rng = np.random.default_rng(0)
    plain = means[rng.integers(0, 20, (20_000, 20))].mean(axis=1)
    assert (row.low, row.high) == pytest.approx(np.percentile(plain, [2.5, 97.5]), abs=0.1)


def coverage(make: Callable[[np.random.Generator], np.ndarray], truth: float, repeats: int) -> float:
    hits = 0
    for repeat in range(repeats):
        values = make(np.random.default_rng(repeat))
        row = aggregate(table({"a": values}), FAST.replaced(seed=repeat))[0]
        hits += row.low <= truth <= row.high
    return hits / repeats


def test_intervals_over_sequences_cover_the_truth_as_often_as_they_say() -> None:
    def make(rng: np.random.Generator) -> np.ndarray:
        return 30 + rng.normal(0, 3, (30, 1, 1)) + rng.normal(0, 1, (30, 2, 1))

    assert 0.89 <= coverage(make, 30.0, 150) <= 0.985


def test_block_intervals_of_one_sequence_cover_the_truth_of_a_slowly_changing_signal() -> None:
    def make(rng: np.random.Generator) -> np.ndarray:
        steps = rng.normal(0, 1, 150)
        for number in range(1, 150):
            steps[number] += 0.7 * steps[number - 1]
        return 30 + steps.reshape(1, 150, 1)

    assert coverage(make, 30.0, 100) >= 0.82


def test_blocks_give_wider_intervals_than_single_groups_where_neighbours_are_alike() -> None:
    slow = np.repeat(np.random.default_rng(4).normal(30, 3, 16), 10).reshape(1, 160, 1)
    blocks = aggregate(table({"a": slow}), FAST)[0]
    rng = np.random.default_rng(0)
    single = slow.ravel()[rng.integers(0, 160, (2000, 160))].mean(axis=1)
    assert blocks.high - blocks.low > 1.8 * (np.percentile(single, 97.5) - np.percentile(single, 2.5))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(sequences=st.integers(1, 9), groups=st.integers(1, 12))
def test_every_draw_has_as_many_units_as_the_data(sequences: int, groups: int) -> None:
    data = table({"a": np.zeros((sequences, groups, 1))})
    over = drawn(data)
    assert over.by_sequence == (sequences >= FAST.min_sequences)
    if over.by_sequence:
        assert (over.weights.sum(axis=1) == sequences).all()
    else:
        for number in range(sequences):
            assert (over.weights[:, over.sequence == number].sum(axis=1) == groups).all()


def test_blocks_are_of_neighbours_in_time() -> None:
    over = drawn(table({"a": np.zeros((1, 100, 1))}))
    assert block_length(100) == 10
    together = np.corrcoef(over.weights[:, 40], over.weights[:, 41])[0, 1]
    apart = np.corrcoef(over.weights[:, 40], over.weights[:, 80])[0, 1]
    assert together > 0.7 > 0.3 > apart


def test_paired_difference_is_the_mean_of_differences_of_common_targets() -> None:
    rng = np.random.default_rng(7)
    b = rng.normal(30, 5, (12, 2, 2))
    a = b + rng.normal(2, 0.3, b.shape)
    a[0, 0, 0] = np.nan
    data = table({"a": a, "b": b})
    found = paired_difference(data, "a", "b", metric="psnr_float", dataset="d", skip=1, options=FAST)
    assert found.value == pytest.approx(np.nanmean((a - b).reshape(12, -1), axis=1).mean())
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.4, "pairing takes the spread between sequences out"
    assert found.n == 12
    by_frame = paired_difference(
        data, "a", "b", metric="psnr_float", dataset="d", skip=1, averaging="frame", options=FAST
    )
    assert by_frame.value == pytest.approx(np.nanmean(a - b))
    assert by_frame.n == 47


def test_paired_difference_turns_its_sign_with_its_methods() -> None:
    rng = np.random.default_rng(8)
    data = table({"a": rng.normal(31, 1, (9, 2, 1)), "b": rng.normal(30, 1, (9, 2, 1))})
    asked = {"metric": "psnr_float", "dataset": "d", "skip": 1, "target": "im2", "options": FAST}
    forth, back = paired_difference(data, "a", "b", **asked), paired_difference(data, "b", "a", **asked)
    assert (forth.value, forth.low, forth.high) == pytest.approx((-back.value, -back.high, -back.low))


def test_differences_with_kept_draws_are_those_without_also_where_a_method_lacks_targets() -> None:
    rng = np.random.default_rng(10)
    data = table({name: rng.normal(30, 1, (9, 3, 1)) for name in "abc"})
    data = data[(data["method"] != "c") | (data["sequence"] > "s003")]
    (cube,) = cubes_of_table(data)
    draws = Draws(FAST)
    for method, other in itertools.permutations("abc", 2):
        kept = difference_of(cube, cube.everywhere, "psnr_float", (method, other), draws)
        alone = paired_difference(data, method, other, metric="psnr_float", dataset="d", skip=1, options=FAST)
        assert kept == alone
        assert kept.n == (5 if "c" in (method, other) else 9)


def test_rows_of_some_targets_are_those_of_a_table_without_the_others() -> None:
    rng = np.random.default_rng(11)
    data = table({name: rng.normal(30, 1, (7, 4, 2)) for name in "ab"})
    (cube,) = cubes_of_table(data)
    for own in (data["sequence"] > "s001", data["sequence"] > "s003", data["target"] == "im3"):
        places = np.unique([cube.targets.place(name) for name in set(data["sample_id"][own])])
        assert rows_of(cube, places, Draws(FAST)) == aggregate(data[own], FAST)


def test_methods_without_a_common_target_have_no_difference() -> None:
    data = table({name: np.full((6, 2, 1), 30.0) for name in "ab"})
    data = data[(data["method"] == "a") == (data["sequence"] < "s003")]
    found = paired_difference(data, "a", "b", metric="psnr_float", dataset="d", skip=1, options=FAST)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert (found.n, found.is_certain) == (0, False)


def test_a_certain_difference_leaves_zero_out() -> None:
    assert Difference(1.0, 0.5, 1.5, 9).is_certain
    assert Difference(-1.0, -1.5, -0.5, 9).is_certain
    assert not Difference(0.2, -0.5, 1.0, 9).is_certain
    assert not Difference(0.2, float("nan"), float("nan"), 1).is_certain


def test_absent_methods_and_ambiguous_protocols_are_errors() -> None:
    data = table({"a": np.zeros((5, 2, 1))})
    with pytest.raises(UserError, match="there are the methods \\['a'\\]"):
        paired_difference(data, "a", "b", metric="psnr_float", dataset="d", skip=1)
    both = pd.concat([data, data.assign(protocol="truth")])
    with pytest.raises(UserError, match="name one"):
        paired_difference(both, "a", "a", metric="psnr_float", dataset="d", skip=1)
    with pytest.raises(UserError, match="averaging"):
        paired_difference(data, "a", "a", metric="psnr_float", dataset="d", skip=1, averaging="clip")


def test_a_family_is_compared_with_each_part_that_it_joins() -> None:
    base = np.random.default_rng(9).normal(30, 2, (6, 2, 1))
    data = table({"net": base, "net/warp": base - 1, "net/synthesis": base + 0.5, "network/x": base, "copy": base})
    gains = gains_over_parts(data, "net", metric="psnr_float", dataset="d", skip=1, options=FAST)
    assert [(gain.other, round(gain.value, 6)) for gain in gains] == [("net/synthesis", -0.5), ("net/warp", 1.0)]
