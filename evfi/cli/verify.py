"""`evfi verify`: whether a store is whole."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    store: Annotated[
        Path, typer.Argument(metavar="STORE", help="A store (.zarr) of a recording, of clips or of flows.")
    ],
) -> None:
    """Check a store against its receipt, byte by byte, and the rules of its format; exit 1 when something is wrong.

    Example: `evfi verify recording.zarr`
    """
    from evfi.io.verification import verify_store

    found = verify_store(store)
    print(f"{store} is whole: {found['arrays']} arrays, {found['values']} values")
