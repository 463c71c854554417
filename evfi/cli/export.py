"""`evfi export`: a recording in a format that other programs read."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    source: Annotated[Path, typer.Argument(metavar="STORE", help="A recording store (.zarr), or an .aedat4 file.")],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="By its ending: .aedat4, .h5 (DSEC layout), .npz (events), .mp4 (to look at), none (HS-ERGB folder).",
        ),
    ],
) -> None:
    """Write a recording for other programs. What the format cannot keep is named.

    Examples:

    `evfi export recording.zarr recording.aedat4`

    `evfi export recording.zarr look.mp4`
    """
    from evfi.io.export import export

    print(export(source, out))
