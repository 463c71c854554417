"""Oracles of the released WEVI: vectors, and the weights by formula that they were computed with."""

import json
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from evfi.models.wevi.author_checkpoint import renamed
from evfi.models.wevi.manifest import WeviOptions
from evfi.models.wevi.network import Wevi
from tests.models.oracles import tensors_of

Vectors = Callable[[str], dict[str, Tensor]]


@pytest.fixture
def vectors(golden: Path) -> Vectors:
    """vectors("splat") are the arrays of wevi_splat.npz as tensors."""
    return lambda name: tensors_of(golden / f"wevi_{name}.npz")


@pytest.fixture
def author_state(golden: Path) -> Callable[[str], dict[str, Tensor]]:
    """author_state("stage1") is a state of the released network, by its own names, with weights by formula."""

    def drawn(stage: str) -> dict[str, Tensor]:
        keys = json.loads((golden / f"keys_wevi_{stage}.json").read_text())
        return {name: torch.from_numpy(_drawn(golden, name, shape)) for name, shape in keys}

    return drawn


@pytest.fixture
def reference(author_state: Callable[[str], dict[str, Tensor]]) -> Wevi:
    """A reference_exact model of the source's width with the weights by formula in both stages."""
    model = Wevi(WeviOptions(reference_exact=True))
    model.load_state_dict({**renamed(author_state("stage1"), "stage1"), **renamed(author_state("stage2"), "stage2")})
    return model.requires_grad_(False)


def _drawn(golden: Path, name: str, shape: list[int]) -> np.ndarray:
    if name == "subAttnMatC":
        with np.load(golden / "wevi_fit_matrix.npz", allow_pickle=False) as stored:
            return stored["matrix"][:4].reshape(shape)
    z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)
    if len(shape) >= 2:
        return z * np.float32(math.sqrt(1.0 / math.prod(shape[1:])))
    if name.endswith(".weight"):
        return np.float32(1) + np.float32(0.1) * z
    return np.float32(0.05) * z
