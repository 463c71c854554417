"""Both stages of WEVI trained end to end on a tiny index, then used."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from evfi.errors import InputFileError, UserError
from evfi.models.registry import FAMILIES
from evfi.models.weights import load_model, load_weights
from evfi.samples.reader import SampleReader
from evfi.training.loop import train_stage
from evfi.training.options import Runtime

WEVI = FAMILIES["wevi"]
SMALL = {"batch_size": 2, "augment": {"crop": 32}, "journal_every": 2, "validation_every": 100, "validation_samples": 2}


def trained(stage: str, index: Path, folder: Path, starts: Mapping[str, Path], **recipe: Any) -> Path:
    out = folder / stage
    train_stage(
        WEVI,
        WEVI.stage(stage),
        index=index,
        starts=starts,
        model_options=WEVI.options(base_channels=8),
        recipe=WEVI.stage(stage).recipe.overridden({**SMALL, **recipe}),
        runtime=Runtime(workers=0),
        state_dir=folder / f"state-{stage}",
        out=out,
        fingerprint="abc",
    )
    return out / "weights.safetensors"


@pytest.fixture(scope="module")
def correction(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained("correction", index, tmp_path_factory.mktemp("wevi"), {}, steps=24)


@pytest.fixture(scope="module")
def refinement(index: Path, correction: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained("refinement", index, tmp_path_factory.mktemp("wevi"), {"correction": correction}, steps=3)


def test_stage_1_learns(correction: Path) -> None:
    """The frames are noise, of which 24 steps take little away; what training is worth, the demo has to show."""
    validation = json.loads((correction.parent / "run.json").read_text())["validation"]
    assert validation["last"]["loss"] < validation["first"]["loss"]


def test_validation_says_what_each_stage_started_from(correction: Path, refinement: Path) -> None:
    first, second = (
        json.loads((path.parent / "run.json").read_text())["validation"] for path in (correction, refinement)
    )
    assert first["first"]["loss_of/splatted"] == first["last"]["loss_of/splatted"] > 0
    assert second["first"]["loss_of/correction"] == second["first"]["loss"], "an untrained stage 2 changes nothing"
    assert second["last"]["loss_of/correction"] == second["first"]["loss_of/correction"]


def test_stage_2_leaves_stage_1_as_it_was_and_moves_its_own_weights(correction: Path, refinement: Path) -> None:
    _, first = load_weights(correction)
    _, both = load_weights(refinement)
    assert set(first) < set(both)
    assert all(torch.equal(tensor, both[name]) for name, tensor in first.items())
    assert both["refinement.decoder.merge.tail.weight"].abs().max() > 0


def test_training_takes_the_frames_in_the_middle_of_their_neighbours(index: Path) -> None:
    first, second = (SampleReader(index, needs=stage.recipe.needs(WEVI.needs)) for stage in WEVI.stages)
    rows = first.suitable(np.arange(len(first)))
    tau = pd.read_parquet(first.index)["tau"].to_numpy()[rows]
    assert len(rows)
    assert abs(tau - 0.5).max() < 0.02
    assert 0 < len(second.suitable(np.arange(len(second)))) < len(rows), "five frame times are rarer than three"


def test_trained_weights_predict_at_any_tau(index: Path, refinement: Path) -> None:
    loaded = load_model(refinement)
    reader = SampleReader(index, needs=WEVI.needs)
    rows = [int(row) for row in reader.suitable(np.arange(len(reader)))]
    assert {round(reader.at(row).tau, 2) for row in rows} >= {0.5}
    sample = reader.at(rows[0])
    frame = WEVI.predict(loaded.model, WEVI.collate([WEVI.prepare(sample)])).frame
    assert frame.shape == (1, 3, *sample.frame0.shape[:2])
    assert frame.isfinite().all()


def test_stage_2_without_stage_1s_weights_is_one_line(index: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train correction first"):
        trained("refinement", index, tmp_path, {}, steps=1)


def test_stage_1_alone_does_not_predict(correction: Path) -> None:
    with pytest.raises(InputFileError, match="no weights of refinement"):
        load_model(correction)
