"""All metrics of one sample's answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from evfi.errors import UserError
from evfi.evaluation import metrics
from evfi.evaluation.event_consistency import Contrasts, EventConsistency, fit_contrasts
from evfi.evaluation.lpips import lpips
from evfi.evaluation.methods import Answer
from evfi.evaluation.metrics import Figure, FloatImage, Mask, active_pixels
from evfi.evaluation.options import TEMPORAL_METRICS, EvaluationOptions
from evfi.samples.sample import Image, Sample

_AGAINST_TARGET: dict[str, Callable[[FloatImage, Image], float]] = {
    "psnr_float": metrics.psnr_float,
    "psnr_u8": metrics.psnr_u8,
    "ssim_gauss2d_valid": metrics.ssim_gauss2d_valid,
    "ssim_gauss2d_mirror": metrics.ssim_gauss2d_mirror,
    "ssim_3d": metrics.ssim_3d,
    "ie": metrics.ie,
    "ie_rms": metrics.ie_rms,
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure of one method on one sample."""

    method: str
    metric: str
    value: float
    note: str


def measure(
    sample: Sample, answers: Sequence[Answer], options: EvaluationOptions, *, true_contrasts: Contrasts | None = None
) -> Iterator[Measurement]:
    """The chosen metrics of every answer, but for temporal ones. What depends on the sample alone is computed once.

    Of a sample without a true frame, what compares with it is not applicable.

    Args:
        true_contrasts: of simulated events; without them event_consistency_true is left out.
    """
    ruler = _Ruler(sample, options, true_contrasts)
    for answer in answers:
        for metric in options.metrics:
            if metric in TEMPORAL_METRICS or (metric == "event_consistency_true" and true_contrasts is None):
                continue
            figure = metrics.not_applicable("") if answer.frame is None else ruler.figure(metric, answer.frame)
            notes = [note for note in (figure.note, answer.note) if note]
            yield Measurement(answer.method.name, metric, figure.value, "; ".join(notes))


class _Ruler:
    def __init__(self, sample: Sample, options: EvaluationOptions, true_contrasts: Contrasts | None) -> None:
        self.sample, self.target, self.options = sample, sample.target, options
        self.true_contrasts = true_contrasts

    def figure(self, metric: str, frame: FloatImage) -> Figure:
        if metric in ("event_consistency", "event_consistency_true"):
            return (self.consistency if metric == "event_consistency" else self.true_consistency).score(frame)
        if self.target is None:
            return metrics.not_applicable("no true frame")
        if metric.startswith("lpips_"):
            return lpips(frame, self.target, metric.removeprefix("lpips_"), self.options.lpips)
        if metric == "psnr_active":
            return metrics.psnr_active(frame, self.target, self.active, min_pixels=self.options.active.min_pixels)
        return Figure(_AGAINST_TARGET[metric](frame, self.target))

    @cached_property
    def active(self) -> Mask:
        return active_pixels(self.sample.events, radius_px=self.options.active.radius_px)

    @cached_property
    def consistency(self) -> EventConsistency:
        settings = self.options.consistency
        return EventConsistency(self.sample, fit_contrasts(self.sample, settings), settings)

    @cached_property
    def true_consistency(self) -> EventConsistency:
        if self.true_contrasts is None:
            raise UserError(f"sample {self.sample.sample_id} has no known contrasts")
        return EventConsistency(self.sample, self.true_contrasts, self.options.consistency)
