"""Names of targets, and which groups get pictures."""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.evaluation.baselines import COPY
from evfi.evaluation.methods import Answer
from evfi.evaluation.pictures import (
    chosen_rows,
    file_name,
    folder_name,
    picture_entries,
    write_answers,
    write_inputs,
)
from evfi.evaluation.protocols import setting_name
from evfi.evaluation.rows import RowsToMeasure
from evfi.io.images import read_image
from evfi.samples.rows import Place
from evfi.samples.sample import Sample
from evfi.samples.windows import Group


def index(sequences: dict[str, int], *, kind: str = "clip", protocol: str = "skip", skip: int = 2) -> pd.DataFrame:
    """Rows of `sequences` (name: number of groups), each group with `skip` targets, in no order."""
    rows = []
    for name, groups in sequences.items():
        place = Place("data", kind, f"{name}.zarr", 0 if kind == "clip" else -1, name, "test")
        for start in range(groups):
            targets = (
                range(start * skip, (start + 1) * skip) if protocol == "truth" else range(start + 1, start + skip + 1)
            )
            group = Group(start, start + skip + 1, tuple(targets), start - 1, -1)
            times = np.arange(100, dtype=np.int64) * 10
            bounds = (min(targets) * 10 - 5, max(targets) * 10 + 5)
            rows += [asdict(row) for row in place.rows(group, skip, times, protocol=protocol, bounds=bounds)]
    return pd.DataFrame(rows).sample(frac=1, random_state=1)


def rows_of(table: pd.DataFrame) -> RowsToMeasure:
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        table.to_parquet(file.name, index=False, row_group_size=5)
        rows = RowsToMeasure(Path(file.name))
        rows.outline()  # the file is open now
        return rows


def test_targets_of_clips_have_the_names_of_their_files() -> None:
    rows = [*rows_of(index({"a": 2}, skip=2))]
    assert [row.target_name for row in rows] == ["im2", "im3", "im3", "im4"]
    assert [row.group for row in rows] == 2 * ["00000-00003"] + 2 * ["00001-00004"]
    assert {row.group_size for row in rows} == {2}
    assert [row.number for row in rows] == [0, 1, 2, 3]


@pytest.mark.parametrize(("protocol", "word"), [("skip", "frame"), ("truth", "truth")])
def test_targets_of_recordings_are_called_by_their_place_in_the_group(protocol: str, word: str) -> None:
    rows = rows_of(index({"a": 3}, kind="recording", protocol=protocol, skip=3))
    assert [row.target_name for row in rows] == [f"{word}+{number}" for number in (1, 2, 3)] * 3


def test_some_rows_are_named_as_among_all(tmp_path: Path) -> None:
    rows = rows_of(index({"a": 3, "b": 2}, kind="recording", skip=4))
    whole = [vars(row) for row in rows]
    for numbers in ([2], [19, 0, 7], [3, 4, 4]):
        assert [vars(row) for row in rows.some(numbers)] == [whole[number] for number in sorted(set(numbers))]
    outline = rows.outline()
    for column in ("dataset", "protocol", "skip", "kind", "sequence", "frame0", "frame1"):
        assert outline[column].tolist() == [row[column] for row in whole]


def test_training_rows_are_left_out_and_their_absence_is_an_error() -> None:
    table = index({"a": 1, "b": 1})
    table.loc[table["sequence"] == "a", "split"] = "validation"
    assert {row.sequence for row in rows_of(table)} == {"b"}
    with pytest.raises(UserError, match="no test sample"):
        rows_of(table[table["sequence"] == "a"])


def test_rows_come_in_the_order_of_their_ids_whatever_the_index_order() -> None:
    table = index({"a": 3, "b": 4})
    found = [vars(row) for row in rows_of(table)]
    assert found == [vars(row) for row in rows_of(table.iloc[::-1])]
    assert [row["sample_id"] for row in found] == sorted(table["sample_id"])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    groups=st.lists(st.integers(1, 6), min_size=1, max_size=7),
    wanted=st.integers(0, 9),
)
def test_pictures_are_of_whole_groups_spread_over_sequences(groups: list[int], wanted: int) -> None:
    rows = rows_of(index({f"s{number}": count for number, count in enumerate(groups)}))
    chosen = chosen_rows(rows.outline(), wanted)
    picked = Counter((row.sequence, row.group) for row in rows.some(chosen))
    sequences = {sequence for sequence, _ in picked}
    assert set(picked.values()) <= {2}
    assert len(picked) <= wanted
    if wanted <= len(groups):
        assert len(picked) == wanted == len(sequences)
    elif min(groups) * len(groups) >= wanted:
        assert len(sequences) == len(groups)
    assert chosen == chosen_rows(rows.outline(), wanted)


def test_every_protocol_gets_its_pictures() -> None:
    tables = [index({"a": 4}, skip=1), index({"a": 4}, skip=2), index({"a": 4}, skip=2, protocol="truth")]
    rows = rows_of(pd.concat(tables))
    entries = picture_entries(rows.some(chosen_rows(rows.outline(), 1)))
    assert {(entry["protocol"], entry["skip"]) for entry in entries} == {("skip", 1), ("skip", 2), ("truth", 2)}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(sample_id=st.text(max_size=300))
def test_folder_names_are_plain_and_lead_nowhere(sample_id: str) -> None:
    name = folder_name(sample_id)
    assert Path(name).name == name
    assert name not in ("", ".", "..")
    assert name.isascii()
    assert len(name) <= 160


def test_folder_names_do_not_collide() -> None:
    ids = ["a/b", "a--b", "a/-b", "a b", "a_b", "a/b/c", "../x", "..", "<script>", "", ".hidden", "a-/b", "a/-/b"]
    assert len({folder_name(name) for name in ids}) == len(ids)
    assert folder_name("septuplets/00001/0001/skip1/00000-00002/00001") == (
        "septuplets--00001--0001--skip1--00000-00002--00001"
    )


def test_methods_with_a_slash_get_a_plain_file_name() -> None:
    assert file_name("timelens/refined0") == "timelens-refined0.png"


def test_pictures_lie_where_the_entries_say(tmp_path: Path, make_sample: Callable[..., Sample]) -> None:
    sample = make_sample()
    write_inputs(tmp_path, sample, targets_in_group=1)
    write_answers(tmp_path, sample, [Answer(COPY, (sample.frame0 / 255).astype(np.float32))])
    folder = tmp_path / "pictures" / folder_name(sample.sample_id)
    assert {path.name for path in folder.iterdir()} == {
        "frame0.png",
        "frame1.png",
        "target.png",
        "events.png",
        "copy.png",
    }
    np.testing.assert_array_equal(read_image(folder / "copy.png"), sample.frame0)
    np.testing.assert_array_equal(read_image(folder / "target.png"), sample.target)


def test_protocols_have_names_in_words() -> None:
    assert setting_name("septuplets", "skip", 1).startswith("skip 1: 1 frame held out")
    assert setting_name("vimeo_triplet", "skip", 1).endswith("(vimeo_triplet_skip1)")
    assert "3 a gap (recordings_truth3)" in setting_name("recordings", "truth", 3)
