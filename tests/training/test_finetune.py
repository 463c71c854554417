"""Training on real recordings, module by module, from a whole synthetic model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evfi.errors import UserError
from evfi.models.registry import FAMILIES
from evfi.models.weights import load_model, load_weights
from tests.untrained import untrained

Train = Callable[..., dict[str, Any]]
TIMELENS = FAMILIES["timelens"]
SMALL = TIMELENS.options(base_width=4)
# The tiny index holds septuplets alone.
ANY_DATA = {"steps": 1, "datasets": ()}


@pytest.fixture
def synthetic(tmp_path: Path) -> Path:
    """A whole model as the stage attention exports it."""
    return untrained(tmp_path / "attention" / "weights.safetensors")


def changed_modules(before: Path, after: Path) -> set[str]:
    old, new = load_weights(before)[1], load_weights(after)[1]
    assert set(old) == set(new)
    return {name.split(".")[0] for name in old if not torch.equal(old[name], new[name])}


def test_each_finetuning_stage_starts_from_a_whole_model_and_changes_its_own_module_alone(
    train: Train, tmp_path: Path, synthetic: Path
) -> None:
    previous = synthetic
    stages = TIMELENS.stages_of(["finetune"])
    assert [stage.trains for stage in stages] == [("synthesis",), ("warp",), ("refinement",), ("attention",)]
    for stage in stages:
        (needed,) = stage.needs
        train(tmp_path / stage.name, stage.name, starts={needed: previous}, recipe=ANY_DATA)
        weights = tmp_path / stage.name / "weights.safetensors"
        assert changed_modules(previous, weights) == set(stage.trains)
        assert load_model(weights).meta["stage"] == stage.name
        previous = weights


def test_a_finetuning_stage_before_its_turn_is_refused(train: Train, tmp_path: Path, synthetic: Path) -> None:
    with pytest.raises(UserError, match="train finetune_synthesis first"):
        train(tmp_path / "out", "finetune_warp", recipe=ANY_DATA)
    with pytest.raises(UserError, match="holds the stage attention"):
        train(tmp_path / "out", "finetune_warp", starts={"finetune_synthesis": synthetic}, recipe=ANY_DATA)


def test_it_trains_on_recordings_alone(train: Train, tmp_path: Path, synthetic: Path) -> None:
    for stage in TIMELENS.stages_of(["finetune"]):
        assert stage.recipe.datasets == ("recordings",)
        assert stage.recipe.learning_rate < TIMELENS.stage(stage.trains[0]).recipe.learning_rate
    with pytest.raises(UserError, match="no row of the split 'train' in the data sets recordings"):
        train(tmp_path / "out", "finetune_synthesis", starts={"attention": synthetic}, recipe={"steps": 1})


def test_the_named_data_sets_alone_are_drawn_from(train: Train, tmp_path: Path) -> None:
    facts = train(tmp_path / "out", recipe={"steps": 1, "datasets": ("septuplets",)})
    assert facts["samples"] == {"train": 28, "validation": 2, "left_out": 0}


def test_the_demo_ends_with_attention_and_other_tracks_are_asked_for() -> None:
    assert TIMELENS.tracks == ("base", "finetune")
    assert TIMELENS.last_stage.name == "attention"
    assert [stage.name for stage in TIMELENS.last_stages()] == ["attention", "finetune_attention"]
    assert TIMELENS.stages_of(["base", "finetune"]) == TIMELENS.stages
    with pytest.raises(UserError, match="no track 'tuned'; its tracks are base, finetune"):
        TIMELENS.stages_of(["tuned"])
