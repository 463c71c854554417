"""The four methods without learning that stand in every table: copy, blend, flow, event_integration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.evaluation.event_consistency import event_integral, fit_contrasts
from evfi.evaluation.methods import Answer, Method
from evfi.evaluation.options import EvaluationOptions, EventConsistencyOptions
from evfi.flow.dis import DisFlow
from evfi.flow.interpolate import interpolate_pair
from evfi.inference.quantise import as_float, is_gray_sample
from evfi.samples.needs import Needs
from evfi.samples.sample import Image, Sample

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


class FlowBaseline:
    """Occlusion-aware interpolation by DIS flow in both directions; the flows of the last pair are kept."""

    def __init__(self) -> None:
        self._flow = DisFlow()
        self._pair: _PairFlow | None = None

    def __call__(self, sample: Sample) -> Answer:
        pair = self._pair
        if pair is None or not pair.belongs_to(sample):
            pair = self._pair = self._matched(sample)
        # values in [0, 255]
        frame = interpolate_pair(pair.image0, pair.image1, pair.flow01, pair.flow10, [sample.tau])[0] / np.float32(255)
        return Answer(FLOW, frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2))

    def _matched(self, sample: Sample) -> "_PairFlow":
        # One channel of a gray scene gives the same values in a third of the time.
        image0, image1 = (
            np.ascontiguousarray(frame[..., 0]) if is_gray_sample(sample) else frame
            for frame in (sample.frame0, sample.frame1)
        )
        return _PairFlow(
            frame0=sample.frame0,
            frame1=sample.frame1,
            image0=image0,
            image1=image1,
            flow01=self._flow(image0, image1),
            flow10=self._flow(image1, image0),
        )


class Baselines:
    """Answers of the chosen baselines to samples."""

    def __init__(self, options: EvaluationOptions) -> None:
        available: dict[str, Callable[[Sample], Answer]] = {
            "copy": copy,
            "blend": blend,
            "flow": FlowBaseline(),
            "event_integration": lambda sample: event_integration(sample, options.consistency),
        }
        self._functions = [available[name] for name in options.baselines]

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


@dataclass(frozen=True, eq=False, slots=True)
class _PairFlow:
    frame0: Image
    frame1: Image
    image0: NDArray[np.uint8]
    image1: NDArray[np.uint8]
    flow01: NDArray[np.float32]
    flow10: NDArray[np.float32]

    def belongs_to(self, sample: Sample) -> bool:
        return np.array_equal(self.frame0, sample.frame0) and np.array_equal(self.frame1, sample.frame1)
