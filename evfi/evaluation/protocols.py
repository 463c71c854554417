"""Which samples are measured, and what a target is called.

A protocol is "skip" (n frames held out between two boundary frames n+1 apart) or "truth" (frames of a faster camera or
a renderer between two neighbouring frames) or "between" (moments between neighbouring frames without any true frame,
which event_consistency alone can judge); what may be compared with each other shares data set, protocol and skip.
A group is the targets between one pair of boundary frames. Data set, protocol and skip together are the protocol's name
in tables: vimeo_triplet_skip1, septuplets_skip5, recordings_truth3.
"""

from typing import Any

import pandas as pd

from evfi.errors import UserError

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


def rows_to_measure(index: pd.DataFrame) -> pd.DataFrame:
    """The test rows of a sample index, sorted by sample_id, with the columns group, group_size and target_name added.

    Raises:
        UserError: the index has no test row.
    """
    table: Any = index
    rows = table[table["split"] == "test"].sort_values("sample_id", kind="stable").reset_index(drop=True)
    if rows.empty:
        splits = sorted(set(table["split"]))
        raise UserError(f"the index has no test sample, only {splits}: evaluate the index made for the test part")
    times = rows.groupby([*SETTING, *PAIR], sort=False)["t_us"]
    place = times.rank(method="first").astype(int)
    return rows.assign(
        group=[f"{row.frame0:05d}-{row.frame1:05d}" for row in rows.itertuples()],
        target_name=[_target_name(row, rank) for row, rank in zip(rows.itertuples(), place, strict=True)],
        group_size=times.transform("size"),
    )


def setting_name(dataset: str, protocol: str, skip: int) -> str:
    """What is measured, in words and by its protocol's name, for the heads of tables."""
    name = f"({dataset}_{protocol}{skip})"
    if protocol == "truth":
        return f"true frames between neighbouring frames, {skip} a gap {name}"
    if protocol == "between":
        return f"no true frames, {skip} moment{'s' if skip > 1 else ''} between neighbouring frames {name}"
    return f"skip {skip}: {skip} frame{'s' if skip > 1 else ''} held out between the boundary frames {name}"


def _target_name(row: Any, rank: int) -> str:
    """The septuplet's own name (im4), or which of the group's targets it is (frame+1, truth+2, moment+1)."""
    if row.kind == "clip" and row.target_source == "frames":
        return f"im{row.target + 1}"
    return f"{_SOURCE_NAMES[row.target_source]}+{rank}"
