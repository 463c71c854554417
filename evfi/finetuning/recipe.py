"""What a few seconds of recording ask of the recipes, whose own numbers are for the paper's width and data.

The same as in config/davis_finetune.yaml, where a workflow runs it; measured in docs/davis.md.
"""

from collections.abc import Mapping
from typing import Any

CROPS = (128, 116, 128, 108)
SHORT_RECORDING: Mapping[str, Any] = {
    "batch_size": 4,
    "validation_tail": 0.1,
    "validation_every": 300,
    "validation_samples": 4,
}
BY_STAGE: Mapping[str, Mapping[str, Any]] = {
    "finetune_synthesis": {"steps": 1200, "learning_rate": 1e-3},
    "finetune_warp": {"steps": 1000, "learning_rate": 2e-4, "grad_clip": 0.2},
    "finetune_refinement": {"steps": 600, "learning_rate": 2e-4, "grad_clip": 0.2},
    "finetune_attention": {"steps": 900, "learning_rate": 2e-4, "grad_clip": 0.1},
}


def changes_of(stage: str, side: int) -> dict[str, Any]:
    """Changes to a stage's recipe for frames whose shorter side is that many pixels."""
    crops = tuple(min(crop, side) for crop in CROPS)
    return {**SHORT_RECORDING, "augment": {"crop": crops}, **BY_STAGE.get(stage, {})}
