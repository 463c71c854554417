"""The moving average of weights: its formula, exact resume, and that it is what a stage exports."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evfi.errors import TimeBudgetUsed
from evfi.models.registry import FAMILIES
from evfi.models.weights import load_weights
from evfi.training.average import Average
from evfi.training.start import model_at_start

Train = Callable[..., dict[str, Any]]
TIMELENS = FAMILIES["timelens"]
EMA = {"ema_decay": 0.8}


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_weights(folder / "weights.safetensors")[1]


def training_losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if line["kind"] == "train"]


def test_the_average_follows_its_formula_with_a_shorter_memory_at_first() -> None:
    weights = {"w": torch.zeros(3)}
    average, expected = Average(weights, 0.5), 0.0
    for step in range(1, 40):
        weights["w"].fill_(step)
        average.update(step)
        decay = min(0.5, step / (step + 10))
        expected = decay * expected + (1 - decay) * step
    assert torch.allclose(average.tensors["w"], torch.full((3,), expected))
    assert expected == pytest.approx(38, abs=0.01), "with a decay of a half the mean lies one step behind"


def test_shown_puts_the_average_in_place_and_the_weights_back_bit_for_bit() -> None:
    weights = {"w": torch.rand(5)}
    average, before = Average(weights, 0.9), weights["w"].clone()
    weights["w"].add_(1)
    after = weights["w"].clone()
    with average.shown():
        assert torch.equal(weights["w"], before)
    assert torch.equal(weights["w"], after)


def test_a_stage_exports_the_average_of_its_steps(train: Train, tmp_path: Path) -> None:
    steps = []
    plain = {"state_dir": tmp_path / "plain", "recipe": {"steps": 3}}
    for _ in range(2):
        with pytest.raises(TimeBudgetUsed):
            train(tmp_path / "none", max_seconds=0, **plain)
        steps.append(torch.load(max((tmp_path / "plain").glob("step-*.pt")), weights_only=True)["trained"])
    train(tmp_path / "none", **plain)
    steps.append(tensors(tmp_path / "none"))
    train(tmp_path / "averaged", recipe={"steps": 3, "ema_decay": 0.9999})
    found = tensors(tmp_path / "averaged")
    stage = TIMELENS.stage("synthesis")
    fresh = model_at_start(TIMELENS, stage, TIMELENS.options(base_width=4), {}, stage.recipe.seed).state_dict()
    for name in found:
        expected = fresh[name]
        for number, state in enumerate(steps, start=1):
            decay = number / (number + 10)
            expected = decay * expected + (1 - decay) * state[name]
        assert torch.allclose(found[name], expected, atol=1e-6), name
        assert not torch.equal(found[name], steps[-1][name])


def test_stopped_after_every_step_the_average_ends_with_the_same_bytes(train: Train, tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", state_dir=tmp_path / "other", recipe=EMA)
    for _ in range(5):
        with pytest.raises(TimeBudgetUsed):
            train(tmp_path / "pieces", max_seconds=0, recipe=EMA)
    pieces = train(tmp_path / "pieces", max_seconds=0, recipe=EMA)
    assert pieces == whole
    name = "weights.safetensors"
    assert (tmp_path / "pieces" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_validation_shows_the_average_and_training_goes_on_from_the_weights(train: Train, tmp_path: Path) -> None:
    plain = train(tmp_path / "plain", state_dir=tmp_path / "a")
    averaged = train(tmp_path / "averaged", state_dir=tmp_path / "b", recipe=EMA)
    assert averaged["validation"]["first"] == plain["validation"]["first"]
    assert averaged["validation"]["last"] != plain["validation"]["last"]
    assert training_losses(tmp_path / "averaged") == training_losses(tmp_path / "plain")


def test_an_unused_average_leaves_the_recipes_json_as_it_was() -> None:
    recipe = TIMELENS.stage("synthesis").recipe
    assert not {"ema_decay", "datasets", "vgg_weights", "lpips_heads"} & set(recipe.model_dump(mode="json"))
    assert recipe.overridden(EMA).model_dump(mode="json")["ema_decay"] == 0.8
