"""Options of the demo data set: everything that changes its bytes (the number of workers does not)."""

from typing import Self

from pydantic import Field, model_validator

from evfi.options import Options
from evfi.units import US_PER_S
from evfi.versions import ALGO_VERSIONS

DEMO_ALGO_VERSION = ALGO_VERSIONS["demo"]


class DemoOptions(Options):
    """What `write_demo_data` renders. The defaults are the embedded demo; `DemoOptions.smoke()` is a tiny one."""

    seed: int = Field(default=2026, ge=0, description="every picture, path, event and noise value follows from it")
    train_clips: int = Field(default=48, ge=1, le=9999)
    test_clips: int = Field(default=24, ge=1, le=9999)
    clips_per_folder: int = Field(
        default=4, ge=1, le=9999, description="clips of a five-digit folder share a photograph"
    )
    clip_width: int = Field(default=128, ge=32, le=1024)
    clip_height: int = Field(default=96, ge=32, le=1024)
    train_recordings: int = Field(default=2, ge=0, le=8)
    test_recordings: int = Field(default=1, ge=0, le=8)
    recording_width: int = Field(default=240, ge=32, le=1024)
    recording_height: int = Field(default=180, ge=32, le=1024)
    recording_seconds: float = Field(default=6.0, ge=0.5, le=30)
    fps: int = Field(default=25, ge=5, le=60, description="frames a second of the recordings")
    event_renders_per_second: int = Field(default=1000, ge=100, le=10_000)
    truth_per_gap: int = Field(
        default=3, ge=1, le=15, description="held-out true frames between two frames of a recording"
    )
    exposure_min_us: int = Field(default=1_000, ge=100)
    exposure_max_us: int = Field(default=10_000, ge=100)
    read_noise_dn: float = Field(default=1.2, ge=0, le=20, description="standard deviation in 8-bit steps")

    @model_validator(mode="after")
    def _exposures_fit(self) -> Self:
        if self.exposure_min_us > self.exposure_max_us:
            raise ValueError(f"exposure_min_us {self.exposure_min_us} exceeds exposure_max_us {self.exposure_max_us}")
        if self.exposure_max_us > US_PER_S // self.fps // 2:
            raise ValueError(
                f"exposure_max_us {self.exposure_max_us} must not exceed half a frame period "
                f"({US_PER_S // self.fps // 2} at fps {self.fps})"
            )
        return self

    @classmethod
    def smoke(cls) -> Self:
        """The smallest data set that still has every kind of file: rendered in seconds, for smoke runs and tests."""
        return cls(
            train_clips=3,
            test_clips=3,
            clips_per_folder=1,
            clip_width=64,
            clip_height=48,
            train_recordings=1,
            recording_width=120,
            recording_height=90,
            recording_seconds=1.0,
        )

    def recording_names(self) -> list[str]:
        """Names of the recordings: train0, train1, …, test0, …"""
        return [f"train{number}" for number in range(self.train_recordings)] + self.truth_names()

    def truth_names(self) -> list[str]:
        """Names of the recordings that come with held-out true frames: those for testing."""
        return [f"test{number}" for number in range(self.test_recordings)]
