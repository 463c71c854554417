"""Checks of a recording's event stream and frame stream as they come in time."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from evfi.doctor.event_survey import BIN_US, EventSurvey
from evfi.doctor.findings import Finding
from evfi.io.recording import FrameStream, Recording
from evfi.units import US_PER_MS, US_PER_S

_SHORTEST_GAP_US = 10 * US_PER_MS
_GAP_TIMES_EXPECTED = 10
_SPIKE_TIMES = 20
_SPIKE_AGAINST_BINS = 100
_FEWEST_SPIKE_EVENTS = 1000
_FEWEST_OF_A_POLARITY = 0.001
_DROP_OF_INTERVALS = 1.5
_IRREGULAR = 0.05
_NAMED = 5
Times = NDArray[np.int64]


def event_findings(survey: EventSurvey, span_us: int) -> list[Finding]:
    """Polarity, gaps and spikes of a stream that has events."""
    on, off = int(survey.on.sum()), int(survey.off.sum())
    total = on + off
    if not total:
        return [Finding("event stream", "no events", "wrong", "record again, or take another file")]
    rate = total * US_PER_S / max(1, span_us)
    found = [Finding("event stream", f"{total} events in {span_us / US_PER_S:.3f} s, {rate:.0f} a second")]
    if min(on, off) < _FEWEST_OF_A_POLARITY * total:
        said = f"{on} ON and {off} OFF events: polarity is constant"
        found.append(Finding("polarity", said, "wrong", "export again with polarities; they cannot be restored"))
    else:
        found.append(Finding("polarity", f"{on / total:.1%} ON", values={"on": on, "off": off}))
    return [*found, _gap(survey, total, span_us), _spikes(survey)]


def _gap(survey: EventSurvey, total: int, span_us: int) -> Finding:
    """The longest silence against the longest that evenly random events of this number would show, span ln(n) / n."""
    expected_us = span_us * np.log(max(2, total)) / total
    said = f"longest silence {survey.longest_gap_us} µs, at {survey.gap_start_us} µs"
    values = {"longest_gap_us": survey.longest_gap_us, "start_us": survey.gap_start_us}
    if survey.longest_gap_us > max(_SHORTEST_GAP_US, _GAP_TIMES_EXPECTED * expected_us):
        advice = "events were lost there, or nothing moved: leave out what spans it"
        return Finding("gaps in the event stream", said, "wrong", advice, values)
    return Finding("gaps in the event stream", said, values=values)


def _spikes(survey: EventSurvey) -> Finding:
    """10 ms with 20 times as many events as the middle one of the occupied bins within a second around."""
    bins = survey.bins
    spikes = []
    for number in np.flatnonzero(bins >= _FEWEST_SPIKE_EVENTS):
        around = bins[max(0, number - _SPIKE_AGAINST_BINS // 2) : number + _SPIKE_AGAINST_BINS // 2]
        if bins[number] > _SPIKE_TIMES * np.median(around[around > 0]):
            spikes.append(int(survey.start_us + number * BIN_US))
    if spikes:
        said = f"{len(spikes)} times 10 ms with over {_SPIKE_TIMES} times the usual events, first at {spikes[0]} µs"
        advice = "a flash or the read-out's fault: leave out what spans it"
        return Finding("event-rate spikes", said, "wrong", advice, {"starts_us": spikes})
    busiest = int(bins.max()) if len(bins) else 0
    return Finding("event-rate spikes", f"none; busiest 10 ms: {busiest} events", values={"starts_us": []})


def frame_findings(recording: Recording) -> list[Finding]:
    """Count, rate, drops, repeated images, and how frames and events overlap in time."""
    frames = recording.frames
    if frames is None or not len(frames):
        return [Finding("frame stream", "no frames: cannot be interpolated")]
    found = [Finding("frame stream", _in_words(frames))]
    if len(frames) > 2:
        found += _rate(frames.t_us)
    found.append(_repeated(frames))
    if recording.event_count:
        found.append(_overlap(recording, frames))
    return found


def repeated_frames(frames: FrameStream) -> list[int]:
    """Numbers of frames whose image equals that of the frame before, byte for byte."""
    numbers, last = [], None
    for number in range(len(frames)):
        digest = blake2b(np.ascontiguousarray(frames[number]).data).digest()
        if digest == last:
            numbers.append(number)
        last = digest
    return numbers


def _in_words(frames: FrameStream) -> str:
    lengths = frames.exposure_end_us - frames.exposure_start_us
    exposure = f"exposure {lengths.min()} to {lengths.max()} µs" if lengths.any() else "exposure unknown"
    shape = frames.shape
    return f"{len(frames)} frames of {shape[1]}x{shape[0]}, {'colour' if len(shape) == 3 else 'gray'}, {exposure}"


def _rate(t_us: Times) -> list[Finding]:
    gaps = np.diff(t_us)
    middle = float(np.median(gaps))
    long = np.flatnonzero(gaps > _DROP_OF_INTERVALS * middle)
    missing = int(np.rint(gaps[long] / middle).sum()) - len(long)
    values = {"median_interval_us": middle, "missing": missing, "after_frames": long.tolist()}
    said = f"{US_PER_S / middle:.2f} frames a second (median)"
    if len(long):
        places = ", ".join(str(number) for number in long[:_NAMED])
        drops = Finding(
            "frame drops", f"about {missing} frames missing, after frame {places}", "wrong",
            "leave out the long intervals when indexing", values,
        )  # fmt: skip
    else:
        drops = Finding("frame drops", "none", values=values)
    usual = gaps[gaps <= _DROP_OF_INTERVALS * middle]
    spread = float(np.abs(usual - middle).mean() / middle)
    if spread > _IRREGULAR:
        rate = Finding(
            "frame rate", f"{said}, but intervals differ by {spread:.0%} in the mean", "wrong",
            "use the frames' own times, never a nominal rate", {"spread": spread},
        )  # fmt: skip
    else:
        rate = Finding("frame rate", f"{said}, steady within {spread:.1%}", values={"spread": spread})
    return [drops, rate]


def _repeated(frames: FrameStream) -> Finding:
    numbers = repeated_frames(frames)
    if numbers:
        said = f"{len(numbers)} frames equal the one before: number {', '.join(map(str, numbers[:_NAMED]))}"
        return Finding("repeated frames", said, "wrong", "--fix leaves them out", {"numbers": numbers})
    return Finding("repeated frames", "none", values={"numbers": []})


def _overlap(recording: Recording, frames: FrameStream) -> Finding:
    inside = (frames.t_us >= recording.start_us) & (frames.t_us < recording.end_us)
    said = f"{int(inside.sum())} of {len(frames)} frames lie within the events' time"
    values = {"inside": int(inside.sum()), "frames": len(frames)}
    if inside.sum() < 2:
        return Finding("common time", said, "wrong", "check units and clocks of both streams", values)
    return Finding("common time", said, values=values)
