"""`evfi render-scenes`: a shard of rendered scenes to train on, or to measure with."""

from pathlib import Path
from typing import Annotated

import typer

from evfi.cli.arguments import OptionsJson, options_from, parsed_options
from evfi.errors import UserError
from evfi.scenes.options import ScenesConfig


def run(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The scene store to write, ending in .zarr.")],
    split: Annotated[str, typer.Option(help="train, validation or test: which photographs they show.")] = "train",
    first: Annotated[int, typer.Option(min=0, help="Number of the first scene.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 128,
    seed: Annotated[int, typer.Option(min=0, help="A scene follows from seed, split and its number.")] = 2026,
    options: OptionsJson = "",
) -> None:
    """Render scenes with true frames at a high rate; events are simulated from them when samples are read.

    Example: `evfi render-scenes scenes.zarr --count 8`
    """
    from evfi.scenes.write import write_scenes

    chosen = options_from(ScenesConfig, parsed_options(options, "scenes").get("scenes", {}), "scenes")
    if split not in chosen.counts():
        raise UserError(f"--split is one of {', '.join(chosen.counts())}, got {split!r}")
    write_scenes(
        out, split, first=first, count=count, options=chosen.render, sensors=chosen.sensors_of(split), seed=seed
    )
