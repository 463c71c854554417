"""Flags that say what a recording's files leave open; `evfi ingest` and `evfi doctor` share them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evfi.errors import UserError

if TYPE_CHECKING:
    from evfi.io.importers.options import ImportOptions

Columns = Annotated[str, typer.Option(metavar="t,x,y,p", help="Order of a text file's columns (others: -).")]
TimeUnit = Annotated[str, typer.Option(metavar="s|ms|us|ns", help="Unit of the events' times.")]
FrameTimeUnit = Annotated[str, typer.Option(metavar="s|ms|us|ns", help="Unit of the times beside images.")]
SensorSize = Annotated[str, typer.Option(metavar="WIDTHxHEIGHT", help="Sensor of a file that does not say it.")]
Scale = Annotated[int, typer.Option(metavar="32", help="Factor that x and y were multiplied by.")]
FramesPath = Annotated[Path | None, typer.Option(help="Frames that belong to a file of events.")]
Shift = Annotated[int, typer.Option(metavar="US", help="Added to all times of the frames, µs.")]
ByTime = Annotated[bool, typer.Option("--order-by-time", help="Order event files by their times, not names.")]


def import_options(
    columns: str,
    time_unit: str,
    frame_time_unit: str,
    sensor_size: str,
    coordinate_scale: int,
    frames: Path | None,
    frame_shift_us: int = 0,
    order_by_time: bool = False,
) -> "ImportOptions":
    """The flags as options ("" and 0: not given).

    Raises:
        UserError: a flag has a value that it cannot have.
    """
    from evfi.cli.arguments import options_from
    from evfi.io.importers.options import ImportOptions

    width, _, height = sensor_size.partition("x")
    if sensor_size and not (width.isdigit() and height.isdigit()):
        raise UserError(f"--sensor-size must be WIDTHxHEIGHT, e.g. 346x260, got {sensor_size!r}")
    given = {
        "columns": tuple(name.strip() for name in columns.split(",")) if columns else None,
        "time_unit": time_unit or None,
        "frame_time_unit": frame_time_unit or None,
        "sensor_height": int(height) if sensor_size else None,
        "sensor_width": int(width) if sensor_size else None,
        "coordinate_scale": coordinate_scale or None,
        "frames": frames,
        "frame_shift_us": frame_shift_us,
        "order_by_time": order_by_time,
    }
    return options_from(ImportOptions, given, "flags")
