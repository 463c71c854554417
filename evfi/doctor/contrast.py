"""Time offset between frames and events, and contrast thresholds C+ and C-, each with its 95 % interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evfi.doctor.contrast_sums import MARGIN_US, Gap, Sums, gap_after, sums_of
from evfi.doctor.findings import Finding, Verdict
from evfi.io.recording import FrameStream, Recording
from evfi.units import US_PER_MS

_MOST_INTERVALS = 24
_FEWEST_INTERVALS = 4
_MOST_EVENTS = 2_000_000 // 4
_FEWEST_PIXELS = 300
_LEAST_R2 = 0.3
_COARSE_US = US_PER_MS * np.arange(-20, 21, 2, dtype=np.float64)
_FINE_US = US_PER_MS * np.arange(-4, 5, dtype=np.float64)
_BOOTSTRAPS = 300
_QUANTILES = (0.025, 0.975)
_OFFSET_SYSTEMATIC_US = 400.0
"""What the half-gap correction leaves: at most 0.28 ms on twenty simulated recordings (ten are in tests/doctor)."""
_CONTRAST_SYSTEMATIC = 0.05
"""Relative; for 8-bit frames, unlike pixels, and the mean of a log taken for the log of a mean."""
_HARMLESS_OFFSET_US = 1.0 * US_PER_MS
_PIXEL_LATENCY_US = 5.0 * US_PER_MS
"""What slow pixels alone make events late by (docs/decisions/0008-late-events.md)."""
_WIDEST_OFFSET_US = 5.0 * US_PER_MS
_WIDEST_CONTRAST = 0.3
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; or why it cannot be told (then the numbers are NaN)."""

    value: float
    low: float
    high: float
    problem: str = ""

    @classmethod
    def unknown(cls, problem: str) -> "Estimate":
        """Not identifiable."""
        return cls(float("nan"), float("nan"), float("nan"), problem)


@dataclass(frozen=True, slots=True)
class Estimates:
    """offset_us: how much later than the frames' clock the events' clock shows the same moment."""

    offset_us: Estimate
    contrast_pos: Estimate
    contrast_neg: Estimate

    @classmethod
    def unknown(cls, problem: str) -> "Estimates":
        """None of the three is identifiable."""
        return cls(*(Estimate.unknown(problem),) * 3)


