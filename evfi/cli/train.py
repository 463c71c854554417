"""`evfi train`: one stage of one family."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from evfi.cli.arguments import OptionsJson, options_from, pairs, parsed_options
from evfi.config import one_line
from evfi.errors import MissingInputError, UserError


def run(
    family: Annotated[str, typer.Argument(help="Model family, such as timelens.")],
    stage: Annotated[str, typer.Argument(help="Stage, such as synthesis.")],
    index: Annotated[Path, typer.Option(help="Index of training samples (.parquet).")],
    out: Annotated[Path, typer.Option(help="Folder for weights, run.json, journal and validation pictures.")],
    state: Annotated[Path, typer.Option(help="Folder for training state, from which a stopped stage goes on.")],
    start: Annotated[
        list[str] | None, typer.Option(metavar="STAGE=FILE", help="Weights of a stage it starts from; repeatable.")
    ] = None,
    options: OptionsJson = "",
    ranks: Annotated[
        int,
        typer.Option(min=1, help="Processes that share each batch, one on each GPU; under srun: its tasks."),
    ] = 1,
    workers: Annotated[int, typer.Option(min=0, help="Loader processes; the result does not depend on them.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    checkpoint_seconds: Annotated[float, typer.Option(min=0, help="Time between checkpoints.")] = 60,
    max_seconds: Annotated[float, typer.Option(min=0, help="Time budget; used up: saved, exit 75. 0 = none.")] = 0,
) -> int:
    """Train a stage, or go on with it where it was stopped.

    Example: `evfi train timelens synthesis --index train.parquet --out synthesis --state state`
    """
    from evfi.models.registry import family_named
    from evfi.training.fingerprint import stage_fingerprint
    from evfi.training.launch import launched
    from evfi.training.loop import train_stage
    from evfi.training.options import Runtime
    from evfi.training.ranks import ALONE, check_ranks, device_of_rank, joined, ranks_told

    chosen = family_named(family)
    manifest = chosen.stage(stage)
    given = parsed_options(options, "recipe", "model")
    try:
        recipe = manifest.recipe.overridden(given.get("recipe", {}))
    except ValidationError as error:
        raise UserError(f"recipe: {one_line(error)}") from None
    model = options_from(chosen.model_options, given.get("model", {}), "model")
    starts = {name: Path(path) for name, path in pairs(start or [], "--start").items()}
    for path in (index, *starts.values()):
        if not path.is_file():
            raise MissingInputError(f"no file {path}: make it first (`evfi index`, or the stage that it comes from)")
    recipe.check_files()
    fingerprint = stage_fingerprint(chosen, manifest, model, recipe, index, starts)
    rank = ranks_told(ranks)
    if ranks > 1 and rank is None:
        check_ranks(ranks, recipe.batch_size, chosen.build(model), manifest.trains, device)  # once, not in each rank
        return launched(sys.argv[1:], ranks)
    with nullcontext(ALONE) if rank is None else joined(rank, ranks, device, state) as together:
        train_stage(
            chosen,
            manifest,
            index=index,
            starts=starts,
            model_options=model,
            recipe=recipe,
            runtime=Runtime(
                workers=workers,
                device=device if rank is None else device_of_rank(device, rank),
                ranks=ranks,
                checkpoint_seconds=checkpoint_seconds,
            ),
            state_dir=state / f"{family}-{stage}-{fingerprint[:16]}",
            out=out,
            fingerprint=fingerprint,
            max_seconds=max_seconds or None,
            ranks=together,
        )
    return 0
