"""Weights that no training has touched, where a run would leave those of a family's last stage."""

from pathlib import Path
from typing import Any

import torch

from evfi.models.registry import family_named
from evfi.models.weights import model_meta, save_weights

# Options of a small model of each family.
SMALL: dict[str, dict[str, Any]] = {
    "timelens": {"base_width": 4},
    "convlstm": {"base_channels": 4},
    "wevi": {"base_channels": 8},
}


def untrained(path: Path, name: str = "timelens", *, seed: int = 1, **options: Any) -> Path:
    """Write fresh weights to `path`, in the same thread count everywhere; returns the path."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    family = family_named(name)
    chosen = family.options(**(options or SMALL[name]))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, family.build(chosen).state_dict(), model_meta(family, family.last_stage.name, chosen))
    return path
