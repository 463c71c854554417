"""Writing a repaired copy of a recording: only what is safe, and each repair named."""

from pathlib import Path

import numpy as np

from evfi.doctor.event_survey import event_pieces, pixels_of, survey_events
from evfi.doctor.pixel_checks import hot_pixels
from evfi.doctor.stream_checks import repeated_frames
from evfi.io.atomic import writing
from evfi.io.recording import RECORDING, FrameStream, Recording, RecordingWriter
from evfi.io.stores import finish_store
from evfi.types import Frames
from evfi.versions import ALGO_VERSIONS


def write_repaired(recording: Recording, out: Path) -> dict[str, int]:
    """Write the recording store `out` without the events of hot pixels and without repeated frames.

    What reading had put right before is kept as it is, and its counts with it. Held-out truth stays; nothing is made
    up: dropped frames, gaps and offsets stay as they are.

    Returns:
        what was repaired, counted: that of reading, hot_pixels, hot_pixel_events, repeated_frames.

    Raises:
        OutputError: the store cannot be written.
    """
    repairs = dict(recording.attributes.get("repairs") or {})
    hot = hot_pixels(survey_events(recording)).ravel()
    with writing(out) as partial:
        store = RecordingWriter(partial, recording.sensor_size)
        dropped = 0
        for events in event_pieces(recording):
            kept = np.flatnonzero(~hot[pixels_of(events)])
            dropped += len(events) - len(kept)
            store.add_events(events.take(kept))
        repeated: list[int] = []
        if recording.frames is not None:
            repeated = repeated_frames(recording.frames)
            for number in sorted(set(range(len(recording.frames))) - set(repeated)):
                store.add_frames(_one(recording.frames, number))
        if recording.truth is not None:
            for number in range(len(recording.truth)):
                store.add_truth(_one(recording.truth, number))
        for side in (recording.imu, recording.triggers):
            if side is not None:
                store.add(side)
        repairs |= {"hot_pixels": int(hot.sum()), "hot_pixel_events": dropped, "repeated_frames": len(repeated)}
        kept = {name: recording.attributes.get(name) for name in ("source", "lost")}
        about = {**kept, "repairs": repairs}
        store.finish(about)
        finish_store(out, partial, RECORDING, algo_version=ALGO_VERSIONS["doctor"], content=about)
    return repairs


def _one(stream: FrameStream, number: int) -> Frames:
    at = slice(number, number + 1)
    return Frames(stream[number][None], stream.t_us[at], stream.exposure_start_us[at], stream.exposure_end_us[at])