def estimate(recording: Recording, spoilt: NDArray[np.bool_], seed: int = 0) -> Estimates:
    """Fit offset and thresholds on up to 24 intervals between frames, spread evenly over the recording.

    Args:
        spoilt: pixels (H, W) to leave out, e.g. hot ones.
        seed: of the bootstrap over intervals.
    """
    frames = recording.frames
    if frames is None or len(frames) <= _FEWEST_INTERVALS or not recording.event_count:
        return Estimates.unknown(f"needs events and more than {_FEWEST_INTERVALS} frames")
    gaps = _gaps(recording, frames, spoilt)
    if len(gaps) < _FEWEST_INTERVALS:
        return Estimates.unknown(f"only {len(gaps)} intervals lie within the events and are short enough")
    coarse = [sums_of(gap, _COARSE_US) for gap in gaps[:: max(1, len(gaps) // 8)]]
    pixels = sum(sums.pixels for sums in coarse)
    if pixels < _FEWEST_PIXELS:
        return Estimates.unknown(f"{pixels} pixels with several events between two frames, needs {_FEWEST_PIXELS}")
    best = int(np.argmax(_explained(coarse)))
    if best in (0, len(_COARSE_US) - 1):
        return Estimates.unknown("frames and events fit best at an offset of 20 ms or more, or nowhere")
    shifts = _COARSE_US[best] + _FINE_US
    fine = [sums_of(gap, shifts) for gap in gaps]
    explained = _explained(fine)
    if explained.max() < _LEAST_R2:
        return Estimates.unknown(f"events explain {explained.max():.2f} of the frames' changes, needs {_LEAST_R2}")
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(gaps), (_BOOTSTRAPS, len(gaps)))
    offset = _offset(fine, shifts, explained, drawn)
    at = 0.0 if offset.problem else offset.value
    return Estimates(offset, *_contrasts(gaps, at, drawn))


def estimate_findings(estimates: Estimates) -> list[Finding]:
    """The three lines of the table."""
    offset = estimates.offset_us
    found = []
    if offset.problem:
        found.append(_unknown("time offset", offset))
    else:
        said = (
            f"events {offset.value / US_PER_MS:+.2f} ms against frames "
            f"({offset.low / US_PER_MS:+.2f} to {offset.high / US_PER_MS:+.2f})"
        )
        values = {"offset_us": offset.value, "low_us": offset.low, "high_us": offset.high}
        verdict = _offset_verdict(offset)
        if verdict == "not identifiable":
            said += ": clocks that differ, or pixels of some 100 Hz; the data cannot tell which"
        advice = "" if verdict == "ok" else f"evfi ingest … --frame-shift-us {round(offset.value)}, once you trust it"
        found.append(Finding("time offset", said, verdict, advice, values))
    for name, one in (("C+", estimates.contrast_pos), ("C-", estimates.contrast_neg)):
        check = f"contrast threshold {name}"
        if one.problem:
            found.append(_unknown(check, one))
            continue
        values = {"value": one.value, "low": one.low, "high": one.high}
        found.append(Finding(check, f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})", values=values))
    return found


def _offset_verdict(offset: Estimate) -> Verdict:
    """Events that come before their light are wrong; late ones only where slow pixels do not explain it."""
    if offset.high < -_HARMLESS_OFFSET_US or offset.low > _PIXEL_LATENCY_US:
        return "wrong"
    return "not identifiable" if offset.low > _HARMLESS_OFFSET_US else "ok"


def _unknown(check: str, one: Estimate) -> Finding:
    return Finding(check, one.problem, "not identifiable", "needs motion before texture, seen by both streams")


def _gaps(recording: Recording, frames: FrameStream, spoilt: NDArray[np.bool_]) -> list[Gap]:
    """Intervals with events on both sides of both frames; long or crowded ones are passed over."""
    middle = np.median(np.diff(frames.t_us))
    inside = [
        k
        for k in range(len(frames) - 1)
        if frames.exposure_start_us[k] - MARGIN_US >= recording.start_us
        and frames.exposure_end_us[k + 1] + MARGIN_US < recording.end_us
        and frames.t_us[k + 1] - frames.t_us[k] <= 1.5 * middle
    ]
    chosen = np.unique(np.linspace(0, len(inside) - 1, min(len(inside), _MOST_INTERVALS)).round().astype(int))
    gaps = [gap_after(recording, frames, inside[k], spoilt) for k in chosen] if inside else []
    return [gap for gap in gaps if len(gap.t) <= _MOST_EVENTS]


def _explained(parts: list[Sums]) -> Array:
    """R² (about zero) of the fit at each shift."""
    gram, right = _added(parts)
    square = sum(part.square for part in parts)
    solved = np.linalg.pinv(gram) @ right[..., None]
    return (right[..., None, :] @ solved)[..., 0, 0] / max(square, np.finfo(np.float64).tiny)


def _added(parts: list[Sums]) -> tuple[Array, Array]:
    return np.sum([part.gram for part in parts], axis=0), np.sum([part.right for part in parts], axis=0)


def _offset(fine: list[Sums], shifts: Array, explained: Array, drawn: NDArray[np.int64]) -> Estimate:
    value = _peak(shifts, explained)
    draws = [_peak(shifts, _explained([fine[k] for k in row])) for row in drawn]
    low, high = np.quantile(draws, _QUANTILES)
    low, high = _widened(value, float(low), float(high), _OFFSET_SYSTEMATIC_US)
    if high - low > 2 * _WIDEST_OFFSET_US:
        return Estimate.unknown(f"the offset could be anything from {low / US_PER_MS:.1f} to {high / US_PER_MS:.1f} ms")
    return Estimate(value, low, high)


def _peak(shifts: Array, explained: Array) -> float:
    """The place of the maximum, by a parabola through it and its neighbours."""
    k = int(np.clip(np.argmax(explained), 1, len(shifts) - 2))
    left, top, right = explained[k - 1 : k + 2]
    bend = left - 2 * top + right
    step = 0.0 if bend >= 0 else 0.5 * (left - right) / bend
    return float(shifts[k] + np.clip(step, -1, 1) * (shifts[1] - shifts[0]))


def _contrasts(gaps: list[Gap], offset_us: float, drawn: NDArray[np.int64]) -> tuple[Estimate, Estimate]:
    """From three ways to count: their middle is the estimate, their spread a part of its interval."""
    at = np.array([offset_us])
    ways = [
        [sums_of(gap, at, lagging=lagging, bursts_only=bursts) for gap in gaps]
        for lagging, bursts in ((True, True), (True, False), (False, False))
    ]
    fits = np.array([_solved(way) for way in ways])
    draws = np.array([_solved([ways[1][k] for k in row]) for row in drawn])
    return _contrast(fits[:, 0], draws[:, 0], "ON"), _contrast(fits[:, 1], draws[:, 1], "OFF")


def _solved(parts: list[Sums]) -> Array:
    gram, right = _added(parts)
    return np.linalg.pinv(gram[0]) @ right[0]


def _contrast(fits: Array, draws: Array, name: str) -> Estimate:
    value = float(np.median(fits))
    if value <= 0:
        return Estimate.unknown(f"{name} events do not follow the frames' changes")
    low, high = np.quantile(draws, _QUANTILES) - np.median(draws) + value
    systematic = float(np.hypot(np.abs(fits - value).max(), _CONTRAST_SYSTEMATIC * value))
    low, high = _widened(value, float(low), float(high), systematic)
    if high - low > 2 * _WIDEST_CONTRAST * value:
        return Estimate.unknown(f"{name} threshold could be anything from {low:.2f} to {high:.2f}")
    return Estimate(value, low, high)


def _widened(value: float, low: float, high: float, systematic: float) -> tuple[float, float]:
    """The interval with an independent uncertainty added to both sides."""
    return value - float(np.hypot(value - low, systematic)), value + float(np.hypot(high - value, systematic))
