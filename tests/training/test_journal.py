import json
from pathlib import Path

import pytest

from evfi.training.journal import Journal, Means


def steps_in(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "metrics.jsonl")
    for step in (0, 10, 20, 30):
        journal.write({"kind": "train", "step": step})
    return journal


def test_rewinding_drops_the_lines_of_later_steps(journal: Journal) -> None:
    journal.rewind(20)
    assert steps_in(journal.path) == [0, 10, 20]


def test_lines_written_again_after_rewinding_stand_once(journal: Journal) -> None:
    journal.rewind(15)
    for step in (20, 30):
        journal.write({"kind": "train", "step": step})
    assert steps_in(journal.path) == [0, 10, 20, 30]


def test_a_line_that_was_cut_off_is_dropped(journal: Journal) -> None:
    journal.path.write_text(journal.path.read_text() + '{"kind": "train", "st')
    journal.rewind(100)
    assert steps_in(journal.path) == [0, 10, 20, 30]


def test_a_fresh_start_empties_the_journal(journal: Journal) -> None:
    journal.rewind(-1)
    assert journal.path.read_text() == ""


def test_rewinding_where_there_is_none_makes_an_empty_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "metrics.jsonl")
    journal.rewind(5)
    assert journal.path.read_text() == ""


def test_values_that_json_does_not_know_become_null(journal: Journal) -> None:
    journal.write({"step": 40, "parts": {"l1": float("nan")}, "loss": float("inf")})
    assert json.loads(journal.path.read_text().splitlines()[-1]) == {"step": 40, "parts": {"l1": None}, "loss": None}


def test_means_go_on_from_a_saved_state_as_if_nothing_had_happened() -> None:
    whole, before, after = Means(), Means(), Means()
    values = [0.1, 0.7, 0.3, 0.9]
    for value in values:
        whole.add({"loss": value})
    for value in values[:2]:
        before.add({"loss": value})
    after.restore(before.state())
    for value in values[2:]:
        after.add({"loss": value})
    assert after.taken() == whole.taken()
    assert after.count == 0
