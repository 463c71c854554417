"""Figures held as an array say what the long table of them says."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.evaluation.cube import Cube, cubes_of, cubes_of_table


def table(seed: int = 0, targets: int = 30) -> pd.DataFrame:
    """Two settings, three methods, two metrics; some rows are left out, some have no figure."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, skip, method, metric in itertools.product(range(targets), (1, 3), ("b", "a", "a/x"), ("psnr", "ie")):
        value = float(rng.normal(30, 3))
        note = str(rng.choice(["", "", "no weights", "not predicted: far"]))
        sequence = f"s{number % 7}"
        rows.append(
            {
                "sample_id": f"{sequence}/{skip}/{number:03d}",
                "method": method,
                "dataset": "d",
                "protocol": "skip",
                "skip": skip,
                "sequence": sequence,
                "group": f"{number:05d}-{number + skip + 1:05d}",
                "target": f"im{number % 2 + 2}",
                "t_us": 1000 * number,
                "tau": 0.25 + number / 100,
                "metric": metric,
                "value": value if not note else np.nan,
                "note": note,
            }
        )
    whole = pd.DataFrame(rows)
    return whole[rng.random(len(whole)) < 0.8].sample(frac=1, random_state=seed, ignore_index=True)


def one(cube: Cube, row: pd.Series) -> tuple[float, str, str, str, str, int, float]:
    """What a cube says of a row's target, metric and method."""
    place = cube.targets.place(row["sample_id"])
    assert place is not None
    at, targets = np.array([place]), cube.targets
    (value,) = cube.figures(row["metric"], row["method"], at)
    note = cube.notes[cube.metrics.index(row["metric"]), cube.methods.index(row["method"]), place]
    texts = [texts.at(at)[0] for texts in (targets.sequence, targets.group, targets.name)]
    return value, cube.note_texts[note], *texts, int(targets.t_us[place]), float(targets.tau[place])


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 99), pieces=st.integers(1, 9), coded=st.booleans())
def test_every_row_stands_in_the_cube_of_its_setting_in_however_many_pieces_it_came(
    seed: int, pieces: int, coded: bool
) -> None:
    whole = table(seed)
    given_rows = whole.astype(dict.fromkeys(whole.select_dtypes("str"), "category")) if coded else whole
    cubes = cubes_of(lambda: (given_rows.iloc[own] for own in np.array_split(np.arange(len(whole)), pieces)))
    assert [cube.key for cube in cubes] == [("d", "skip", 1), ("d", "skip", 3)]
    columns = ["value", "note", "sequence", "group", "target", "t_us", "tau"]
    for cube in cubes:
        own = whole[whole["skip"] == cube.key[2]]
        found = pd.DataFrame([one(cube, row) for _, row in own.iterrows()], columns=columns, index=own.index)
        pd.testing.assert_frame_equal(found, own[columns])
        assert (cube.notes > 0).sum() == len(own)
        assert np.isfinite(cube.values).sum() == own["value"].notna().sum()
        assert cube.metrics == ("ie", "psnr")
        assert cube.methods == ("a", "a/x", "b")


def test_targets_stand_by_rising_sample_id_and_one_that_is_absent_has_no_place() -> None:
    cube, _ = cubes_of_table(table())
    ids = [name.as_py() for name in cube.targets.sample_id]
    assert ids == sorted(ids)
    assert [cube.targets.place(name) for name in ids] == list(range(len(ids)))
    assert [cube.targets.place(name) for name in ("", "s3/1/9999", "z")] == [None] * 3


def test_targets_are_chosen_by_name_sequence_and_by_having_a_row() -> None:
    whole = table(1)
    cube, _ = cubes_of_table(whole)
    own = whole[whole["skip"] == 1].drop_duplicates("sample_id").sort_values("sample_id")
    for places, expected in (
        (cube.of_target("im3", cube.everywhere), own["target"] == "im3"),
        (cube.of_sequence("s2", cube.everywhere), own["sequence"] == "s2"),
        (cube.of_target("all", cube.everywhere), own["skip"] == 1),
        (cube.of_target("im9", cube.everywhere), own["skip"] == 3),
    ):
        assert places.tolist() == np.flatnonzero(expected).tolist()
    rows = whole[(whole["skip"] == 1) & (whole["metric"] == "ie") & (whole["method"] == "b")]
    measured = cube.measured("ie", "b", cube.everywhere)
    assert [cube.targets.sample_id[place].as_py() for place in measured] == sorted(rows["sample_id"])
    assert not len(cube.measured("ie", "nobody", cube.everywhere))


def test_notes_are_found_by_what_they_say() -> None:
    whole = table(2)
    cube, _ = cubes_of_table(whole)
    rows = whole[(whole["skip"] == 1) & whole["note"].str.startswith("not predicted")]
    found = np.flatnonzero(cube.noted(lambda note: note.startswith("not predicted")))
    assert [cube.targets.sample_id[place].as_py() for place in found] == sorted(set(rows["sample_id"]))
    without = whole[(whole["metric"] == "ie") | (whole["note"] != "no weights")]
    cube, _ = cubes_of_table(without)
    found = [cube.has_note(metric, "no weights", cube.everywhere) for metric in ("ie", "psnr", "other")]
    assert found == [True, False, False]


def test_a_figure_takes_nine_bytes_and_its_target_sixty() -> None:
    cube, _ = cubes_of_table(table(3, targets=400))
    targets = cube.targets
    numbers = sum(texts.number.nbytes for texts in (targets.sequence, targets.group, targets.name))
    assert cube.values.nbytes + cube.notes.nbytes == 9 * cube.values.size
    assert numbers + targets.t_us.nbytes + targets.tau.nbytes + targets.sample_id.nbytes < 60 * len(targets)


@pytest.mark.parametrize("pieces", [1, 2])
def test_two_figures_of_one_target_method_and_metric_are_an_error(pieces: int) -> None:
    rows = table()
    twice = [pd.concat([rows, rows.iloc[:1]])] if pieces == 1 else [rows, rows.iloc[:1]]
    with pytest.raises(UserError, match="two figures of one method and metric"):
        cubes_of(lambda: twice)


@pytest.mark.parametrize("kind", ["str", "category"])
def test_a_note_that_is_null_is_an_empty_one(kind: str) -> None:
    whole = table(4)
    null = whole.assign(note=whole["note"].where(whole["note"] != "").astype(kind))
    assert null["note"].isna().any()
    for found, expected in zip(cubes_of_table(null), cubes_of_table(whole), strict=True):
        assert found.note_texts == expected.note_texts
        np.testing.assert_array_equal(found.notes, expected.notes)
