"""The backend `torch`: all pixels of an interval at once, on any device that has float64.

It does the reference's operations in the reference's order, each one an IEEE operation of its own, on the same table of
logarithms; on the CPU its events are the reference's, exactly. Tolerance stated for other devices: 1 event in 100,000
may be absent or another, and times may differ by 1 us (their division may round the last bit otherwise).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evfi.errors import UserError
from evfi.simulation.intensity import LogTable, gray_shift
from evfi.simulation.noise import noise_tables
from evfi.simulation.pixels import PixelModel, PixelState
from evfi.simulation.random_bits import NORMAL_BITS
from evfi.simulation.torch_noise import TensorTables, mixed, shots_of, upper_bits
from evfi.types import Events
from evfi.units import NS_PER_US

_Found = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False, slots=True)
class _Pixels:
    """PixelModel and PixelState, flat (H*W,), on the device; the state is changed in place."""

    contrast_pos: Tensor
    contrast_neg: Tensor
    level: Tensor
    last_tick: Tensor
    filtered: Tensor | None
    leaked: Tensor | None


class TorchBackend:
    """A backend (`backends.Backend`) on one device."""

    def __init__(self, device: str) -> None:
        try:
            self.device = torch.device(device)
            torch.zeros(1, dtype=torch.float64, device=self.device).cpu()
        except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"torch cannot compute in float64 on device {device!r} ({reason}): choose another"
            ) from None

    @torch.no_grad()
    def __call__(
        self, model: PixelModel, state: PixelState, indices: NDArray, t_us: NDArray[np.int64], table: LogTable
    ) -> Events:
        """Events of the intervals between n + 1 frames, in canonical order; `state` moves to the last of them."""
        pixels = self._pixels(model, state)
        tables = TensorTables.on(self.device, noise_tables(model, np.diff(t_us)))
        # torch cannot index by uint16
        index = self._moved(indices.reshape(len(indices), -1).astype(np.int32))
        log, shift = self._moved(table.values), gray_shift(indices.dtype)
        found: list[_Found] = []
        later = log[index[0]]
        for k, (start_us, end_us) in enumerate(zip(t_us[:-1].tolist(), t_us[1:].tolist(), strict=True)):
            span = _Span(k, state.interval, float(start_us - state.origin_us), float(end_us - state.origin_us))
            earlier, later = later, log[index[k + 1]]
            prev, new = _filtered(pixels, tables, span, earlier, later, index[k + 1] >> shift)
            prev, new = _leaked(model, pixels, tables, span, prev, new)
            parts = _events_of_interval(model, pixels, tables, span, prev, new, index[k] >> shift)
            found += [(after + (start_us - int(t_us[0])), at, p, kept) for after, at, p, kept in parts]
            state.interval += 1
        self._return(pixels, state)
        return _columns(found, int(t_us[0]), model)

    def _pixels(self, model: PixelModel, state: PixelState) -> _Pixels:
        def flat(values: NDArray[np.float64]) -> Tensor:
            return self._moved(values.reshape(-1))

        return _Pixels(
            contrast_pos=flat(model.contrast_pos),
            contrast_neg=flat(model.contrast_neg),
            level=flat(state.level),
            last_tick=flat(state.last_tick),
            filtered=None if state.filtered is None else flat(state.filtered),
            leaked=None if state.leaked is None else flat(state.leaked),
        )

    def _return(self, pixels: _Pixels, state: PixelState) -> None:
        for name in ("level", "last_tick", "filtered", "leaked"):
            target, source = getattr(state, name), getattr(pixels, name)
            if target is not None:
                target[...] = source.cpu().numpy().reshape(target.shape)

    def _moved(self, values: NDArray) -> Tensor:
        return torch.tensor(values, device=self.device)


@dataclass(frozen=True, slots=True)
class _Span:
    """One interval: its number in this call, its number in all, its start and end in microseconds after the origin."""

    k: int
    interval: int
    from_us: float
    to_us: float

    @property
    def dt_us(self) -> float:
        return self.to_us - self.from_us


def _filtered(
    pixels: _Pixels, noise: TensorTables, span: _Span, prev: Tensor, new: Tensor, gray: Tensor
) -> tuple[Tensor, Tensor]:
    """What the low-pass gives at the start and the end of the interval."""
    if pixels.filtered is None:
        return prev, new
    before = pixels.filtered.clone()
    pixels.filtered.add_(noise.low_pass[span.k][gray] * (new - before))
    return before, pixels.filtered


def _leaked(
    model: PixelModel, pixels: _Pixels, noise: TensorTables, span: _Span, prev: Tensor, new: Tensor
) -> tuple[Tensor, Tensor]:
    """With what leak adds at the start and the end of the interval."""
    if model.drift_per_us is None:
        return prev, new
    drift = noise.drift_per_us
    if pixels.leaked is None:
        return prev + drift * span.from_us, new + drift * span.to_us
    every = torch.arange(drift.numel(), device=drift.device)
    factor = noise.leak_factor[upper_bits(mixed(mixed(noise.leak_seed + span.interval) + every), NORMAL_BITS)]
    prev = prev + pixels.leaked
    pixels.leaked.add_(drift * factor * span.dt_us)
    return prev, new + pixels.leaked


def _events_of_interval(
    model: PixelModel, pixels: _Pixels, noise: TensorTables, span: _Span, prev: Tensor, new: Tensor, gray: Tensor
) -> list[_Found]:
    """(whole microseconds after the interval's start, flat pixel, polarity, not refracted), one part per round.

    A round takes the next thing that happens to each pixel, a crossing or a shot; pixels drop out when they are done.
    """
    moved = (new >= pixels.level + pixels.contrast_pos) | (new <= pixels.level - pixels.contrast_neg)
    shots = shots_of(noise, span.k, span.interval, gray)
    at = torch.nonzero(moved if shots is None else moved | (shots.number > 0))[:, 0]
    if not at.numel():
        return []
    prev, new, here, last = prev[at], new[at], pixels.level[at], pixels.last_tick[at]
    rising = new > here if model.by_level else new > prev
    step = torch.where(rising, pixels.contrast_pos[at], -pixels.contrast_neg[at])
    us_per_log = torch.where(new != prev, span.dt_us / (new - prev), 0.0)
    queue = None if shots is None else shots.of_pixels(at, span.dt_us)
    found: list[_Found] = []
    while True:
        crossing = here + step
        after_us = torch.where(
            _crosses(model, crossing, prev, new, rising), ((crossing - prev) * us_per_log).clamp_min(0.0), torch.inf
        )
        p, crossed = rising, torch.ones_like(rising)
        if queue is not None:
            after_us, p, crossed = queue.earlier(after_us, rising)
        going = torch.nonzero(torch.isfinite(after_us))[:, 0]
        if not going.numel():
            return found
        if going.numel() < at.numel():
            at, prev, new, rising, step, us_per_log = (v[going] for v in (at, prev, new, rising, step, us_per_log))
            here, last, crossing, after_us, p, crossed = (
                v[going] for v in (here, last, crossing, after_us, p, crossed)
            )
            queue = None if queue is None else queue.kept(going)
        here = torch.where(crossed, crossing, here)
        tick = _ticks(model, span.from_us, after_us)
        kept = tick - last >= model.refractory_ticks
        last = torch.where(kept, tick, last)
        pixels.level[at], pixels.last_tick[at] = here, last
        found.append((after_us.to(torch.int64).clamp_max(int(span.dt_us) - 1), at, p, kept))


def _crosses(model: PixelModel, crossing: Tensor, prev: Tensor, new: Tensor, rising: Tensor) -> Tensor:
    reached = torch.where(rising, crossing <= new, new <= crossing)
    return reached if model.by_level else reached & torch.where(rising, prev < crossing, crossing < prev)


def _ticks(model: PixelModel, from_us: float, after_us: Tensor) -> Tensor:
    return from_us * NS_PER_US + torch.floor(after_us * NS_PER_US) if model.by_level else from_us + after_us


def _columns(found: list[_Found], start_us: int, model: PixelModel) -> Events:
    """Sorted by time and then by pixel and polarity, which is canonical order."""
    size = model.sensor_size
    if not found:
        return Events.empty(size)
    t, at, p, kept = (torch.cat(parts) for parts in zip(*found, strict=True))
    t, at, p = t[kept], at[kept], p[kept]
    place = torch.argsort(at * 2 + p)
    place = place[torch.argsort(t[place], stable=True)]
    t, at, p = (column[place].cpu().numpy() for column in (t, at, p))
    return Events((at % size.width).astype(np.uint16), (at // size.width).astype(np.uint16), t + start_us, p, size)
