"""Flows from the boundary frames to a moment between them, from the frames alone: the target is never looked at."""

from evfi.flow.provider import FlowProvider
from evfi.flow.quadratic import flow_at
from evfi.samples.sample import Flow, NeighbourFlows, Sample


def neighbour_flows(sample: Sample, flow: FlowProvider) -> NeighbourFlows:
    """The flows among a sample's boundary and context frames, computed now."""
    return NeighbourFlows(
        flow01=flow(sample.frame0, sample.frame1),
        flow10=flow(sample.frame1, sample.frame0),
        to_before=None if sample.before is None else flow(sample.frame0, sample.before),
        to_after=None if sample.after is None else flow(sample.frame1, sample.after),
    )


def flows_by_motion(tau: float, flows: NeighbourFlows) -> tuple[Flow, Flow]:
    """Forward flows from frame0 and from frame1 to tau, float32 (H, W, 2), by constant acceleration over four frames.

    Where a context frame is missing, the boundary frame beside it moves at constant velocity. Context frames are taken
    to lie at the pair's own distance.
    """
    return flow_at(tau, flows.to_before, flows.flow01), flow_at(1 - tau, flows.to_after, flows.flow10)
