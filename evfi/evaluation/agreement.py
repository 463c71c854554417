"""How well inserted frames agree with a recording's events: the score that closes a slow-motion run."""

import numpy as np

from evfi.evaluation.event_consistency import Contrasts, EventConsistency, fit_contrasts
from evfi.evaluation.options import EventConsistencyOptions
from evfi.inference.predictor import Prediction
from evfi.samples.sample import Sample


class EventAgreement:
    """Scores every inserted frame by event_consistency; contrasts are fitted once for each pair of frames.

    Attributes:
        judged: frames with a score; the others' contrasts or events are not identifiable.
    """

    def __init__(self, options: EventConsistencyOptions | None = None) -> None:
        self._options = options or EventConsistencyOptions()
        self._gap: tuple[int, int] | None = None
        self._contrasts: Contrasts | None = None
        self._sum = 0.0
        self.judged = 0

    def __call__(self, sample: Sample, prediction: Prediction) -> None:
        gap = (sample.t0_us, sample.t1_us)
        if self._contrasts is None or self._gap != gap:
            self._gap, self._contrasts = gap, fit_contrasts(sample, self._options)
        score = EventConsistency(sample, self._contrasts, self._options).score(prediction.frame).value
        if np.isfinite(score):
            self._sum += score
            self.judged += 1

    @property
    def mean(self) -> float:
        """The mean score; NaN where no frame could be judged."""
        return self._sum / self.judged if self.judged else float("nan")
