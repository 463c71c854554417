"""Flows from the boundary frames to a moment between them, from the frames alone: the target is never looked at."""

from evfi.flow.provider import FlowProvider
from evfi.flow.quadratic import flow_at
from evfi.samples.sample import Flow, Sample


def flows_by_motion(sample: Sample, flow: FlowProvider) -> tuple[Flow, Flow]:
    """Forward flows from frame0 and from frame1 to tau, float32 (H, W, 2), by constant acceleration over four frames.

    Where a context frame is missing, the boundary frame beside it moves at constant velocity. Context frames are taken
    to lie at the pair's own distance.
    """
    to_before = None if sample.before is None else flow(sample.frame0, sample.before)
    to_after = None if sample.after is None else flow(sample.frame1, sample.after)
    return (
        flow_at(sample.tau, to_before, flow(sample.frame0, sample.frame1)),
        flow_at(1 - sample.tau, to_after, flow(sample.frame1, sample.frame0)),
    )
