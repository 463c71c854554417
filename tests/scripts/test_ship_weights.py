"""scripts/ship_weights.py on a made-up finished run: what is shipped, and what is not."""

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from evfi.errors import CheckFailed, MissingInputError
from evfi.models.registry import family_named
from evfi.models.weights import load_model, model_meta, save_weights
from evfi.provenance import digest_file, write_json
from evfi.samples.index import write_index
from evfi.samples.options import SamplesOptions, SceneSamplesOptions
from tests.scenes.conftest import SCENES, write_split
from tests.scripts.loading import script_named

REPOSITORY = Path(__file__).resolve().parents[2]
FAMILY = family_named("timelens")
FIGURES = {"metric": "psnr_float", "target": "all", "protocol": "skip", "low": 29.0, "high": 31.0}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_named("ship_weights")


def stage_left(folder: Path, stage: str) -> None:
    """What a finished stage of 2 steps leaves."""
    folder.mkdir(parents=True)
    recipe = FAMILY.stage(stage).recipe.overridden({"steps": 2}).model_dump(mode="json")
    validation = {"first": {"loss": 0.2, "psnr": 20.0}, "last": {"loss": 0.1, "psnr": 24.0}}
    facts = {"stage": stage, "steps": 2, "recipe": recipe, "validation": validation, "samples": {"train": 12}}
    write_json(folder / "run.json", {**facts, "weights_sha256": "0" * 64, "fingerprint": "f"})
    lines = [{"kind": "train", "step": 2, "data_s": 1800.0, "step_s": 3600.0}, {"kind": "validation", "step": 2}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Weights, journals, figures, and an index of tiny test scenes."""
    torch.manual_seed(4)
    folder = tmp_path / "results"
    for stage in FAMILY.stages_of():
        stage_left(folder / "timelens" / stage.name, stage.name)
    options = FAMILY.options(base_width=4)
    meta = model_meta(FAMILY, "attention", options)
    save_weights(folder / "timelens/attention/weights.safetensors", FAMILY.build(options).state_dict(), meta)
    stores = folder / "stores/scenes"
    stores.mkdir(parents=True)
    store = write_split(stores, "test", SCENES.replaced(test=1))
    write_split(stores, "train", SCENES.replaced(train=1))
    samples = SamplesOptions(scenes=SceneSamplesOptions(test_skips=(1, 3)))
    (folder / "samples").mkdir()
    write_index(
        folder / "samples/test.parquet", "test", clip_stores=[], recordings=[], scene_stores=[store], options=samples
    )
    rows = [
        {**FIGURES, "dataset": "scenes_clean", "skip": 7, "method": method, "value": value}
        for method, value in (("blend", 24.5), ("timelens", 30.25), ("timelens/synthesis", 28.0))
    ]
    write_json(folder / "metrics.json", {"rows": rows})
    return folder


def ship(script: ModuleType, results: Path, out: Path) -> dict:
    return script.shipped(results, FAMILY, out, samples=6, command="snakemake …", hardware="two cores")


def test_weights_receipt_and_card_are_shipped_with_what_half_precision_costs(
    script: ModuleType, results: Path, tmp_path: Path
) -> None:
    out = tmp_path / "weights"
    receipt = ship(script, results, out)
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "timelens.json", "timelens.safetensors"]
    assert receipt == json.loads((out / "timelens.json").read_text())
    assert receipt["sha256"] == digest_file(out / "timelens.safetensors")
    assert receipt["half_precision"]["samples"] == 6
    assert 0 < abs(receipt["half_precision"]["cost_db"]) < 0.02
    assert receipt["data"]["scenes"] == 1
    assert sum(stage["hours"] for stage in receipt["stages"]) == 6.0
    assert load_model(out / "timelens.safetensors").family is FAMILY


def test_the_card_says_data_recipe_licence_time_figures_limits_and_the_command(
    script: ModuleType, results: Path, tmp_path: Path
) -> None:
    ship(script, results, tmp_path / "weights")
    card = (tmp_path / "weights" / "README.md").read_text()
    for part in (
        "Apache-2.0",
        "astronaut.png",
        "| attention | 2 |",
        "20.00 to 24.00 dB",
        "6.0 hours of stages on two cores",
        "| scenes_clean, skip 7 | 24.50 (29.0 to 31.0) | 30.25 (29.0 to 31.0) |",
        "`snakemake …`",
        "## Limits",
        "half precision costs",
    ):
        assert part in card, part
    assert "timelens/synthesis" not in card


def test_the_card_has_the_figures_of_runs_that_only_measured(script: ModuleType, results: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    row = {**FIGURES, "dataset": "gopro240", "skip": 3, "method": "timelens", "value": 33.5}
    write_json(tmp_path / "real/metrics.json", {"rows": [row]})
    script.shipped(
        results, FAMILY, tmp_path / "weights", samples=2, command="c", hardware="h", also=[tmp_path / "real"]
    )
    assert "| gopro240, skip 3 | n/a | 33.50 (29.0 to 31.0) |" in (tmp_path / "weights/README.md").read_text()


def test_what_half_precision_spoils_is_not_shipped(
    script: ModuleType, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "MOST_COST_DB", -1.0)
    with pytest.raises(CheckFailed, match=r"half precision costs .* more than -1\.0: not shipped"):
        ship(script, results, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_files_that_are_too_large_together_are_not_shipped(
    script: ModuleType, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "weights"
    out.mkdir()
    (out / "wevi.safetensors").write_bytes(b"0" * 1000)
    monkeypatch.setattr(script, "MOST_BYTES", 2000)
    with pytest.raises(CheckFailed, match="more than 2,000: not shipped"):
        ship(script, results, out)
    assert not (out / "timelens.safetensors").exists()


def test_an_unfinished_run_is_not_shipped(script: ModuleType, results: Path, tmp_path: Path) -> None:
    (results / "timelens/refinement/run.json").unlink()
    with pytest.raises(MissingInputError, match="refinement: let the run end first"):
        ship(script, results, tmp_path / "weights")
