"""`evfi ingest`: a recording file into a recording store."""

from pathlib import Path
from typing import Annotated

import typer

from evfi.cli.import_flags import (
    ByTime,
    Columns,
    FramesPath,
    FrameTimeUnit,
    Scale,
    SensorSize,
    Shift,
    TimeUnit,
    import_options,
)


def run(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A recording: .aedat4, HS- or BS-ERGB folder, .h5, .npz, .csv, .txt.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The store to write, ending in .zarr.")],
    truth: Annotated[
        Path | None, typer.Option(help="A folder of held-out true frames with timestamps.txt, to measure against.")
    ] = None,
    camera: Annotated[
        str | None, typer.Option(help="The camera to read, where the file has several (an error lists them).")
    ] = None,
    columns: Columns = "",
    time_unit: TimeUnit = "",
    frame_time_unit: FrameTimeUnit = "",
    sensor_size: SensorSize = "",
    coordinate_scale: Scale = 0,
    frames: FramesPath = None,
    frame_shift_us: Shift = 0,
    order_by_time: ByTime = False,
) -> None:
    """Read a recording into a store of events and frames (mid-exposure times, repairs noted).

    Example: `evfi ingest recording.aedat4 recording.zarr`

    Example: `evfi ingest events.csv recording.zarr --columns t,x,y,p --time-unit us --sensor-size 346x260`
    """
    from evfi.io.ingest import ingest

    options = import_options(
        columns, time_unit, frame_time_unit, sensor_size, coordinate_scale, frames, frame_shift_us, order_by_time
    )
    ingest(source, out, truth, camera, options)
