"""Does a frame say what the events say? Needs no ground truth.

A pixel's log luminance rises by the ON contrast C+ with every ON event and falls by C- with every OFF event. C+ and C-
are fitted on the two *boundary* frames and the events between them, never on a target. A frame's score is the
correlation, over pixels with an event, between C+ N+ - C- N- and its change of log luminance: from frame0 to the frame
with the events before it, and from the frame to frame1 with the events after it; the mean of both sides. It ranks no
quality: an event integrator is its upper bound. Definition: specs/evaluation.md.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from evfi.evaluation.metrics import Figure, not_applicable
from evfi.evaluation.options import EventConsistencyOptions
from evfi.inference.quantise import as_float
from evfi.representation.transforms import count_per_pixel
from evfi.samples.sample import Sample
from evfi.types import Events

FloatImage = NDArray[np.floating[Any]]
Plane = NDArray[np.float64]
# Log luminance lies within a few units of 0; a spread below this is rounding of a constant.
_CONSTANT_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Contrast thresholds (natural logarithm) and how well they explain the gap; `problem` if they cannot be told."""

    positive: float
    negative: float
    r2: float
    problem: str = ""

    @property
    def identifiable(self) -> bool:
        return not self.problem


def fit_contrasts(sample: Sample, options: EventConsistencyOptions) -> Contrasts:
    """C+ and C- by least squares (no intercept) over the pixels with an event between the boundary frames.

    R² is taken about the mean change. Not identifiable: too few pixels with an event, R² below the limit, or a contrast
    that is not positive although its polarity occurs. A polarity without any event gets the contrast 0.
    """
    off, on = count_per_pixel(sample.events)
    hit = (on + off) > 0
    count = int(hit.sum())
    if count < options.min_pixels:
        nothing = float("nan")
        return Contrasts(nothing, nothing, nothing, f"{count} pixels with an event, needs {options.min_pixels}")
    change = _boundary_change(sample, options.log_eps)[hit]
    ups, downs = on[hit].astype(np.int64), off[hit].astype(np.int64)
    positive, negative = _least_squares(ups, downs, change)
    total = float(np.square(change - change.mean()).sum())
    residual = float(np.square(change - (positive * ups - negative * downs)).sum())
    r2 = 1.0 - residual / total if total > _CONSTANT_SPREAD else 0.0
    return Contrasts(positive, negative, r2, _problem(positive, negative, r2, on, off, options))


def known_contrasts(positive: float, negative: float) -> Contrasts:
    """The true contrasts of simulated events."""
    return Contrasts(positive, negative, float("nan"))


def event_integral(events: Events, contrasts: Contrasts) -> Plane:
    """C+ N+ - C- N- per pixel, float64 (H, W): the change of log luminance that the events tell."""
    off, on = count_per_pixel(events)
    return contrasts.positive * on - contrasts.negative * off


def log_luminance(frame: FloatImage, eps: float) -> Plane:
    """log(Y + eps) of a frame in [0, 1], float64 (H, W); Y is Rec. 601 luminance (gray: the value itself)."""
    luminance = cv2.cvtColor(np.clip(frame, 0.0, 1.0).astype(np.float32), cv2.COLOR_RGB2GRAY)
    return np.log(luminance.astype(np.float64) + eps)


class EventConsistency:
    """Scores any frame that claims to lie at a sample's time; the events are counted once for all of them."""

    def __init__(self, sample: Sample, contrasts: Contrasts, options: EventConsistencyOptions) -> None:
        self._problem = contrasts.problem
        self._eps = options.log_eps
        self._min_pixels = options.min_pixels
        self._log0 = log_luminance(as_float(sample.frame0), self._eps)
        self._log1 = log_luminance(as_float(sample.frame1), self._eps)
        before = sample.events.window(sample.t0_us, sample.t_us)
        after = sample.events.window(sample.t_us, sample.t1_us)
        self._left = event_integral(before, contrasts)
        self._right = event_integral(after, contrasts)
        self._hit_left = count_per_pixel(before).any(axis=0)
        self._hit_right = count_per_pixel(after).any(axis=0)

    def score(self, frame: FloatImage) -> Figure:
        """Mean correlation of both sides, in [-1, 1]; a side on which the frame shows no change at all scores 0."""
        if self._problem:
            return not_applicable(f"not identifiable: {self._problem}")
        log = log_luminance(frame, self._eps)
        sides = (
            ("before", self._left, log - self._log0, self._hit_left),
            ("after", self._right, self._log1 - log, self._hit_right),
        )
        scores = []
        for name, told, shown, hit in sides:
            count = int(hit.sum())
            if count < self._min_pixels:
                return not_applicable(
                    f"not identifiable: {count} pixels with an event {name} the frame, needs {self._min_pixels}"
                )
            told_there = told[hit]
            if told_there.std() < _CONSTANT_SPREAD:
                return not_applicable(f"not identifiable: the events {name} the frame are the same at every pixel")
            scores.append(_correlation(told_there, shown[hit]))
        return Figure(float(np.mean(scores)))

    def residual(self, frame: FloatImage) -> Plane:
        """Map (H, W): by how much log luminance is brighter than the events say, the mean of both sides.

        NaN everywhere if the contrasts are not identifiable.
        """
        log = log_luminance(frame, self._eps)
        if self._problem:
            return np.full_like(log, np.nan)
        return 0.5 * ((log - self._log0 - self._left) - (self._log1 - log - self._right))


def _boundary_change(sample: Sample, eps: float) -> Plane:
    return log_luminance(as_float(sample.frame1), eps) - log_luminance(as_float(sample.frame0), eps)


def _least_squares(ups: NDArray[np.int64], downs: NDArray[np.int64], change: Plane) -> tuple[float, float]:
    """The normal equations by plain sums, so that the bits do not depend on how many threads a BLAS takes."""
    cross = -(ups * downs).sum()
    gram = np.array([[(ups * ups).sum(), cross], [cross, (downs * downs).sum()]], np.float64)
    right = np.array([(ups * change).sum(), -(downs * change).sum()])
    solution = np.linalg.lstsq(gram, right, rcond=None)[0]
    return float(solution[0]), float(solution[1])


def _problem(
    positive: float,
    negative: float,
    r2: float,
    on: NDArray[np.int32],
    off: NDArray[np.int32],
    options: EventConsistencyOptions,
) -> str:
    if r2 < options.min_r2:
        return f"the events explain R² {r2:.2f} of the change between the boundary frames, needs {options.min_r2:g}"
    if (positive <= 0 and on.any()) or (negative <= 0 and off.any()):
        return f"the fitted contrasts must be positive, got ON {positive:.3f} and OFF {negative:.3f}"
    return ""


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt(np.square(b).mean()))
    if spread < _CONSTANT_SPREAD:
        return 0.0
    return float((a * b).mean() / (np.sqrt(np.square(a).mean()) * spread))
