"""`evfi import-weights`: weights that a family's authors published."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The file that you have.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The weights file to write, ending in .safetensors.")],
    family: Annotated[str, typer.Option(help="Whose weights they are.")] = "timelens",
) -> None:
    """Make published weights usable here. Their licence stays theirs; nothing is ever downloaded.

    Example: `evfi import-weights checkpoint.bin timelens.safetensors`
    """
    from evfi.models.importing import import_weights, published_of
    from evfi.models.registry import family_named

    chosen = family_named(family)
    print(f"licence: {published_of(chosen).licence}")
    meta = import_weights(chosen, checkpoint, out)
    model = ", ".join(f"{name} {value}" for name, value in meta["model"].items())
    print(f"{out}: {family} ({model}) from {checkpoint}")
