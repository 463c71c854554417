"""Vectors of the public implementation, and our network with the weights they were computed with (SOURCES.md)."""

import hashlib
import json
import math
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from evfi.models.convlstm.manifest import ConvLSTMOptions
from evfi.models.convlstm.network import ConvLSTMInterpolation
from tests.models.oracles import tensors_of

Vectors = Callable[[str], dict[str, Tensor]]
GAIN = 1.5
DRAWN_SHA256 = "383ef6c0930ccb0506d5371a526846b4397f876f11494deb4d985d5b577ef568"
# From our parameter names to the reference's.
RENAMED = (
    (r"encoder\.(\d)\.recurrent\.gates", lambda m: f"encoding_block{int(m[1]) + 1}.conv_lstm.conv_lstm.conv"),
    (r"encoder\.(\d)\.norm(\d)", lambda m: f"encoding_block{int(m[1]) + 1}.batch_norm_{m[2]}"),
    (r"encoder\.(\d)\.conv", lambda m: f"encoding_block{int(m[1]) + 1}.conv2d"),
    (r"bottleneck", lambda _: "conv_block_1"),
    (r"decoder\.(\d)\.conv(\d)", lambda m: f"decoding_block{int(m[1]) + 1}.conv2d_{m[2]}"),
    (r"decoder\.(\d)\.norm(\d)", lambda m: f"decoding_block{int(m[1]) + 1}.batch_norm_{m[2]}"),
    (r"tail", lambda _: "conv_block_2"),
    (r"blocks\.(\d)\.conv(\d)", lambda m: f"attention_blocks.{m[1]}.conv_layers.{2 * int(m[2]) - 2}"),
    (r"blocks\.(\d)\.channel\.narrow", lambda m: f"attention_blocks.{m[1]}.ca_block.conv.0"),
    (r"blocks\.(\d)\.channel\.widen", lambda m: f"attention_blocks.{m[1]}.ca_block.conv.2"),
    (r"blocks\.(\d)\.spatial\.conv", lambda m: f"attention_blocks.{m[1]}.sa_block.conv"),
)


@pytest.fixture
def vectors(golden: Path) -> Vectors:
    """vectors("network") are the arrays of convlstm_network.npz as tensors."""
    return lambda name: tensors_of(golden / f"convlstm_{name}.npz")


@pytest.fixture
def drawn(golden: Path) -> dict[str, NDArray[np.float32]]:
    """Every tensor of the reference by formula, checked against the digest beside the vectors."""
    keys = json.loads((golden / "keys_convlstm.json").read_text())
    tensors = {name: _drawn(name, shape) for name, shape in keys if not name.endswith("num_batches_tracked")}
    assert hashlib.sha256(b"".join(item.tobytes() for item in tensors.values())).hexdigest() == DRAWN_SHA256
    return tensors


@pytest.fixture
def reference(drawn: dict[str, NDArray[np.float32]]) -> ConvLSTMInterpolation:
    """A reference_exact network of the reference's width with these weights, in evaluation mode."""
    model = ConvLSTMInterpolation(ConvLSTMOptions(reference_exact=True))
    own = model.state_dict()
    names = {name: reference_name(name) for name in own if not name.endswith("num_batches_tracked")}
    unused = set(drawn) - set(names.values())
    assert all(re.fullmatch(r"synthesis\.encoding_block\d\.batch_norm_2\.\w+", name) for name in unused)
    for name, theirs in names.items():
        own[name].copy_(torch.from_numpy(drawn[theirs]))
    return model.eval().requires_grad_(False)


def reference_name(name: str) -> str:
    """The reference's name of one of our parameters."""
    for pattern, theirs in RENAMED:
        changed, count = re.subn(rf"(?<=\.){pattern}(?=\.)", theirs, name)
        if count:
            return changed
    return name


def _drawn(name: str, shape: list[int]) -> NDArray[np.float32]:
    z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)
    if len(shape) >= 2:
        return z * np.float32(GAIN * math.sqrt(1.0 / math.prod(shape[1:])))
    if name.endswith(".weight"):
        return np.float32(1) + np.float32(0.1) * z
    if name.endswith(".running_var"):
        return np.float32(1) + np.float32(0.1) * np.abs(z)
    return np.float32(0.05) * z
