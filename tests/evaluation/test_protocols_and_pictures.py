"""Names of targets, and which groups get pictures."""

from collections.abc import Callable
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
from evfi.evaluation.protocols import rows_to_measure, setting_name
from evfi.io.images import read_image
from evfi.samples.sample import Sample


def index(sequences: dict[str, int], *, kind: str = "clip", protocol: str = "skip", skip: int = 2) -> pd.DataFrame:
    """Rows of `sequences` (name: number of groups), each group with `skip` targets."""
    rows = []
    for name, groups in sequences.items():
        for group in range(groups):
            for number in range(skip):
                target = group * skip + number if protocol == "truth" else group + 1 + number
                rows.append(
                    {
                        "sample_id": f"data/{name}/{protocol}{skip}/{group:05d}-{group + skip + 1:05d}/{target:05d}",
                        "dataset": "data",
                        "protocol": protocol,
                        "skip": skip,
                        "split": "test",
                        "kind": kind,
                        "store": f"{name}.zarr",
                        "clip": 0 if kind == "clip" else -1,
                        "sequence": name,
                        "frame0": group,
                        "frame1": group + skip + 1,
                        "target": target,
                        "target_source": "truth" if protocol == "truth" else "frames",
                        "t_us": 1000 * group + 10 * number + 5,
                        "tau": (number + 1) / (skip + 1),
                    }
                )
    return pd.DataFrame(rows).sample(frac=1, random_state=1)


def test_targets_of_clips_have_the_names_of_their_files() -> None:
    rows = rows_to_measure(index({"a": 2}, skip=2))
    assert [*rows["target_name"]] == ["im2", "im3", "im3", "im4"]
    assert [*rows["group"].unique()] == ["00000-00003", "00001-00004"]
    assert set(rows["group_size"]) == {2}


@pytest.mark.parametrize(("protocol", "word"), [("skip", "frame"), ("truth", "truth")])
def test_targets_of_recordings_are_called_by_their_place_in_the_group(protocol: str, word: str) -> None:
    rows = rows_to_measure(index({"a": 3}, kind="recording", protocol=protocol, skip=3))
    assert [*rows["target_name"]] == [f"{word}+{number}" for number in (1, 2, 3)] * 3


def test_training_rows_are_left_out_and_their_absence_is_an_error() -> None:
    table = index({"a": 1, "b": 1})
    table.loc[table["sequence"] == "a", "split"] = "validation"
    assert set(rows_to_measure(table)["sequence"]) == {"b"}
    with pytest.raises(UserError, match="no test sample"):
        rows_to_measure(table[table["sequence"] == "a"])


def test_rows_come_in_one_order_whatever_the_index_order() -> None:
    table = index({"a": 3, "b": 4})
    pd.testing.assert_frame_equal(rows_to_measure(table), rows_to_measure(table.iloc[::-1]))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    groups=st.lists(st.integers(1, 6), min_size=1, max_size=7),
    wanted=st.integers(0, 9),
)
def test_pictures_are_of_whole_groups_spread_over_sequences(groups: list[int], wanted: int) -> None:
    rows = rows_to_measure(index({f"s{number}": count for number, count in enumerate(groups)}))
    chosen = chosen_rows(rows, wanted)
    picked = chosen.drop_duplicates(["sequence", "group"])
    assert len(chosen) == 2 * len(picked)
    assert len(picked) <= wanted
    if wanted <= len(groups):
        assert len(picked) == wanted
        assert picked["sequence"].is_unique
    elif min(groups) * len(groups) >= wanted:
        assert picked["sequence"].nunique() == len(groups)
    pd.testing.assert_frame_equal(chosen, chosen_rows(rows, wanted))


def test_every_protocol_gets_its_pictures() -> None:
    tables = [index({"a": 4}, skip=1), index({"a": 4}, skip=2), index({"a": 4}, skip=2, protocol="truth")]
    chosen = chosen_rows(rows_to_measure(pd.concat(tables)), 1)
    assert {(entry["protocol"], entry["skip"]) for entry in picture_entries(chosen)} == {
        ("skip", 1),
        ("skip", 2),
        ("truth", 2),
    }


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
