"""Events from video: the simulator, whole or in a stream.

Times are integer microseconds: an event belongs to the half-open interval [t_k, t_k+1) between the frames that caused
it, and its time is its crossing time rounded down. Refractory periods are counted in unrounded time.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.flow.provider import FlowProvider
from evfi.simulation.backends import Backend, backend_for, resolved
from evfi.simulation.checks import checked_times, gray_stack, size_of_first
from evfi.simulation.event_keys import LONGEST_US
from evfi.simulation.intensity import log_table, table_indices
from evfi.simulation.noise import draw_pixels
from evfi.simulation.options import SimulationOptions
from evfi.simulation.pixels import PixelModel, PixelState
from evfi.simulation.read_out import ReadOut
from evfi.simulation.thresholds import Contrast, draw_contrast, with_drawn_noise
from evfi.simulation.upsample import Upsampler
from evfi.types import Events, SensorSize

_LARGEST_SIDE = 1 << 16


def simulate(
    frames: Sequence[NDArray] | NDArray,
    t_us: Sequence[int] | NDArray[np.int64],
    options: SimulationOptions | None = None,
    *,
    seed: int = 0,
    flow: FlowProvider | None = None,
) -> Events:
    """Events of a video, in canonical order, in [t_us[0], t_us[-1]).

    Args:
        frames: (N, H, W) gray or (N, H, W, 3) RGB, uint8 (gray may also be float in [0, 255]); N >= 2. Colour becomes
            Rec. 601 luminance.
        t_us: (N,) increasing integer microseconds.
        options: default: the preset `evtexture`, which upsamples by DIS flow.
        seed: thresholds and noise are drawn from it.
        flow: where the upsampler takes motion from (default: DIS).

    Raises:
        UserError: fewer than two frames, sizes that differ, NaN, 16-bit frames, times that do not increase.
    """
    size = size_of_first(frames)
    simulator = Simulator(size, options, seed=seed, flow=flow)
    return Events.concatenated([simulator.feed(frames, t_us), simulator.finish()], size)


class Simulator:
    """One simulated sensor that is fed frames, chunk by chunk; however they are cut, the events are the same.

    options: as given, `auto` replaced by the backend it chose, and the noise as strong as drawn for this clip.
    contrast: the thresholds drawn for this clip. pixels: what was drawn for each pixel. subframes: upsampled steps in
    each interval so far. bounded: in how many intervals `max_subframes` was fewer than motion asked for.
    advance: the backend's function.
    """

    def __init__(
        self,
        sensor_size: SensorSize,
        options: SimulationOptions | None = None,
        *,
        seed: int = 0,
        flow: FlowProvider | None = None,
    ) -> None:
        if not (0 < sensor_size.height <= _LARGEST_SIDE and 0 < sensor_size.width <= _LARGEST_SIDE):
            raise UserError(f"cannot simulate a sensor of {sensor_size}: each side must be 1 to {_LARGEST_SIDE} pixels")
        self.sensor_size = sensor_size
        self.options = with_drawn_noise(resolved(options or SimulationOptions()), seed)
        self.contrast: Contrast = draw_contrast(self.options, seed)
        self.pixels: PixelModel = draw_pixels(self.options, self.contrast, sensor_size, seed)
        self.subframes: list[int] = []
        self.bounded = 0
        self._upsampler = None
        if self.options.upsample != "none":
            self._upsampler = Upsampler(self.options.upsample, self.options.max_subframes, flow)
        self.advance: Backend = backend_for(self.options)
        self._read_out = ReadOut(self.options.noise, seed, sensor_size)
        self._state: PixelState | None = None
        self._last: NDArray | None = None
        self._last_us: int | None = None

    def feed(self, frames: Sequence[NDArray] | NDArray, t_us: Sequence[int] | NDArray[np.int64]) -> Events:
        """Events up to the last of these frames, in canonical order and after all events returned before.

        With jitter or latency, events near the end wait for the next call (or `finish`). Arguments and errors as
        `simulate`, but any number of frames will do, also none.
        """
        gray = gray_stack(frames, self.sensor_size, None if self._last is None else self._last.dtype)
        times = checked_times(t_us, len(gray), self._last_us)
        if not len(times):
            return Events.empty(self.sensor_size)
        if self._last is not None and self._last_us is not None:
            gray = np.concatenate([self._last[None], gray])
            times = np.concatenate([[self._last_us], times])
        events = [self._events(*stretch) for stretch in self._stretches(gray, times)]
        self._last, self._last_us = gray[-1].copy(), int(times[-1])
        return self._read_out.applied(Events.concatenated(events, self.sensor_size), int(times[0]), self._last_us)

    def finish(self) -> Events:
        """The events that still waited; like all others they lie before the last frame."""
        return self._read_out.rest()

    def _stretches(self, gray: NDArray, times: NDArray[np.int64]) -> Iterator[tuple[NDArray, NDArray[np.int64]]]:
        """Frames and times that the backend gets at once: two frames and what is upsampled between, or all frames."""
        if self._upsampler is not None:
            for k in range(len(times) - 1):
                interval = self._upsampler.between(gray[k], gray[k + 1], int(times[k]), int(times[k + 1]))
                self.subframes.append(interval.subframes)
                self.bounded += interval.bounded
                yield interval.gray, interval.t_us
            return
        self.subframes += [1] * (len(times) - 1)
        first = 0
        while first < len(times) - 1:
            last = int(np.searchsorted(times, times[first] + LONGEST_US, side="right")) - 1
            last = max(last, first + 1)  # alone too long: refused where it is used
            yield gray[first : last + 1], times[first : last + 1]
            first = last

    def _events(self, gray: NDArray, t_us: NDArray[np.int64]) -> Events:
        start_us, end_us = int(t_us[0]), int(t_us[-1])
        if end_us - start_us > LONGEST_US:
            raise UserError(f"two frames at {start_us} and {end_us} us lie more than {LONGEST_US} us apart: cut there")
        indices = table_indices(gray)
        table = log_table(indices.dtype, self.options.log_eps, self.options.gamma_to_linear)
        if self._state is None:
            self._state = PixelState.at_first_frame(self.pixels, table.values[indices[0]], start_us)
        events = self.advance(self.pixels, self._state, indices, t_us, table)
        return self._read_out.delayed(events, indices, t_us)
