"""`evfi index`: training or test samples as rows that point into stores."""

from pathlib import Path
from typing import Annotated, Any

import typer

from evfi.cli.arguments import OptionsJson, options_from, parsed_options
from evfi.errors import UserError
from evfi.samples.options import SamplesOptions


def run(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The index to write, ending in .parquet.")],
    part: Annotated[str, typer.Option(help="train (with validation) or test.")] = "test",
    clips: Annotated[str, typer.Option(metavar="STORE…", help="Clip stores, separated by spaces.")] = "",
    scenes: Annotated[str, typer.Option(metavar="STORE…", help="Stores of rendered scenes, separated by spaces.")] = "",
    recordings: Annotated[
        str,
        typer.Option(
            metavar="NAME=SPLIT=STORE[=SKIPS[=DATASET]]…",
            help="Recording stores, separated by spaces; SPLIT is train, validation, test or time; SKIPS such as 3,7 "
            "are those of its test samples, DATASET what they are measured as.",
        ),
    ] = "",
    options: OptionsJson = "",
) -> None:
    """Write an index of samples. Stores of triplets become samples of the protocol vimeo_triplet_skip1.

    Examples:

    `evfi index test.parquet --recordings mine=test=mine.zarr`

    `evfi simulate tri_testlist.txt triplets.zarr --root vimeo_triplet && evfi index test.parquet --clips triplets.zarr`
    """
    from evfi.samples.index import RecordingSource, write_index

    sources = [RecordingSource(**_recording(text)) for text in recordings.split()]
    for listed in (text for text in clips.split() if text.endswith(".txt")):
        raise UserError(
            f"{listed} is a list of clips, which have no events yet: `evfi simulate {listed} OUT.zarr --root TREE` "
            "makes their store, which --clips takes"
        )
    write_index(
        out,
        part,
        clip_stores=[Path(store) for store in clips.split()],
        recordings=sources,
        scene_stores=[Path(store) for store in scenes.split()],
        options=options_from(SamplesOptions, parsed_options(options, "samples").get("samples", {}), "samples"),
    )


def _recording(text: str) -> dict[str, Any]:
    """The parts of one NAME=SPLIT=STORE[=SKIPS[=DATASET]]."""
    name, split, store, skips, dataset, *_ = (*text.split("=", 4), "", "", "", "")
    if split not in ("train", "validation", "test", "time") or not store:
        raise UserError(f"--recordings wants NAME=SPLIT=STORE (train, validation, test or time), got {text}")
    numbers = [number for number in skips.split(",") if number]
    if not all(number.isdigit() and int(number) for number in numbers):
        raise UserError(f"the skips of a recording are numbers such as 3,7, got {skips!r} in {text}")
    own = {"store": Path(store), "name": name, "split": split, "skips": tuple(map(int, numbers))}
    return {**own, "dataset": dataset} if dataset else own
