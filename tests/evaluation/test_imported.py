"""Imported weights are measured in both variants, each under a name of its own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.targets import named_contestant
from evfi.models.importing import import_weights
from evfi.models.registry import family_named
from evfi.models.timelens.published import published
from evfi.models.weights import model_meta, save_weights
from evfi.samples.sample import Sample


def test_imported_weights_answer_in_both_variants_and_own_weights_in_one(
    make_sample: Callable[..., Sample], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    family = family_named("timelens")
    options = family.options(base_width=4)
    state = family.build(options).state_dict()
    torch.save(published(state), tmp_path / "checkpoint.bin")
    import_weights(family, tmp_path / "checkpoint.bin", tmp_path / "imported.safetensors")
    save_weights(tmp_path / "own.safetensors", state, model_meta(family, "attention", options))
    frames = {}
    for name in ("imported", "own"):
        _, contestant = named_contestant(tmp_path / f"{name}.safetensors", "cpu", EvaluationOptions())
        (answers,) = contestant.answers([make_sample(0)])
        frames[name] = {answer.method.name: answer.frame for answer in answers}
    assert set(frames["imported"]) - set(frames["own"]) == {"timelens/released_fast"}
    np.testing.assert_array_equal(frames["imported"]["timelens"], frames["own"]["timelens"])
    assert np.abs(frames["imported"]["timelens"] - frames["imported"]["timelens/released_fast"]).max() > 1e-3
