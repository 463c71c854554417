"""From a sample to TimeLens' tensors: frames in [0, 1] and three voxel grids that meet at the target's time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from evfi.models.batch import Batch
from evfi.representation.voxel import voxel_grids_around
from evfi.samples.sample import Image, Sample

BINS = 5


@dataclass(frozen=True, eq=False)
class Inputs(Batch):
    """Tensors of one sample, or of a batch (then with a first dimension b).

    Frames are RGB in [0, 1]. Grids hold signed event counts, not normalised: of the events before the target, of the
    same events played backwards (from the target to frame0), and of those after it. `flow_frame` is what optical flow
    of the boundary frames predicts, where attention has it as a candidate.
    """

    frame0: Float[Tensor, "*b 3 h w"]
    frame1: Float[Tensor, "*b 3 h w"]
    voxel_0_to_tau: Float[Tensor, "*b 5 h w"]
    voxel_tau_to_0: Float[Tensor, "*b 5 h w"]
    voxel_tau_to_1: Float[Tensor, "*b 5 h w"]
    tau: Float[Tensor, "*b"]
    target: Float[Tensor, "*b 3 h w"] | None
    flow_frame: Float[Tensor, "*b 3 h w"] | None = None


def prepare(sample: Sample) -> Inputs:
    """Tensors of a sample. The backward grid is the forward one reversed, never built from events a second time."""
    times = {"start_us": sample.t0_us, "at_us": sample.t_us, "end_us": sample.t1_us}
    before, backwards, after = voxel_grids_around(sample.events, bins=BINS, **times)
    return Inputs(
        frame0=_frame(sample.frame0),
        frame1=_frame(sample.frame1),
        voxel_0_to_tau=torch.from_numpy(before),
        voxel_tau_to_0=torch.from_numpy(backwards),
        voxel_tau_to_1=torch.from_numpy(after),
        tau=torch.tensor(sample.tau, dtype=torch.float32),
        target=None if sample.target is None else _frame(sample.target),
        flow_frame=None if sample.flow_frame is None else _planes(sample.flow_frame),
    )


def collate(inputs: Sequence[Inputs]) -> Inputs:
    """Prepared samples of one size as a batch."""
    return Inputs.stacked(inputs)


def _frame(image: Image) -> Float[Tensor, "3 h w"]:
    return _planes(image).float() / 255


def _planes(image: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
