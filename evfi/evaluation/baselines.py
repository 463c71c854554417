"""The four methods without learning that stand in every table: copy, blend, flow, event_integration."""

from collections.abc import Callable, Sequence

import numpy as np

from evfi.evaluation.event_consistency import event_integral, fit_contrasts
from evfi.evaluation.methods import Answer, Method
from evfi.evaluation.options import EvaluationOptions, EventConsistencyOptions
from evfi.inference.quantise import as_float
from evfi.samples.flow_frame import FlowFrames
from evfi.samples.needs import Needs
from evfi.samples.sample import Sample

COPY = Method("copy", "left frame copied")
BLEND = Method("blend", "linear blend")
FLOW = Method("flow", "frame-only optical flow (DIS)")
EVENT_INTEGRATION = Method("event_integration", "events integrated on the left frame")


def copy(sample: Sample) -> Answer:
    """The left boundary frame."""
    return Answer(COPY, as_float(sample.frame0))


def blend(sample: Sample) -> Answer:
    """(1 - tau) frame0 + tau frame1."""
    tau = sample.tau
    frame = (1 - tau) * as_float(sample.frame0) + tau * as_float(sample.frame1)
    return Answer(BLEND, frame.astype(np.float32))


def event_integration(sample: Sample, options: EventConsistencyOptions) -> Answer:
    """exp(log(frame0 + eps) + C+ N+ - C- N-) - eps with the events before the target, on each channel.

    The contrasts are fitted as in `event_consistency`; where they cannot be told, the left frame with a note.
    """
    contrasts = fit_contrasts(sample, options)
    if not contrasts.identifiable:
        note = f"left frame, contrasts not identifiable: {contrasts.problem}"
        return Answer(EVENT_INTEGRATION, as_float(sample.frame0), note)
    gain = np.exp(event_integral(sample.events.window(sample.t0_us, sample.t_us), contrasts))
    eps = options.log_eps
    frame = (as_float(sample.frame0) + eps) * gain[..., None] - eps
    return Answer(EVENT_INTEGRATION, np.clip(frame, 0.0, 1.0).astype(np.float32))


class Baselines:
    """Answers of the chosen baselines to samples."""

    def __init__(self, options: EvaluationOptions) -> None:
        available: dict[str, Callable[[Sample], Answer]] = {
            "copy": copy,
            "blend": blend,
            "flow": self._flow,
            "event_integration": lambda sample: event_integration(sample, options.consistency),
        }
        self._flow_frames = FlowFrames()
        self._functions = [available[name] for name in options.baselines]

    def _flow(self, sample: Sample) -> Answer:
        return Answer(FLOW, self._flow_frames(sample.frame0, sample.frame1, sample.tau))

    @property
    def needs(self) -> Needs:
        """Nothing beside boundary frames and events."""
        return Needs()

    @property
    def side_by_side(self) -> bool:
        """Not so: the flows of the last pair are kept."""
        return False

    def answers(self, samples: Sequence[Sample]) -> list[tuple[Answer, ...]]:
        """For each sample, an answer per baseline in the order of the options."""
        return [tuple(function(sample) for function in self._functions) for sample in samples]
