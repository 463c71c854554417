"""Fine-tuning on one's own recording in one call: what is trained, what is kept, and how it goes on after a stop."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from evfi.cli.app import exit_code
from evfi.errors import TimeBudgetUsed, UserError
from evfi.evaluation.options import EvaluationOptions
from evfi.finetuning import finetune as module
from evfi.finetuning.finetune import Finetuned, finetune
from evfi.finetuning.recipe import BY_STAGE, CROPS, SHORT_RECORDING
from evfi.io.images import write_png
from evfi.models.family import Family, Stage
from evfi.models.registry import family_named
from evfi.models.weights import load_weights
from evfi.provenance import digest_file
from evfi.simulation.options import SimulationOptions
from evfi.simulation.stream import simulate_file
from evfi.training.options import Runtime
from tests.untrained import untrained

REPOSITORY = Path(__file__).resolve().parents[2]
FAMILY = family_named("timelens")
RECIPE = {
    "validation_tail": 0.0,
    "steps": 2,
    "batch_size": 2,
    "augment": {"crop": 32},
    "journal_every": 1,
    "learning_rate": 1e-3,
}
EVALUATION = {"pictures_per_protocol": 1, "metrics": ["psnr_float", "psnr_active"]}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera of 44x36 pixels before a texture that moves by two pixels a frame, 24 frames."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    wide = np.kron(rng.integers(30, 220, (9, 24), dtype=np.uint8), np.ones((4, 4), np.uint8))
    (folder / "frames").mkdir()
    for number in range(24):
        write_png(folder / "frames" / f"{number:04d}.png", np.ascontiguousarray(wide[:, 2 * number : 2 * number + 44]))
    store = folder / "mine.zarr"
    simulate_file(folder / "frames", store, SimulationOptions(preset="esim_py"), fps=25)
    return store


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("weights") / "weights.safetensors")


def run(recording: Path, weights: Path, out: Path, **changes) -> Finetuned:
    given = {
        "recipe": RECIPE,
        "evaluation": EvaluationOptions.model_validate(EVALUATION),
        "runtime": Runtime(workers=0, checkpoint_seconds=0),
    }
    return finetune([recording], out, weights=weights, **{**given, **changes})


@pytest.fixture(scope="module")
def done(recording: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Finetuned:
    return run(recording, weights, tmp_path_factory.mktemp("done") / "out")


def test_all_four_modules_are_trained_and_the_better_weights_are_kept(done: Finetuned, weights: Path) -> None:
    receipt = json.loads((done.out / "finetune.json").read_text())
    after = done.out / "timelens" / "finetune_attention" / "weights.safetensors"
    assert digest_file(done.weights) == receipt["weights_sha256"]
    assert receipt["kept"] == ("after" if done.verdict.helped else "before")
    assert digest_file(done.weights) == digest_file(after if done.verdict.helped else weights)
    old, new = load_weights(weights)[1], load_weights(after)[1]
    changed = {name.split(".")[0] for name in old if not torch.equal(old[name], new[name])}
    assert changed == {"synthesis", "warp", "refinement", "attention"}


def test_the_table_compares_before_and_after_with_the_baselines_on_held_out_frames(done: Finetuned) -> None:
    names = [name for name, _ in done.verdict.rows]
    assert names[-2:] == ["before", "after"]
    assert len(names) == 6
    assert done.verdict.setting.protocol == "skip"
    *_, last = done.verdict.lines()
    assert "on held-out frames" in last
    receipt = json.loads((done.out / "finetune.json").read_text())
    figures = receipt["figures"]
    gain = figures["after"]["psnr_float"] - figures["before"]["psnr_float"]
    assert gain == pytest.approx(receipt["after_minus_before"]["value"], abs=1e-6)


def test_the_frames_that_are_measured_are_none_that_were_trained_on(done: Finetuned) -> None:
    train, test = (pd.read_parquet(done.out / "samples" / f"{part}.parquet") for part in ("train", "test"))
    assert train["t1_us"].max() < test["t0_us"].min()


def test_a_run_that_its_budget_ends_goes_on_to_the_same_bytes_and_a_finished_one_trains_nothing(
    done: Finetuned, recording: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, begun, train = tmp_path / "out", [], module.train_stage

    def one_step(family: Family, stage: Stage, **given: Any) -> dict[str, Any]:
        begun.append(stage.name)
        return train(family, stage, **{**given, "max_seconds": 0})

    monkeypatch.setattr(module, "train_stage", one_step)
    for _ in range(4):  # each stage has two steps
        with pytest.raises(TimeBudgetUsed):
            run(recording, weights, out)
    run(recording, weights, out)
    assert [begun.count(stage.name) for stage in FAMILY.stages_of(["finetune"])] == [2, 2, 2, 2]
    last = "timelens/finetune_attention/weights.safetensors"
    assert digest_file(out / last) == digest_file(done.out / last)
    run(recording, weights, out)
    assert len(begun) == 8


def test_a_budget_that_is_used_up_between_two_stages_says_where_it_goes_on(
    recording: Path, weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(TimeBudgetUsed, match="used up before finetune_synthesis: the same command goes on there"):
        run(recording, weights, tmp_path / "out", max_seconds=1e-6)


def test_weights_that_became_worse_are_not_kept(
    done: Finetuned, recording: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paired = replace(done.verdict.paired, value=-1.5, low=-2.0, high=-1.0)
    worse = replace(done.verdict, paired=paired)
    monkeypatch.setattr(module, "verdict_of", lambda folders: worse)
    found = run(recording, weights, tmp_path / "out")
    assert digest_file(found.weights) == digest_file(weights)
    assert found.verdict.lines()[-1] == (
        "It did not help: -1.50 dB (-2.00 to -1.00) on held-out frames. The weights from before are kept."
    )


def test_a_gain_whose_interval_holds_zero_may_be_chance(done: Finetuned) -> None:
    doubtful = replace(done.verdict, paired=replace(done.verdict.paired, value=0.2, low=-0.1, high=0.5))
    assert "+0.20 dB (-0.10 to +0.50) on held-out frames, which may be chance." in doubtful.lines()[-1]


def test_weights_of_another_stage_or_family_are_refused(done: Finetuned, recording: Path, tmp_path: Path) -> None:
    tuned = done.out / "timelens" / "finetune_attention" / "weights.safetensors"
    with pytest.raises(UserError, match="holds the stage finetune_attention, but fine-tuning starts from attention"):
        run(recording, tuned, tmp_path / "out")
    path = untrained(tmp_path / "c.safetensors", "convlstm")
    with pytest.raises(UserError, match="family convlstm, which has no stages for fine-tuning"):
        run(recording, path, tmp_path / "out")


def test_two_recordings_of_one_name_are_refused(recording: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two recordings are called 'mine'"):
        finetune([recording, recording], tmp_path / "out", weights=weights)


def test_a_crop_larger_than_the_sensor_is_made_to_fit(recording: Path, weights: Path, tmp_path: Path) -> None:
    small = {key: value for key, value in RECIPE.items() if key != "augment"}
    run(recording, weights, tmp_path / "out", recipe=small)
    facts = json.loads((tmp_path / "out/timelens/finetune_warp/run.json").read_text())
    assert facts["recipe"]["augment"]["crop"] == [32, 32, 32, 32]


def test_the_verbs_recipe_is_that_of_the_workflows_configuration() -> None:
    given = yaml.safe_load((REPOSITORY / "config" / "davis_finetune.yaml").read_text())["training"]["timelens"]
    assert {**SHORT_RECORDING, "augment": {"crop": list(CROPS)}} == given["recipe"]
    assert given["stages"] == BY_STAGE


def test_the_verb_prints_the_table_and_where_the_better_weights_are(
    recording: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = json.dumps({"recipe": {**RECIPE, "steps": 1}, "evaluation": EVALUATION})
    arguments = ["finetune", recording, "--out", tmp_path / "out", "--weights", weights, "--options", options]
    assert exit_code([str(argument) for argument in (*arguments, "--workers", 0, "--steps", 2)]) == 0
    said = capsys.readouterr().out
    assert "before" in said
    assert "after" in said
    assert f"--weights {tmp_path / 'out' / 'weights.safetensors'}" in said
    assert json.loads((tmp_path / "out/timelens/finetune_warp/run.json").read_text())["steps"] == 2
