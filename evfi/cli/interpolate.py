"""`evfi interpolate`: slow motion from a recording."""

from pathlib import Path
from typing import Annotated

import typer

from evfi.errors import MissingInputError


def run(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A recording: .aedat4, or a recording store (.zarr).")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help=".mp4, .webp, or a folder of PNG frames.")],
    factor: Annotated[int, typer.Option(help="How many times slower; factor - 1 frames between every two.")] = 8,
    weights: Annotated[Path | None, typer.Option(help="Weights; default: the newest that a run left.")] = None,
    family: Annotated[str, typer.Option(help="Whose weights to look for.")] = "timelens",
    results: Annotated[Path, typer.Option(help="Where to look for them.")] = Path("results"),
    threads: Annotated[int, typer.Option(min=1, help="Threads of one operation.")] = 2,
) -> None:
    """Insert frames between the frames of a recording: slow motion at the recording's own frame rate.

    Examples:

    `evfi interpolate my.aedat4 slow.mp4 --factor 8`

    `evfi interpolate my.zarr frames/ --factor 4 --weights weights.safetensors`
    """
    from evfi.inference.slow_motion import interpolate_file

    chosen = weights or newest_weights(results, family)
    print(interpolate_file(source, out, factor=factor, weights=chosen, threads=threads))


def newest_weights(results: Path, family: str) -> Path:
    """The weights of a family's last stage that a run left under `results`.

    Raises:
        MissingInputError: none there.
    """
    from evfi.models.registry import family_named

    path = results / family / family_named(family).last_stage.name / "weights.safetensors"
    if not path.is_file():
        raise MissingInputError(f"no {family} weights at {path}: run `make demo` once to train them, or give --weights")
    return path
