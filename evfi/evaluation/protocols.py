"""Which samples are measured, and what a target is called.

A protocol is "skip" (n frames held out between two boundary frames n+1 apart) or "truth" (frames of a faster camera or
a renderer between two neighbouring frames) or "between" (moments between neighbouring frames without any true frame,
which event_consistency alone can judge); what may be compared with each other shares data set, protocol and skip.
A group is the targets between one pair of boundary frames. Data set, protocol and skip together are the protocol's name
in tables: vimeo_triplet_skip1, septuplets_skip5, recordings_truth3.
"""

from typing import Any

# of targets.parquet (docs/formats.md)
TARGET_COLUMNS = (
    "sample_id",
    "method",
    "dataset",
    "protocol",
    "skip",
    "sequence",
    "group",
    "target",
    "t_us",
    "tau",
    "metric",
    "value",
    "note",
)
SETTING = ["dataset", "protocol", "skip"]
PAIR = ["store", "clip", "frame0", "frame1"]
_SOURCE_NAMES = {"frames": "frame", "truth": "truth", "none": "moment"}
# The one metric of a threshold sweep, and the file beside targets.parquet that says what was swept.
SWEEP_METRIC = "psnr_float"
SWEEP_DOCUMENT_FILE = "thresholds.json"
TARGETS_FILE = "targets.parquet"
# A figure's note begins with it where a method cannot predict the target at all.
NOT_PREDICTED = "not predicted"


def group_key(row: Any) -> tuple[object, ...]:
    """What the targets of a group share, and those of no other."""
    return tuple(getattr(row, name) for name in (*SETTING, *PAIR))


def group_name(frame0: int, frame1: int) -> str:
    """A group by its boundary frames: 00004-00012."""
    return f"{frame0:05d}-{frame1:05d}"


def setting_name(dataset: str, protocol: str, skip: int) -> str:
    """What is measured, in words and by its protocol's name, for the heads of tables."""
    name = f"({dataset}_{protocol}{skip})"
    if protocol == "truth":
        return f"true frames between neighbouring frames, {skip} a gap {name}"
    if protocol == "between":
        return f"no true frames, {skip} moment{'s' if skip > 1 else ''} between neighbouring frames {name}"
    return f"skip {skip}: {skip} frame{'s' if skip > 1 else ''} held out between the boundary frames {name}"


def target_name(row: Any, rank: int) -> str:
    """The septuplet's own name (im4), or which of the group's targets it is (frame+1, truth+2, moment+1)."""
    if row.kind == "clip" and row.target_source == "frames":
        return f"im{row.target + 1}"
    return f"{_SOURCE_NAMES[row.target_source]}+{rank}"
