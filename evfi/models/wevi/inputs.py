"""What WEVI sees of a sample: boundary frames, forward flows to the target, event counts around frames and target."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int16
from torch import Tensor

from evfi.flow.providers import provider_of
from evfi.models.batch import Batch
from evfi.models.wevi.correction import BINS
from evfi.representation.event_count import bin_edges, polarity_counts
from evfi.samples.motion import flows_by_motion, neighbour_flows
from evfi.samples.sample import Flow, Image, Sample
from evfi.types import Events


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

    def without_events(self) -> Self:
        """The same inputs with all counts 0."""
        counts = {name: getattr(self, name) for name in ("counts_t", "counts0", "counts1")}
        return replace(self, **{name: None if one is None else torch.zeros_like(one) for name, one in counts.items()})


@dataclass(frozen=True, slots=True)
class Windows:
    """Start, centre and end in µs of the event tensors around the target and around both boundary frames."""

    target: tuple[float, float, float]
    frame0: tuple[float, float, float]
    frame1: tuple[float, float, float]


def prepare(sample: Sample) -> Inputs:
    """Tensors of a sample.

    A training sample brings flows to its target (`flow0`, `flow1`); for any other the motion is fitted to the frames by
    flows that it brings (`neighbours`) or that DIS computes, and its target is not looked at. Events around the
    boundary frames are left out of a training sample without `outer_events`, which is one of stage 1.
    """
    if sample.flow0 is not None and sample.flow1 is not None:
        windows, flow0, flow1 = training_windows(sample), sample.flow0, sample.flow1
        stage1_alone = sample.outer_events is None
    else:
        windows, stage1_alone = prediction_windows(sample), False
        flow0, flow1 = flows_by_motion(sample.tau, sample.neighbours or neighbour_flows(sample, provider_of()))
    events = sample.events if sample.outer_events is None else sample.outer_events
    return Inputs(
        frame0=_frame(sample.frame0),
        frame1=_frame(sample.frame1),
        flow_0_to_t=_flow(flow0),
        flow_1_to_t=_flow(flow1),
        counts_t=_counts(events, windows.target),
        counts0=None if stage1_alone else _counts(events, windows.frame0),
        counts1=None if stage1_alone else _counts(events, windows.frame1),
        target=None if sample.target is None else _frame(sample.target),
    )


def training_windows(sample: Sample) -> Windows:
    """Five frames in a row, the target in their middle: each tensor reaches from the frame before to the one after.

    Context frames are the next ones outside the pair; where there is none, its interval is taken to be the pair's half.
    """
    t0, t, t1 = sample.t0_us, sample.t_us, sample.t1_us
    before = t0 - (t - t0) if sample.before_us is None else sample.before_us
    after = t1 + (t1 - t) if sample.after_us is None else sample.after_us
    return Windows(target=(t0, t, t1), frame0=(before, t0, t), frame1=(t, t1, after))


def prediction_windows(sample: Sample) -> Windows:
    """Four frames at one distance: tensors reach one interval to either side, that of the target moves with tau.

    Where there is no context frame, its interval is taken to be the pair's.
    """
    t0, t1 = sample.t0_us, sample.t1_us
    before = 2 * t0 - t1 if sample.before_us is None else sample.before_us
    after = 2 * t1 - t0 if sample.after_us is None else sample.after_us
    start = before + sample.tau * (t0 - before)
    end = t1 + sample.tau * (after - t1)
    return Windows(target=(start, sample.t_us, end), frame0=(before, t0, t1), frame1=(t0, t1, after))


def collate(inputs: Sequence[Inputs]) -> Inputs:
    """Prepared samples of one size as a batch."""
    return Inputs.stacked(inputs)


def _counts(events: Events, window: tuple[float, float, float]) -> Int16[Tensor, "2 8 h w"]:
    counts = polarity_counts(events, bin_edges(*window, bins=BINS))
    return torch.from_numpy(np.minimum(counts, np.iinfo(np.int16).max).astype(np.int16))


def _frame(image: Image) -> Float[Tensor, "3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255


def _flow(flow: Flow) -> Float[Tensor, "2 h w"]:
    return torch.from_numpy(np.ascontiguousarray(flow.transpose(2, 0, 1)))
