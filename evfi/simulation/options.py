"""Options of the event simulator, and its named presets with their sources."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator

from evfi.errors import UserError
from evfi.options import Options
from evfi.simulation.presets import PRESETS
from evfi.units import US_PER_S
from evfi.versions import ALGO_VERSIONS

SIMULATION_ALGO_VERSION = ALGO_VERSIONS["simulation"]
"""Raised when equal inputs and options begin to give other events."""

MIN_CONTRAST = 0.001
"""The smallest threshold: below it one step of an 8-bit frame would make hundreds of events."""

Threshold = Annotated[float, Field(ge=MIN_CONTRAST)]

UPSAMPLERS = ("none", "linear", "dis")
"""Upsamplers that are known by name; any other is a TorchScript file."""


class UniformDraw(Options):
    """A contrast threshold drawn once per clip from U(low, high); log-intensity units."""

    kind: Literal["uniform"] = "uniform"
    low: Threshold
    high: Threshold

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not exceed high {self.high}")
        return self


class NormalDraw(Options):
    """A contrast threshold drawn once per clip from N(mean, sigma), clipped to [low, high]; log-intensity units."""

    kind: Literal["normal"] = "normal"
    mean: PositiveFloat
    sigma: NonNegativeFloat
    low: Threshold = 0.01
    high: Threshold | None = None


class RatioDraw(Options):
    """The OFF threshold as the ON threshold times N(mean, sigma), clipped to [low, high]; drawn once per clip."""

    kind: Literal["ratio"] = "ratio"
    mean: PositiveFloat = 1.0
    sigma: NonNegativeFloat = 0.1
    low: Threshold = 0.01
    high: Threshold | None = None


Draw = Annotated[UniformDraw | NormalDraw, Field(discriminator="kind")]
DependentDraw = Annotated[UniformDraw | NormalDraw | RatioDraw, Field(discriminator="kind")]


class NoiseOptions(Options):
    """What a real sensor adds. Every term is off by default and drawn from the simulation's seed.

    Refractory time is not here: it belongs to the pixel and stands in `SimulationOptions.refractory_us`.
    """

    threshold_sigma: NonNegativeFloat = 0.0
    """Standard deviation of both thresholds from pixel to pixel; log-intensity units."""

    cutoff_hz: NonNegativeFloat = 0.0
    """Cut-off of a white pixel's first-order low-pass in Hz; falls with the gray value as (I + 20) / 275. 0 = none."""

    leak_rate_hz: NonNegativeFloat = 0.0
    """ON events per second and pixel without any change of light."""

    leak_spread_decades: NonNegativeFloat = 0.0
    """Standard deviation of log10 of the leak rate from pixel to pixel."""

    leak_jitter: float = Field(default=0.0, ge=0, le=0.25)
    """Relative standard deviation of a pixel's leak from frame to frame (of upsampled frames too)."""

    shot_rate_hz: NonNegativeFloat = 0.0
    """Random events (ON and OFF alike) per second of a black pixel; a white one has a quarter of it."""

    hot_pixels: tuple[tuple[int, int], ...] = ()
    """Given hot pixels as (y, x)."""

    hot_pixel_count: int = Field(default=0, ge=0)
    """Further hot pixels, drawn."""

    hot_pixel_rate_hz: PositiveFloat = 200.0
    """ON events per second of a hot pixel without any change of light."""

    jitter_us: NonNegativeFloat = 0.0
    """Standard deviation of the read-out's error of an event's time, microseconds."""

    latency_us: float = Field(default=0.0, ge=0, le=US_PER_S)
    """How much later than it happened an event is stamped, microseconds; the last ones of a video are lost by it."""

    latency_dark_us: float = Field(default=0.0, ge=0, le=US_PER_S)
    """What a black pixel has on top of `latency_us`; it falls with the gray value as 20 / (I + 20)."""

    def scaled(self, strength: float) -> "NoiseOptions":
        """Every term made weaker (0: none, 1: these): rates, spreads and delays times the strength, the low-pass's
        cut-off divided by it."""
        if strength <= 0:
            return NoiseOptions()
        rest = {name: getattr(self, name) * strength for name in _SCALED}
        hot = {"hot_pixel_count": round(self.hot_pixel_count * strength), "hot_pixel_rate_hz": self.hot_pixel_rate_hz}
        return NoiseOptions(cutoff_hz=self.cutoff_hz / strength, hot_pixels=self.hot_pixels, **hot, **rest)

    @property
    def moves_times(self) -> bool:
        """Whether the read-out stamps events at other times than they happened at (`read_out.py`)."""
        return self.jitter_us > 0 or self.latency_us > 0 or self.latency_dark_us > 0

    @property
    def within_pixels(self) -> list[str]:
        """The terms that are on and act on pixels, not on the read-out; by name."""
        terms = ("threshold_sigma", "cutoff_hz", "leak_rate_hz", "shot_rate_hz", "hot_pixels", "hot_pixel_count")
        return [name for name in terms if getattr(self, name)]


