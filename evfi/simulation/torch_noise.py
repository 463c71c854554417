"""Noise of the backend `torch`: the tables on a device, and the reference's random bits in int64 that wraps around."""

from dataclasses import dataclass

import torch
from numpy.typing import NDArray
from torch import Tensor

from evfi.simulation.noise import MAX_SHOTS, NoiseTables

_BITS = 64
_SIGN = -(1 << 63)


@dataclass(frozen=True, eq=False, slots=True)
class TensorTables:
    """`noise.NoiseTables` on a device; drift_per_us is flat, (H*W,)."""

    drift_per_us: Tensor
    leak_factor: Tensor
    leak_seed: int
    low_pass: Tensor
    shot_mean: Tensor
    shot_none: Tensor
    shot_seed: int

    @classmethod
    def on(cls, device: torch.device, noise: NoiseTables) -> "TensorTables":
        """The same tables on a device."""

        def moved(values: NDArray) -> Tensor:
            return torch.tensor(values, device=device)

        return cls(
            drift_per_us=moved(noise.drift_per_us.reshape(-1)),
            leak_factor=moved(noise.leak_factor),
            leak_seed=noise.leak_seed,
            low_pass=moved(noise.low_pass),
            shot_mean=moved(noise.shot_mean),
            shot_none=moved(noise.shot_none),
            shot_seed=noise.shot_seed,
        )


def mixed(value: Tensor | int) -> Tensor:
    """As `random_bits.mixed`, on 64 bits held as int64."""
    value = torch.as_tensor(_signed(value) if isinstance(value, int) else value)
    value = (value ^ upper_bits(value, _BITS - 30)) * _signed(0xBF58476D1CE4E5B9)
    value = (value ^ upper_bits(value, _BITS - 27)) * _signed(0x94D049BB133111EB)
    return value ^ upper_bits(value, _BITS - 31)


def upper_bits(value: Tensor, count: int) -> Tensor:
    """The upper bits of 64, as a number; int64 shifts would copy the sign."""
    return (value >> (_BITS - count)) & ((1 << count) - 1)


def _signed(value: int) -> int:
    """The int64 with the lowest 64 bits of an integer."""
    value &= (1 << _BITS) - 1
    return value - (1 << _BITS) if value >> (_BITS - 1) else value


def _fraction(bits: Tensor) -> Tensor:
    return upper_bits(bits, 53).to(torch.float64) * 2.0**-53


@dataclass(frozen=True, eq=False, slots=True)
class Shots:
    """Of every pixel (H*W,): its number of shots in an interval, and the random bits that they are drawn from."""

    number: Tensor
    bits: Tensor

    def of_pixels(self, at: Tensor, dt_us: float) -> "ShotQueue":
        """The shots of some pixels, each pixel's in the order of time."""
        number = self.number[at]
        places = torch.arange(max(1, int(number.max())), device=at.device)
        drawn = mixed(self.bits[at][:, None] + (places + 1))
        # unsigned order = signed order with the sign bit flipped; the largest number stands for none
        none = places[None, :] >= number[:, None]
        drawn = torch.where(none, torch.iinfo(torch.int64).max, drawn ^ _SIGN).sort(dim=1).values ^ _SIGN
        none = torch.cat([none, torch.ones_like(none[:, :1])], dim=1)
        drawn = torch.cat([drawn, torch.zeros_like(drawn[:, :1])], dim=1)
        after_us = torch.where(none, torch.inf, _fraction(drawn) * dt_us)
        return ShotQueue(after_us, (drawn & 1).bool(), torch.zeros_like(number))


@dataclass(eq=False, slots=True)
class ShotQueue:
    """Shots of n pixels: times (n, most + 1) in order, infinite behind the last; polarities; the next one's place."""

    after_us: Tensor
    p: Tensor
    next: Tensor

    def earlier(self, after_us: Tensor, rising: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of each pixel's next shot and crossing the earlier one, a crossing at equal times: time, polarity, whether
        it is a crossing. The shots that are taken leave the queue."""
        shot_us = self.after_us.gather(1, self.next[:, None])[:, 0]
        shot_p = self.p.gather(1, self.next[:, None])[:, 0]
        shot = shot_us < after_us
        self.next = self.next + shot
        return torch.where(shot, shot_us, after_us), torch.where(shot, shot_p, rising), ~shot

    def kept(self, going: Tensor) -> "ShotQueue":
        """The queue of some of the pixels."""
        return ShotQueue(self.after_us[going], self.p[going], self.next[going])


def shots_of(noise: TensorTables, k: int, interval: int, gray: Tensor) -> Shots | None:
    """How many shots each pixel has in an interval (Poisson, by inversion); None: shot noise is off.

    k: the interval's row of the tables. gray: (H*W,) 8-bit gray values of its earlier frame.
    """
    if not noise.shot_mean.numel():
        return None
    every = torch.arange(gray.numel(), device=gray.device)
    bits = mixed(mixed(noise.shot_seed + interval) + every)
    drawn = _fraction(bits)
    mean, term = noise.shot_mean[k][gray], noise.shot_none[k][gray]
    number, total = torch.zeros_like(every), term
    for count in range(1, MAX_SHOTS + 1):
        more = drawn >= total
        if not bool(more.any()):
            break
        number += more
        term = term * (mean / count)
        total = total + term
    return Shots(number, bits)
