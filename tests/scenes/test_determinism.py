"""A training on rendered scenes by the recipe of config/open_weights.yaml: the same seed, the same bytes."""

from pathlib import Path

import pytest
import torch

from evfi.config import read_run_config
from evfi.models.family import Recipe
from evfi.models.registry import FAMILIES
from evfi.models.weights import load_weights
from evfi.training.loop import train_stage
from evfi.training.options import Runtime
from tests.scenes.conftest import Made

REPOSITORY = Path(__file__).resolve().parents[2]
TIMELENS = FAMILIES["timelens"]
STEPS = 200


def recipe(**changes) -> Recipe:
    """Of the synthesis stage, on tiny crops."""
    files = [REPOSITORY / "config" / "open_weights.yaml"]
    given = read_run_config(files, {}, REPOSITORY / "config" / "config.yaml").recipe("timelens", "synthesis")
    assert given.online_simulation is not None
    small = {"steps": STEPS, "batch_size": 2, "augment": {"crop": [32, 28]}, "validation_every": STEPS}
    return given.overridden({**small, "validation_samples": 2, **changes})


def trained(made: Made, folder: Path, name: str, workers: int, **changes) -> dict[str, torch.Tensor]:
    """The exported weights after all steps; the file's bytes hold them and the fingerprint."""
    train_stage(
        TIMELENS,
        TIMELENS.stage("synthesis"),
        index=made.train,
        starts={},
        model_options=TIMELENS.options(base_width=4),
        recipe=recipe(**changes),
        runtime=Runtime(workers=workers),
        state_dir=folder / "state" / name,
        out=folder / name,
        fingerprint="the same",
    )
    return load_weights(folder / name / "weights.safetensors")[1]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.slow
def test_two_hundred_steps_by_the_same_seed_give_the_same_bytes_and_by_another_others(
    made: Made, tmp_path: Path
) -> None:
    trained(made, tmp_path, "one", 0)
    trained(made, tmp_path, "again", 1)
    one, again = (tmp_path / name / "weights.safetensors" for name in ("one", "again"))
    assert one.read_bytes() == again.read_bytes()
    other = trained(made, tmp_path, "other", 0, seed=7, steps=2, validation_every=2)
    first = trained(made, tmp_path, "first", 0, steps=2, validation_every=2)
    assert any(not torch.equal(other[name], first[name]) for name in first)
