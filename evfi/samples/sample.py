"""One training or test item: boundary frames, events between them, and the frame to predict."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.samples.needs import SampleTimes
from evfi.types import Events, SensorSize

Image = NDArray[np.uint8]
Flow = NDArray[np.float32]
FloatImage = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class NeighbourFlows:
    """Forward flows, float32 (H, W, 2), (dx, dy) in pixels, from either boundary frame to the other one and to the
    context frame on its own side (None: there is none).
    """

    flow01: Flow
    flow10: Flow
    to_before: Flow | None
    to_after: Flow | None


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """Images are uint8 (H, W, 3) RGB (gray replicated); events lie in [t0_us, t1_us) on the frames' pixels.

    `target` is None at inference; `before` and `after` are the context frames outside the pair and `before_us`,
    `after_us` their times, None where there is none or the family does not need them. The same holds for
    `outer_events`, which lie in `outer_window`, and for `flow0` and `flow1`, which only a training sample has: float32
    (H, W, 2), the forward flows (dx, dy) in pixels from the boundary frames to the target. `neighbours` are flows among
    the frames without the target, where they were computed before. `flow_frame` is the frame that flow of the boundary
    frames predicts, float32 (H, W, 3) in [0, 1], where the family asks for it.
    """

    sample_id: str
    sequence: str
    frame0: Image
    frame1: Image
    target: Image | None
    events: Events
    t0_us: int
    t1_us: int
    t_us: int
    before: Image | None = None
    after: Image | None = None
    before_us: int | None = None
    after_us: int | None = None
    outer_events: Events | None = None
    flow0: Flow | None = None
    flow1: Flow | None = None
    neighbours: NeighbourFlows | None = None
    flow_frame: FloatImage | None = None

    def __post_init__(self) -> None:
        if not self.t0_us < self.t_us < self.t1_us:
            raise UserError(
                f"sample {self.sample_id}: the target time must lie between the boundary frames, "
                f"got t0 {self.t0_us}, t {self.t_us}, t1 {self.t1_us} µs"
            )
        if self.frame0.shape != self.frame1.shape or self.frame0.shape[:2] != (
            self.events.sensor_size.height,
            self.events.sensor_size.width,
        ):
            raise UserError(
                f"sample {self.sample_id}: frames and events must share one size, got frames "
                f"{self.frame0.shape[:2]} and {self.frame1.shape[:2]}, events {self.events.sensor_size}"
            )

    @property
    def tau(self) -> float:
        """Where the target lies between the boundary frames, in (0, 1)."""
        return self.times.tau

    @property
    def outer_window(self) -> tuple[int, int]:
        """Start and end in µs of the outer events: the context frames' times, or the boundary frame's without one."""
        return self.times.outer_window

    @property
    def times(self) -> SampleTimes:
        return SampleTimes(self.t0_us, self.t1_us, self.t_us, self.before_us, self.after_us)

    @property
    def sensor_size(self) -> SensorSize:
        return self.events.sensor_size


def is_gray(image: Image) -> bool:
    """Whether an (H, W, 3) image holds one gray channel three times."""
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all())


def as_rgb(image: Image) -> Image:
    """A gray (H, W) image as (H, W, 3); a colour one unchanged."""
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