_SCALED = (
    "threshold_sigma",
    "leak_rate_hz",
    "leak_spread_decades",
    "leak_jitter",
    "shot_rate_hz",
    "jitter_us",
    "latency_us",
    "latency_dark_us",
)


class NoiseStrength(Options):
    """How strong the noise of a clip is, drawn once per clip: none at all for a share of the clips, else U(low, high)
    times `SimulationOptions.noise`."""

    clean_share: float = Field(default=0.25, ge=0, le=1)
    low: NonNegativeFloat = 0.0
    high: NonNegativeFloat = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not exceed high {self.high}")
        return self


class SimulationOptions(Options):
    """How video becomes events; defaults are the preset `evtexture`.

    Give a preset and, where wished, single fields that override it: `SimulationOptions(preset="esim_py",
    contrast_pos=0.1)`; a mapping for `noise` overrides single terms, a NoiseOptions all of them. Thresholds are in
    log-intensity units, each a number or a draw.
    """

    preset: str = Field(default="evtexture", json_schema_extra={"enum": list(PRESETS)})

    law: Literal["esim_py", "esim_torch"] = "esim_py"
    """What makes an event (`reference.py` has both)."""

    contrast_pos: Threshold | Draw = UniformDraw(low=0.05, high=0.5)
    contrast_neg: Threshold | DependentDraw = RatioDraw(mean=1.0, sigma=0.1, low=0.02, high=0.5)
    refractory_us: int = Field(default=100, ge=0)
    log_eps: float = Field(default=1e-3, gt=0, le=1)
    upsample: str = Field(default="dis", examples=[*UPSAMPLERS, "a TorchScript file"])
    """One of UPSAMPLERS, or the path of a TorchScript file (evfi.simulation.torchscript says what it must hold)."""

    gamma_to_linear: bool = False
    """Undo the sRGB curve before the logarithm, so that events follow light; off, they follow the file's values."""

    max_subframes: PositiveInt = 16
    backend: Literal["numba", "reference", "torch", "esim_torch", "auto"] = "numba"
    """What computes; numba, reference and torch give the same events. `auto`: numba on the CPU, else torch."""

    device: str = Field(default="cpu", pattern=r"^[a-z]+(:\d+)?$")
    """Where `torch` and `esim_torch` compute: cpu, cuda, cuda:1, …"""

    noise: NoiseOptions = NoiseOptions()
    noise_strength: NoiseStrength | None = Field(
        default=None,
        exclude_if=lambda value: value is None,  # it came later: older receipts keep their options' JSON
        description="every clip has the noise at a strength of its own; null = all of it",
    )

    @field_validator("contrast_pos", "contrast_neg", mode="before")
    @classmethod
    def _large_enough(cls, given: Any) -> Any:
        """Said here in one line; the union would say it once for each of its members."""
        if isinstance(given, int | float) and not given >= MIN_CONTRAST:
            raise ValueError(f"a contrast threshold must be at least {MIN_CONTRAST}, got {given}")
        return given

    @field_validator("upsample")
    @classmethod
    def _name_or_file(cls, given: str) -> str:
        if given not in UPSAMPLERS and not set(given) & {".", "/"}:
            raise ValueError(f"expected {', '.join(UPSAMPLERS)} or the path of a TorchScript file, got {given!r}")
        return given

    @model_validator(mode="before")
    @classmethod
    def _filled_from_preset(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        preset = given.get("preset", "evtexture")
        if not isinstance(preset, str) or preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
        filled = {**PRESETS[preset], "preset": preset, **given}
        if isinstance(filled.get("noise"), Mapping):
            filled["noise"] = {**PRESETS[preset].get("noise", {}), **filled["noise"]}
        return filled

    @model_validator(mode="after")
    def _backend_can(self) -> Self:
        if self.backend in ("numba", "reference") and self.device != "cpu":
            raise ValueError(
                f"backend {self.backend} computes on the cpu, not on {self.device!r}: choose backend torch or auto"
            )
        if self.backend == "esim_torch":
            if self.law != "esim_torch":
                raise ValueError(
                    f"backend esim_torch follows the law esim_torch, not {self.law}: choose preset or law esim_torch"
                )
            if terms := self.noise.within_pixels:
                raise ValueError(f"backend esim_torch cannot do noise.{terms[0]}: choose backend numba or torch")
        return self

    def replaced(self, **changes: object) -> Self:
        """A validated copy with some fields changed.

        Raises:
            UserError: `preset` is among the changes (its values would be hidden by the present ones).
        """
        if "preset" in changes:
            raise UserError("a preset cannot be replaced in finished options: build new SimulationOptions(preset=...)")
        return super().replaced(**changes)
