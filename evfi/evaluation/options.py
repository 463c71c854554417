"""Options of the evaluation: which figures are computed, how they are averaged, which pictures are kept."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import Field

from evfi.options import Options
from evfi.simulation.options import NoiseOptions, SimulationOptions, Threshold
from evfi.simulation.presets import PRESETS

MetricName = Literal[
    "psnr_float",
    "psnr_u8",
    "ssim_gauss2d_valid",
    "ssim_gauss2d_mirror",
    "ssim_3d",
    "ie",
    "ie_rms",
    "psnr_active",
    "event_consistency",
    "event_consistency_true",
    "tof",
    "flicker",
    "lpips_alex",
    "lpips_vgg",
]
TEMPORAL_METRICS = frozenset({"tof", "flicker"})
NO_WEIGHTS = "no weights"
BaselineName = Literal["copy", "blend", "flow", "event_integration"]


class ActiveOptions(Options):
    """Which pixels psnr_active looks at."""

    radius_px: Annotated[int, Ge(0), Le(16)] = Field(
        default=2, description="a pixel is active if an event of the gap lies within this Euclidean distance"
    )
    min_pixels: Annotated[int, Ge(1)] = Field(
        default=100, description="fewer active pixels than this: not applicable, instead of a figure made of noise"
    )


class EventConsistencyOptions(Options):
    """The event integrator: its fit on the boundary frames, and when a result counts as identifiable."""

    log_eps: Annotated[float, Gt(0), Le(0.5)] = Field(
        default=0.01,
        description="added to luminance in [0, 1] before the logarithm; 0.01 keeps 8-bit steps in the dark apart",
    )
    min_pixels: Annotated[int, Ge(3)] = Field(
        default=200, description="fewer pixels with an event than this, in the gap or on one side: not identifiable"
    )
    min_r2: Annotated[float, Ge(0), Lt(1)] = Field(
        default=0.1, description="a fit of the contrasts that explains less than this: not identifiable"
    )


class BootstrapOptions(Options):
    """Intervals: a percentile bootstrap over sequences, or over blocks of time where there are few sequences."""

    samples: Annotated[int, Ge(100)] = 1000
    seed: Annotated[int, Ge(0)] = 2026
    confidence: Annotated[float, Gt(0.5), Lt(1)] = 0.95
    min_sequences: Annotated[int, Ge(2)] = Field(
        default=5, description="with fewer sequences, blocks of time are drawn within each of them"
    )


class LpipsOptions(Options):
    """The user's files for lpips_alex and lpips_vgg; without both of a network its figure says "no weights"."""

    alex_weights: Path | None = Field(default=None, description="AlexNet's weights as torchvision publishes them")
    alex_heads: Path | None = Field(default=None, description="LPIPS v0.1's linear heads for AlexNet (alex.pth)")
    vgg_weights: Path | None = Field(default=None, description="VGG16's weights as torchvision publishes them")
    vgg_heads: Path | None = Field(default=None, description="LPIPS v0.1's linear heads for VGG16 (vgg.pth)")

    def files(self, network: str) -> tuple[Path, Path] | None:
        """Weights and heads of "alex" or "vgg"; None where one of the two is not given."""
        pair = (self.alex_weights, self.alex_heads) if network == "alex" else (self.vgg_weights, self.vgg_heads)
        return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


class EvaluationOptions(Options):
    """What `evfi evaluate` computes for every test sample."""

    metrics: Annotated[tuple[MetricName, ...], Len(1)] = (
        "psnr_float",
        "psnr_u8",
        "ssim_gauss2d_valid",
        "ie",
        "psnr_active",
        "event_consistency",
        "event_consistency_true",
    )
    baselines: Annotated[tuple[BaselineName, ...], Len(1)] = ("copy", "blend", "flow", "event_integration")
    batch_size: Annotated[int, Ge(1)] = Field(default=4, description="samples of one size that a network sees at once")
    threads: Annotated[int, Ge(1)] = Field(
        default=2,
        description="batches that a network answers side by side, each on one thread; no figure depends on it",
    )
    pictures_per_protocol: Annotated[int, Ge(0)] = Field(
        default=3, description="groups per data set, protocol and skip whose pictures are kept, all targets of each"
    )
    active: ActiveOptions = ActiveOptions()
    consistency: EventConsistencyOptions = EventConsistencyOptions()
    lpips: LpipsOptions = LpipsOptions()
    bootstrap: BootstrapOptions = BootstrapOptions()


class SweepCondition(NamedTuple):
    """The events that one line of a threshold sweep is measured on."""

    contrast: float
    noisy: bool
    simulation: SimulationOptions


class ThresholdSweepOptions(Options):
    """PSNR against the threshold of the test clips' events: each clip is simulated anew at each of these thresholds."""

    contrasts: Annotated[tuple[Threshold, ...], Len(1)] = Field(
        default=(0.1, 0.2, 0.3, 0.4, 0.5), description="thresholds of ON and OFF events alike; log-intensity units"
    )
    noise: NoiseOptions | None = Field(
        default=NoiseOptions(**PRESETS["v2e_noisy"]["noise"]),
        description="measured once more at each threshold with this noise on, by default v2e's for a dim scene; "
        "null = without noise only",
    )
    max_targets: Annotated[int, Ge(1)] = Field(
        default=200, description="most targets of a data set, protocol and skip, spread evenly over them"
    )

    def conditions(self, simulation: SimulationOptions) -> tuple[SweepCondition, ...]:
        """What `simulation` becomes at each threshold: first without any noise, then with this one.

        Raises:
            ValidationError: the simulation's backend cannot do this noise.
        """
        noises = (NoiseOptions(), *(() if self.noise is None else (self.noise,)))
        return tuple(
            SweepCondition(
                contrast,
                noise is self.noise,
                simulation.replaced(contrast_pos=contrast, contrast_neg=contrast, noise=noise),
            )
            for noise in noises
            for contrast in self.contrasts
        )
