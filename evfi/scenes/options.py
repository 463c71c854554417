"""Options of rendered scenes: what they may show, how many there are, and which sensors look at them."""

from typing import Annotated, Any, Self

from annotated_types import Ge, Gt, Le, Len
from pydantic import Field, model_validator

from evfi.options import Options
from evfi.simulation.options import NoiseStrength, SimulationOptions
from evfi.simulation.presets import PRESETS

Share = Annotated[float, Ge(0), Le(1)]
PixelsAnInterval = Annotated[float, Gt(0), Le(8)]
Side = Annotated[int, Ge(32), Le(512)]
Sizes = Annotated[tuple[tuple[Side, Side], ...], Len(1)]


class SceneOptions(Options):
    """What a rendered scene may be. A frame interval is the time between two of its true frames."""

    sizes: Sizes = Field(
        default=((80, 96), (96, 80), (72, 104), (88, 88)),
        description="sensor sizes (height, width) of scenes to train on, drawn evenly; no smaller than the crops",
    )
    measured_sizes: Sizes = Field(
        default=((96, 128), (112, 112), (128, 96), (104, 120)), description="of scenes to validate on and to test"
    )
    frames: Annotated[int, Ge(3), Le(65)] = Field(default=17, description="true frames of a scene: skips up to 15")
    interval_us: tuple[Annotated[int, Ge(1_000)], int] = Field(
        default=(2_000, 20_000), description="frame intervals, log-uniform between these"
    )
    camera_px: tuple[PixelsAnInterval, PixelsAnInterval] = Field(
        default=(0.2, 2.5), description="camera speeds in pixels per frame interval, log-uniform between these"
    )
    layer_px: tuple[PixelsAnInterval, PixelsAnInterval] = Field(
        default=(0.6, 5.0), description="speeds of the layers before the background, likewise"
    )
    layers: tuple[Annotated[int, Ge(1)], Annotated[int, Le(12)]] = (1, 5)
    gray_share: Share = Field(default=0.3, description="scenes with one channel")
    still_camera_share: Share = Field(default=0.25, description="scenes whose camera stands on a tripod")
    procedural_share: Share = Field(default=0.4, description="surfaces that show no photograph")
    transparent_share: Share = Field(default=0.2, description="layers that let through what lies behind them")
    steady_light_share: Share = Field(default=0.4, description="scenes whose light does not change")
    max_steps: Annotated[int, Ge(2), Le(16)] = Field(
        default=8, description="most moments rendered in a frame interval; there are as many as motion has pixels"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("interval_us", "camera_px", "layer_px", "layers"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: {low} must not exceed {high}")
        return self


_WIDE_NOISE = SimulationOptions(
    preset="evtexture", noise=PRESETS["v2e_noisy"]["noise"], noise_strength=NoiseStrength(clean_share=0.25)
)


class ScenesConfig(Options):
    """Scenes that are rendered for this run. Their events are simulated when samples are read, and never stored."""

    train: Annotated[int, Ge(0)] = Field(default=2048, description="scenes to train on")
    validation: Annotated[int, Ge(0)] = Field(default=32, description="scenes with held-out photographs")
    test: Annotated[int, Ge(0)] = Field(default=24, description="scenes with yet other photographs")
    shard_size: Annotated[int, Ge(1)] = Field(default=128, description="scenes rendered by one job")
    render: SceneOptions = SceneOptions()
    sensor: SimulationOptions = Field(
        default=_WIDE_NOISE,
        description="of training and validation: thresholds over a wide law, noise from none to v2e's for a dim scene",
    )
    test_sensors: dict[str, SimulationOptions] = Field(
        default={
            "clean": SimulationOptions(preset="evtexture"),
            "noisy": SimulationOptions(preset="evtexture", noise=PRESETS["v2e_noisy"]["noise"]),
        },
        description="each gives a data set of its own, such as scenes_clean",
    )

    def counts(self) -> dict[str, int]:
        """Scenes of each split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def shards(self, part: str) -> list[str]:
        """Names of the shards of an index, such as train-00003; validation shards belong to the training index."""
        splits = {"train": ("train", "validation"), "test": ("test",)}[part]
        return [
            f"{split}-{number:05d}" for split in splits for number in range(-(-self.counts()[split] // self.shard_size))
        ]

    def block(self, shard: str) -> tuple[str, int, int]:
        """A shard's split, the number of its first scene, and how many scenes it has."""
        split, _, number = shard.rpartition("-")
        first = int(number) * self.shard_size
        return split, first, min(self.shard_size, self.counts()[split] - first)

    def sensors_of(self, split: str) -> dict[str, SimulationOptions]:
        """The sensors that look at a split's scenes, by data set."""
        if split == "test":
            return {f"scenes_{name}": sensor for name, sensor in self.test_sensors.items()}
        return {"scenes": self.sensor}

    def slice_of(self, split: str) -> dict[str, Any]:
        """What decides the bytes of a split's stores, as `evfi render-scenes --options` takes it."""
        sensors = {"test_sensors"} if split == "test" else {"sensor"}
        return self.model_dump(mode="json", include={"render"} | sensors)
