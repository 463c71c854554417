import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evfi.errors import CheckFailed, InputFileError, MissingInputError, TimeBudgetUsed, UserError
from evfi.io.atomic import locked
from evfi.models.registry import FAMILIES
from evfi.models.weights import load_model, load_weights
from evfi.training.options import Runtime

Train = Callable[..., dict[str, Any]]
TIMELENS = FAMILIES["timelens"]


def weights_of(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


def journal_of(folder: Path) -> list[dict[str, Any]]:
    """Lines without their times."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if not key.endswith("_s")} for line in lines]


def trained_in_pieces(train: Train, out: Path, **changes: Any) -> int:
    """One step a run, until it is done; the number of runs."""
    for runs in range(1, 20):
        try:
            train(out, max_seconds=0, **changes)
        except TimeBudgetUsed:
            continue
        return runs
    raise AssertionError("training never ended")


def test_a_stage_leaves_weights_run_journal_and_pictures(train: Train, tmp_path: Path) -> None:
    out = tmp_path / "synthesis"
    facts = train(out)
    assert sorted(path.name for path in out.iterdir()) == [
        "metrics.jsonl",
        "run.json",
        "validation",
        "weights.safetensors",
    ]
    assert json.loads((out / "run.json").read_text()) == facts
    assert (facts["steps"], facts["recipe"]["batch_size"], facts["fingerprint"]) == (6, 2, "abc")
    assert facts["samples"] == {"train": 28, "validation": 2, "left_out": 0}
    lines = journal_of(out)
    assert [(line["kind"], line["step"]) for line in lines] == [
        ("validation", 0),
        ("train", 2),
        ("validation", 3),
        ("train", 4),
        ("train", 6),
        ("validation", 6),
    ]
    assert lines[-1]["metrics"]["loss"] < lines[0]["metrics"]["loss"]
    assert set(lines[1]["parts"]) == {"l1", "laplacian"}
    assert len(list((out / "validation").glob("step-*.png"))) == 3


def test_afterwards_only_the_journal_stays_in_the_state_folder(train: Train, tmp_path: Path) -> None:
    train(tmp_path / "out")
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["metrics.jsonl"]


def test_two_runs_give_equal_bytes(train: Train, tmp_path: Path) -> None:
    for name in ("one", "two"):
        train(tmp_path / name, state_dir=tmp_path / f"state-{name}")
    for file in ("weights.safetensors", "run.json", "validation/step-000006.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_forced_second_run_trains_again_and_the_journal_stands_once(train: Train, tmp_path: Path) -> None:
    train(tmp_path / "out")
    before, journal = weights_of(tmp_path / "out"), journal_of(tmp_path / "out")
    train(tmp_path / "out")
    assert weights_of(tmp_path / "out") == before
    assert journal_of(tmp_path / "out") == journal


def test_another_seed_gives_other_weights(train: Train, tmp_path: Path) -> None:
    for seed in (0, 1):
        train(tmp_path / str(seed), recipe={"seed": seed})
    assert weights_of(tmp_path / "0") != weights_of(tmp_path / "1")


def test_stopped_after_every_step_it_ends_with_the_same_bytes_and_journal(train: Train, tmp_path: Path) -> None:
    train(tmp_path / "whole", state_dir=tmp_path / "other")
    assert trained_in_pieces(train, tmp_path / "pieces") == 6
    assert weights_of(tmp_path / "pieces") == weights_of(tmp_path / "whole")
    assert (tmp_path / "pieces/run.json").read_bytes() == (tmp_path / "whole/run.json").read_bytes()
    assert journal_of(tmp_path / "pieces") == journal_of(tmp_path / "whole")


def test_bf16_resumes_exactly_too(train: Train, tmp_path: Path) -> None:
    recipe = {"precision": "bf16", "schedule": "one_cycle", "grad_clip": 0.1}
    train(tmp_path / "whole", state_dir=tmp_path / "other", recipe=recipe)
    trained_in_pieces(train, tmp_path / "pieces", recipe=recipe)
    assert weights_of(tmp_path / "pieces") == weights_of(tmp_path / "whole")


def test_a_stopped_run_leaves_no_output(train: Train, tmp_path: Path) -> None:
    with pytest.raises(TimeBudgetUsed, match="step 1 of 6"):
        train(tmp_path / "out", max_seconds=0)
    assert not list(tmp_path.glob("out*"))


def test_from_a_damaged_checkpoint_it_goes_back_to_the_one_before(train: Train, tmp_path: Path) -> None:
    train(tmp_path / "whole", state_dir=tmp_path / "other")
    for _ in range(3):
        with pytest.raises(TimeBudgetUsed):
            train(tmp_path / "out", max_seconds=0)
    newest = max((tmp_path / "state").glob("step-*.pt"))
    newest.write_bytes(newest.read_bytes()[:-100])
    train(tmp_path / "out")
    assert weights_of(tmp_path / "out") == weights_of(tmp_path / "whole")
    assert journal_of(tmp_path / "out") == journal_of(tmp_path / "whole")


def test_the_number_of_workers_changes_nothing(train: Train, tmp_path: Path) -> None:
    for workers in (0, 2):
        train(tmp_path / str(workers), runtime=Runtime(workers=workers))
    assert weights_of(tmp_path / "0") == weights_of(tmp_path / "2")


def test_a_state_of_another_run_is_refused(train: Train, tmp_path: Path) -> None:
    with pytest.raises(TimeBudgetUsed):
        train(tmp_path / "out", max_seconds=0)
    with pytest.raises(UserError, match="belongs to another run"):
        train(tmp_path / "out", fingerprint="xyz")


def test_all_four_stages_in_order_change_only_their_own_module(train: Train, tmp_path: Path) -> None:
    states: dict[str, dict[str, torch.Tensor]] = {}
    for stage in TIMELENS.stages_of():
        starts = {needed: tmp_path / needed / "weights.safetensors" for needed in stage.needs}
        train(tmp_path / stage.name, stage.name, starts=starts, recipe={"steps": 2})
        meta, states[stage.name] = load_weights(tmp_path / stage.name / "weights.safetensors")
        assert meta["stage"] == stage.name
        held = {name.split(".")[0] for name in states[stage.name]}
        assert held == set(TIMELENS.modules_of(stage.name))
    last = states["attention"]
    for stage, state in states.items():
        for name, tensor in state.items():
            assert torch.equal(tensor, last[name]), f"{name} changed after {stage}"
    assert load_model(tmp_path / "attention/weights.safetensors").family is TIMELENS


def test_every_tensor_of_the_stages_module_moves(train: Train, tmp_path: Path) -> None:
    first = tmp_path / "first"
    with pytest.raises(TimeBudgetUsed):
        train(tmp_path / "out", max_seconds=0, state_dir=first)
    after_one = torch.load(max(first.glob("step-*.pt")), weights_only=True)["trained"]
    train(tmp_path / "out")
    _, done = load_weights(tmp_path / "out" / "weights.safetensors")
    assert set(after_one) == set(done)
    assert not any(torch.equal(after_one[name], done[name]) for name in done)


def test_a_stage_before_its_turn_is_refused(train: Train, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train synthesis first"):
        train(tmp_path / "out", "refinement")
    assert not (tmp_path / "out").exists()


def test_weights_that_the_stage_does_not_start_from_are_refused(train: Train, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not start from 'attention'"):
        train(tmp_path / "out", starts={"attention": tmp_path / "weights.safetensors"})


def test_exchanged_start_weights_are_refused(train: Train, tmp_path: Path) -> None:
    paths = {}
    for name in ("synthesis", "warp"):
        train(tmp_path / name, name, recipe={"steps": 1})
        paths[name] = tmp_path / name / "weights.safetensors"
    with pytest.raises(UserError, match="holds the stage warp"):
        train(tmp_path / "out", "refinement", starts={"synthesis": paths["warp"], "warp": paths["synthesis"]})
    with pytest.raises(InputFileError, match="base_width 4, this run has base_width 8"):
        train(tmp_path / "out", "refinement", starts=paths, model_options=TIMELENS.options(base_width=8))


def test_a_loss_that_is_not_finite_stops_the_stage_and_keeps_the_checkpoint(train: Train, tmp_path: Path) -> None:
    with pytest.raises(TimeBudgetUsed):
        train(tmp_path / "out", max_seconds=0, recipe={"learning_rate": 1e30})
    with pytest.raises(
        CheckFailed, match=r"(loss|gradient) is (nan|inf) at step 1 \(samples septuplets/\S+, septuplets"
    ):
        train(tmp_path / "out", recipe={"learning_rate": 1e30})
    assert not (tmp_path / "out").exists()
    assert len(list((tmp_path / "state").glob("step-000000001-*.pt"))) == 1


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_frame_is_named_in_one_line_with_and_without_workers(
    train: Train, tmp_path: Path, own_index: Path, workers: int
) -> None:
    for path in (own_index.parent / "sequences").glob("0000[12]/0001/im*.png"):
        path.unlink()
    with pytest.raises(MissingInputError) as caught:
        train(tmp_path / "out", index=own_index, runtime=Runtime(workers=workers))
    assert "im" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_index_that_is_not_there_is_named(train: Train, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"nowhere\.parquet"):
        train(tmp_path / "out", index=tmp_path / "nowhere.parquet")


def test_a_crop_larger_than_the_frame_is_refused(train: Train, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="crop of 64"):
        train(tmp_path / "out", recipe={"augment": {"crop": 64}})


def test_an_output_in_the_way_is_noticed_before_training(train: Train, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot write"):
        train(tmp_path / "file" / "out")


def test_without_validation_rows_the_stage_trains_and_says_so(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path / "out", recipe={"validation_samples": 0})
    assert "no validation" in caplog.text
    assert all(line["kind"] == "train" for line in journal_of(tmp_path / "out"))


def test_a_stage_that_learned_nothing_says_so(train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = train(tmp_path / "good")
    assert good["validation"]["last"]["loss"] < good["validation"]["first"]["loss"]
    assert "nothing was learned" not in caplog.text
    # Flows far outside of the frame: both warped frames are black and no gradient leads back.
    bad = train(tmp_path / "bad", "warp", recipe={"learning_rate": 1.0, "steps": 3})
    assert bad["validation"]["last"]["loss"] > bad["validation"]["first"]["loss"]
    assert "lower learning_rate" in caplog.text


def test_a_stage_that_fell_behind_its_beginning_twice_running_is_warned_about_at_once_and_once(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path / "good", recipe={"validation_every": 1})
    assert "worse than before training" not in caplog.text
    train(tmp_path / "bad", "warp", recipe={"learning_rate": 1.0, "validation_every": 1})
    warnings = [record.getMessage() for record in caplog.records if "worse than before training" in record.getMessage()]
    assert len(warnings) == 1
    assert "timelens warp: at step 2 " in warnings[0]
    assert "lower learning_rate" in warnings[0]


def test_emulated_bf16_is_said_in_log_and_run(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("evfi.training.state.precision_note", lambda *_: "bf16 is emulated on this CPU")
    facts = train(tmp_path / "out", recipe={"precision": "bf16", "steps": 1})
    assert facts["note"] == "bf16 is emulated on this CPU"
    assert "emulated" in caplog.text


def test_a_second_trainer_waits_for_the_first(train: Train, tmp_path: Path) -> None:
    thread = threading.Thread(target=lambda: train(tmp_path / "out", recipe={"steps": 1}))
    with locked(tmp_path / "state"):
        thread.start()
        time.sleep(0.5)
        assert thread.is_alive()
        assert not (tmp_path / "state").exists()
    thread.join(timeout=60)
    assert (tmp_path / "out" / "weights.safetensors").is_file()


def test_the_state_folder_may_be_removed_between_runs(train: Train, tmp_path: Path) -> None:
    with pytest.raises(TimeBudgetUsed):
        train(tmp_path / "out", max_seconds=0)
    shutil.rmtree(tmp_path / "state")
    train(tmp_path / "out")
    assert (tmp_path / "out" / "weights.safetensors").is_file()
