"""`evfi info`: what a file or store holds."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from evfi.cli.import_flags import Columns, FramesPath, FrameTimeUnit, Scale, SensorSize, TimeUnit, import_options


def run(
    path: Annotated[Path, typer.Argument(help="A recording, store, video, or folder of frames.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
    columns: Columns = "",
    time_unit: TimeUnit = "",
    frame_time_unit: FrameTimeUnit = "",
    sensor_size: SensorSize = "",
    coordinate_scale: Scale = 0,
    frames: FramesPath = None,
) -> None:
    """Say what a recording, store, video or folder holds: streams, sensor, counts, rates, time span.

    Example: `evfi info recording.aedat4`
    """
    from evfi.io.describe import describe

    options = import_options(columns, time_unit, frame_time_unit, sensor_size, coordinate_scale, frames)
    found = describe(path, options)
    if as_json:
        print(json.dumps(found, sort_keys=True))
        return
    for name, value in _flat(found):
        print(f"{name:24} {value}")


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, item in value.items():
        if isinstance(item, dict):
            rows += _flat(item, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", "none" if item is None else item))
    return rows
