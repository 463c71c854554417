"""Checkpoints of the released code (PyTorch files of width 32) as this family's weights, by the names in them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from evfi.errors import InputFileError, MissingInputError
from evfi.models.wevi.attention import fit_matrix
from evfi.models.wevi.manifest import WeviOptions
from evfi.models.wevi.network import Wevi
from evfi.nn.torch_file import plain_content

Stage = Literal["stage1", "stage2"]
_ENTRIES: dict[Stage, str] = {"stage1": "Generator", "stage2": "attnRefine"}
_MODULES = {"stage1": "correction", "stage2": "refinement"}
_FIT_MATRIX = "subAttnMatC"
_FIT_TOLERANCE = 1e-5
_DEAD = re.compile(r"AttDecoder\.RB1\.[23]\.")
"""Blocks that the released network holds but never runs."""
_FUSE = (
    (r"AADBlk(\d)\.", r"block\1."),
    (r"AAD(\d)\.convE1\.", r"fuse\1.event_scale."),
    (r"AAD(\d)\.convE2\.", r"fuse\1.event_shift."),
    (r"AAD(\d)\.convF1\.", r"fuse\1.frame_scale."),
    (r"AAD(\d)\.convF2\.", r"fuse\1.frame_shift."),
    (r"AAD(\d)\.convMask\.1\.", r"fuse\1.mask."),
    (r"(block\d)\.conv(\d)\.2\.", r"\1.conv\2."),
)
_RULES = {
    "stage1": (
        (r"^eventUnet\.", "events."),
        (r"^frameUnet\.", "frames."),
        (r"^fuseNet\.", "fusion."),
        (r"\.conv(\d)\.conv\.1\.", r".down\1.conv."),
        (r"\.conv(\d)\.norm2d\.", r".down\1.norm."),
        (r"\.deconv2\.", ".up1."),
        (r"\.deconv3\.", ".up2."),
        (r"\.deconv4\.", ".up3."),
        (r"\.deconv5\.", ".up4."),
        (r"\.deconv\.2\.", ".conv."),
        (r"\.norm2d\.", ".norm."),
        (r"\.ConvIn\.", ".entry."),
        (r"\.ItStage1\.1\.", ".head."),
        (r"\.ItStage1\.3\.", ".tail."),
        *_FUSE,
    ),
    "stage2": (
        (r"^feaExt\.slice1\.", "features.level1."),
        (r"^feaExt\.slice(\d)\.conv1\.", r"features.level\1a."),
        (r"^feaExt\.slice(\d)\.conv2\.", r"features.level\1b."),
        (r"(level\w+)\.conv\.1\.", r"\1.conv."),
        (r"(level\w+)\.norm2d\.", r"\1.norm."),
        (r"^AttnMultiScale\.ConvIn\.", "attention.embedding."),
        (r"^AttDecoder\.", "decoder."),
        (r"\.SFE\.conv_head\.", ".query.head."),
        (r"\.SFE\.conv_tail\.", ".query.tail."),
        (r"\.SFE\.RBs\.", ".query.blocks."),
        (r"\.ConvIn\.1\.", ".entry."),
        (r"\.RB0\.", ".residuals4."),
        (r"\.RB1\.", ".residuals2."),
        (r"\.RB2\.", ".residuals1."),
        (r"\.merge_tail\.conv13\.", ".merge.from4."),
        (r"\.merge_tail\.conv23\.", ".merge.from2."),
        (r"\.merge_tail\.conv_merge\.", ".merge.join."),
        (r"\.merge_tail\.conv_tail1\.", ".merge.narrow."),
        (r"\.merge_tail\.conv_tail2\.", ".merge.tail."),
        *_FUSE,
    ),
}


def read_author_checkpoint(path: Path) -> dict[str, Tensor]:
    """The weights of a released checkpoint by this family's names: those of stage 1, and of stage 2 where it has them.

    Nothing in the file is executed (`weights_only`). The model they fit is `build("wevi")`, of width 32.

    Raises:
        MissingInputError: there is no such file.
        InputFileError: it is no such checkpoint, or holds another fit matrix than the one its paper defines.
    """
    if not path.is_file():
        raise MissingInputError(f"no checkpoint at {path}: name a file such as bestEVI_epoch100.pth")
    return _state(plain_content(path, "expected a .pth"), path)


def imported(content: Any, source: Path) -> tuple[WeviOptions, dict[str, Tensor]]:
    """Options and state of a whole model from what a released file holds, read as the released code reads it.

    A file of stage 1 alone gets an untrained stage 2, which leaves stage 1's frame as it is.

    Raises:
        InputFileError: as `read_author_checkpoint`.
    """
    options = WeviOptions(reference_exact=True, polarity="released")
    state = _state(content, source)
    if not any(name.startswith("refinement.") for name in state):
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            fresh = Wevi(options).state_dict()
        state.update({name: tensor for name, tensor in fresh.items() if name.startswith("refinement.")})
    return options, state


def _state(content: Any, source: Path) -> dict[str, Tensor]:
    entries = content if isinstance(content, Mapping) else {}
    found: list[Stage] = [stage for stage, entry in _ENTRIES.items() if isinstance(entries.get(entry), Mapping)]
    if not found:
        raise InputFileError(f"{source} has neither of the entries {' and '.join(_ENTRIES.values())}: not WEVI's")
    state: dict[str, Tensor] = {}
    for stage in found:
        state.update(renamed(entries[_ENTRIES[stage]], stage, source=str(source)))
    return state


def renamed(state: Mapping[str, Tensor], stage: Stage, *, source: str = "the checkpoint") -> dict[str, Tensor]:
    """A released network's state by this family's names.

    `module.` in front (torch's DataParallel) is dropped, and so are blocks that the released network never runs; the
    embedding, there a 1x1 convolution of unfolded patches, becomes the equal 3x3 convolution.

    Raises:
        InputFileError: its fit matrix is not that of the paper, which is computed here.
    """
    ours: dict[str, Tensor] = {}
    for full_name, tensor in state.items():
        name = full_name.removeprefix("module.")
        if name == _FIT_MATRIX:
            _check_fit_matrix(tensor, source)
        elif not _DEAD.match(name):
            ours[f"{_MODULES[stage]}.{_renamed(name, stage)}"] = tensor
    embedding = "refinement.attention.embedding.weight"
    if embedding in ours:
        ours[embedding] = ours[embedding].reshape(len(ours[embedding]), -1, 3, 3)
    return ours


def _renamed(name: str, stage: Stage) -> str:
    for pattern, replacement in _RULES[stage]:
        name = re.sub(pattern, replacement, name)
    return name


def _check_fit_matrix(tensor: Tensor, source: str) -> None:
    rows = fit_matrix()[:4]
    if tensor.numel() != rows.numel() or not torch.allclose(tensor.reshape(4, 9), rows, atol=_FIT_TOLERANCE):
        raise InputFileError(
            f"{source} holds a fit matrix ({_FIT_MATRIX}) that is not the quadratic fit of a 3x3 patch with sigma 0.5, "
            "which this family computes: its weights would not mean the same here"
        )
