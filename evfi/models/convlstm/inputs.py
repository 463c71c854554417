"""From a sample to the network's frames in [-1, 1]. A missing context frame is the boundary frame beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from evfi.models.batch import Batch
from evfi.samples.sample import Image, Sample


@dataclass(frozen=True, eq=False)
class Inputs(Batch):
    """Tensors of one sample, or of a batch (then with a first dimension b).

    `frames` are RGB in [-1, 1], in the order of time; `target` is RGB in [0, 1].
    """

    frames: Float[Tensor, "*b 4 3 h w"]
    target: Float[Tensor, "*b 3 h w"] | None


def prepare(sample: Sample) -> Inputs:
    """Tensors of a sample; its events are not looked at."""
    before = sample.frame0 if sample.before is None else sample.before
    after = sample.frame1 if sample.after is None else sample.after
    frames = [_frame(image) for image in (before, sample.frame0, sample.frame1, after)]
    return Inputs(
        frames=signed(torch.stack(frames)),
        target=None if sample.target is None else _frame(sample.target),
    )


def collate(inputs: Sequence[Inputs]) -> Inputs:
    """Prepared samples of one size as a batch."""
    return Inputs.stacked(inputs)


def signed(image: Tensor) -> Tensor:
    """[0, 1] to [-1, 1]."""
    return image * 2 - 1


def unsigned(image: Tensor) -> Tensor:
    """[-1, 1] to [0, 1]."""
    return (image + 1) / 2


def _frame(image: Image) -> Float[Tensor, "3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255
