"""Numerical oracles as tensors."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def tensors_of(path: Path) -> dict[str, Tensor]:
    """The arrays of an .npz."""
    with np.load(path, allow_pickle=False) as stored:
        return {key: torch.from_numpy(np.ascontiguousarray(stored[key])) for key in stored}
