"""`evfi ingest`: a recording file into a recording store."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A recording: .aedat4.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The store to write, ending in .zarr.")],
    truth: Annotated[
        Path | None, typer.Option(help="A folder of held-out true frames with timestamps.txt, to measure against.")
    ] = None,
    camera: Annotated[
        str | None, typer.Option(help="The camera to read, where the file has several (an error lists them).")
    ] = None,
) -> None:
    """Read a recording into a store of events and frames (mid-exposure times, repairs noted).

    Example: `evfi ingest recording.aedat4 recording.zarr`
    """
    from evfi.io.ingest import ingest

    ingest(source, out, truth, camera)
