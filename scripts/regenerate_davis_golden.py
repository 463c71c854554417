"""Write tests/golden/davis_digests.json: digests of the real recordings' columns as dv-processing reads them.

Example: EVFI_REAL_DATA=../shared/data python scripts/regenerate_davis_golden.py
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import dv_processing as dv
import numpy as np

from evfi.provenance import digest_array, write_json

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("davis346", "dvxplorer_events_only")
IMU = {"acceleration": "accelerometer", "rotation": "gyroscope", "magnetic": "magnetometer"}


def main() -> int:
    """One entry a recording: digest by array name of the recording store."""
    folder = Path(os.environ.get("EVFI_REAL_DATA", ROOT.parent / "shared" / "data")) / "davis"
    found = {name: digests(dv.io.MonoCameraRecording(str(folder / f"{name}.aedat4"))) for name in NAMES}
    write_json(ROOT / "tests" / "golden" / "davis_digests.json", found)
    return 0


def digests(recording: dv.io.MonoCameraRecording) -> dict[str, str]:
    """Of the streams that the recording has."""
    events = np.concatenate([batch.numpy() for batch in iter(recording.getNextEventBatch, None)])
    columns: dict[str, np.ndarray] = {
        "events/x": events["x"].astype(np.uint16),
        "events/y": events["y"].astype(np.uint16),
        "events/t": events["timestamp"].astype(np.int64),
        "events/p": events["polarity"] != 0,
    }
    if recording.isFrameStreamAvailable():
        frames = list(iter(recording.getNextFrame, None))
        start = np.array([frame.timestamp for frame in frames], np.int64)
        exposure = np.array([frame.exposure // timedelta(microseconds=1) for frame in frames], np.int64)
        columns["frames/image"] = np.stack([np.squeeze(frame.image) for frame in frames])
        columns["frames/t_us"] = start + exposure // 2
        columns["frames/exposure_start_us"] = start
        columns["frames/exposure_end_us"] = start + exposure
    if recording.isImuStreamAvailable():
        samples = [sample for batch in iter(recording.getNextImuBatch, None) for sample in batch]
        columns["imu/t_us"] = _column(samples, "timestamp", np.int64)
        columns["imu/temperature"] = _column(samples, "temperature", np.float32)
        for ours, theirs in IMU.items():
            for axis in "xyz":
                columns[f"imu/{ours}_{axis}"] = _column(samples, theirs + axis.upper(), np.float32)
    triggers = []
    if recording.isTriggerStreamAvailable():
        triggers = [trigger for batch in iter(recording.getNextTriggerBatch, None) for trigger in batch]
    if triggers:
        columns["triggers/t_us"] = _column(triggers, "timestamp", np.int64)
        columns["triggers/kind"] = np.array([int(trigger.type) for trigger in triggers], np.uint8)
    return {name: digest_array(column) for name, column in columns.items()}


def _column(items: list[Any], name: str, dtype: type) -> np.ndarray:
    return np.array([getattr(item, name) for item in items], dtype)


if __name__ == "__main__":
    sys.exit(main())
