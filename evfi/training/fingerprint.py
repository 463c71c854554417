"""What decides a stage's weights, as one digest: it names the state that a stopped stage goes on from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evfi.models.family import Family, ModelOptions, Recipe, Stage
from evfi.provenance import canonical_json, digest_bytes
from evfi.simulation.torchscript import upsampler_digest
from evfi.training.export import input_digests
from evfi.versions import ALGO_VERSIONS


def stage_fingerprint(
    family: Family, stage: Stage, options: ModelOptions, recipe: Recipe, index: Path, starts: Mapping[str, Path]
) -> str:
    """SHA-256 over recipe, model options, the index with its stores' receipts, starting weights and algorithm versions.

    Raises:
        OSError: the index or a weights file cannot be read.
    """
    receipt = index.with_suffix(".json")
    stores = json.loads(receipt.read_text()).get("receipts", {}) if receipt.is_file() else {}
    decides: dict[str, Any] = {
        "family": family.name,
        "stage": stage.name,
        "model": options.model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json"),
        "inputs": input_digests(index, starts, recipe),
        "stores": stores,
        "algo_version": ALGO_VERSIONS["training"],
    }
    if recipe.online_simulation is not None:
        decides["simulation"] = ALGO_VERSIONS["simulation"], upsampler_digest(recipe.online_simulation)
    return digest_bytes(canonical_json(decides).encode())
