"""What a finished stage leaves: weights, run.json, journal, validation pictures. Only the journal holds times."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from evfi.io.stores import receipt_path
from evfi.models.family import Family, ModelOptions, Recipe, Stage
from evfi.models.weights import model_meta, save_weights
from evfi.provenance import digest_file, write_json
from evfi.samples.flow_store import flows_beside
from evfi.samples.needs import Needs
from evfi.training.start import trained_state

WEIGHTS, RUN, JOURNAL, PICTURES = "weights.safetensors", "run.json", "metrics.jsonl", "validation"


def run_facts(
    family: Family, stage: Stage, options: ModelOptions, recipe: Recipe, inputs: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """What run.json says before training: everything that decides the result, nothing that changes between runs."""
    return {
        "schema": "evfi.run",
        "version": 1,
        "family": family.name,
        "stage": stage.name,
        "trains": list(stage.trains),
        "loss": stage.loss,
        "model": options.model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json"),
        "recipe_source": stage.source,
        "inputs": inputs,
        **more,
    }


def input_digests(index: Path, starts: Mapping[str, Path], recipe: Recipe) -> dict[str, Any]:
    """SHA-256 of the sample index, of the weights it starts from, and of the recipe's files and of stored flows where
    it has any.
    """
    flows = receipt_path(flows_beside(index))
    uses_flows = recipe.needs(Needs()).flows and flows.is_file()
    files = {option: digest_file(path) for option, path in sorted(recipe.files().items())}
    return {
        "index": digest_file(index),
        "starts": {stage: digest_file(path) for stage, path in sorted(starts.items())},
        **({"files": files} if files else {}),
        **({"flows": digest_file(flows)} if uses_flows else {}),
    }


def export(
    folder: Path,
    state_dir: Path,
    family: Family,
    stage: Stage,
    options: ModelOptions,
    model: nn.Module,
    run: dict[str, Any],
) -> dict[str, Any]:
    """Write the stage's output folder; returns run.json's content."""
    folder.mkdir(parents=True)
    weights = folder / WEIGHTS
    meta = {**model_meta(family, stage.name, options), "fingerprint": run["fingerprint"], "steps": run["steps"]}
    save_weights(weights, trained_state(model, family.modules_of(stage.name)), meta)
    shutil.copyfile(state_dir / JOURNAL, folder / JOURNAL)
    (folder / PICTURES).mkdir()  # also where there is nothing to validate on: the workflow expects it
    if (state_dir / PICTURES).is_dir():
        shutil.copytree(state_dir / PICTURES, folder / PICTURES, dirs_exist_ok=True)
    facts = {**run, "weights_sha256": digest_file(weights)}
    write_json(folder / RUN, facts)
    return facts
