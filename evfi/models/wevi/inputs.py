"""What WEVI sees of a sample: boundary frames, forward flows to the target, event counts around frames and target."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int16
from torch import Tensor

from evfi.models.batch import Batch


@dataclass(frozen=True, eq=False)
class Inputs(Batch):
    """Tensors of one sample, or of a batch (then with a first dimension b).

    Frames are RGB in [0, 1]. Flows are forward, from a boundary frame to the target, (dx, dy) in pixels. Counts are of
    OFF and ON events in 8 bins around the target (`counts_t`) and around either frame, which stage 1 does not need.
    """

    frame0: Float[Tensor, "*b 3 h w"]
    frame1: Float[Tensor, "*b 3 h w"]
    flow_0_to_t: Float[Tensor, "*b 2 h w"]
    flow_1_to_t: Float[Tensor, "*b 2 h w"]
    counts_t: Int16[Tensor, "*b 2 8 h w"]
    counts0: Int16[Tensor, "*b 2 8 h w"] | None
    counts1: Int16[Tensor, "*b 2 8 h w"] | None
    target: Float[Tensor, "*b 3 h w"] | None


def collate(inputs: Sequence[Inputs]) -> Inputs:
    """Prepared samples of one size as a batch."""
    return Inputs.stacked(inputs)
