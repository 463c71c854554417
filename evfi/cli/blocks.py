"""`evfi blocks`: a list of clips cut into the blocks that shard jobs work on."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    source: Annotated[Path, typer.Argument(metavar="LIST", help="A list of clips such as sep_trainlist.txt.")],
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the blocks are written.")],
    part: Annotated[str, typer.Option(help="What the blocks are called after: PART-00000.txt.")],
    clips: Annotated[int, typer.Option(min=1, help="How many clips to use, from the list's start.")],
    size: Annotated[int, typer.Option(min=1, help="Clips in a block.")] = 256,
) -> None:
    """Cut a list into blocks of fixed size.

    Example: `evfi blocks sep_trainlist.txt lists --part train --clips 64612`
    """
    from evfi.errors import UserError
    from evfi.io.atomic import writing
    from evfi.io.septuplets import read_list

    ids = read_list(source)
    if len(ids) < clips:
        key = "triplets.test_clips" if part == "triplets" else f"septuplets.{part}_clips"
        raise UserError(f"{source} holds {len(ids)} clips, but {clips} are wanted: lower {key}")
    for number, first in enumerate(range(0, clips, size)):
        with writing(out / f"{part}-{number:05d}.txt") as partial:
            partial.write_text("\n".join(ids[first : min(first + size, clips)]) + "\n")
