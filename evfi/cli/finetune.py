"""`evfi finetune`: a model trained further on recordings of one's own."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from evfi.cli.arguments import OptionsJson, options_from, parsed_options
from evfi.cli.interpolate import default_weights
from evfi.config import one_line
from evfi.errors import UserError


def run(
    recordings: Annotated[
        list[Path], typer.Argument(metavar="RECORDING…", help="Recordings (.aedat4, …) or recording stores (.zarr).")
    ],
    out: Annotated[Path, typer.Option(help="Folder for stores, training, figures and the better weights.")] = Path(
        "finetuned"
    ),
    weights: Annotated[
        Path | None, typer.Option(help="Where to start; default: what a run left, else evfi's open weights.")
    ] = None,
    family: Annotated[str, typer.Option(help="Whose weights to look for.")] = "timelens",
    results: Annotated[Path, typer.Option(help="Where to look for them.")] = Path("results"),
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each of the four modules.")] = None,
    options: OptionsJson = "",
    workers: Annotated[int, typer.Option(min=0, help="Loader processes; the result does not depend on them.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    max_seconds: Annotated[float, typer.Option(min=0, help="Time budget; used up: saved, exit 75. 0 = none.")] = 0,
) -> None:
    """Train a model further on your own recordings, module by module, and see whether it helped on their ends.

    The better weights, those from before or the new ones, become OUT/weights.safetensors. The same command goes on
    where it was stopped. `--options '{"recipe": {…}}'` changes the recipe.

    Example: `evfi finetune my.aedat4 --out finetuned`
    """
    from evfi.evaluation.options import EvaluationOptions
    from evfi.finetuning.finetune import finetune
    from evfi.io.readers import check_there
    from evfi.samples.options import SamplesOptions
    from evfi.training.options import Runtime

    given = parsed_options(options, "recipe", "samples", "evaluation")
    for recording in recordings:
        check_there(recording)
    try:
        finetuned = finetune(
            recordings,
            out,
            weights=weights or default_weights(results, family),
            recipe={**given.get("recipe", {}), **({} if steps is None else {"steps": steps})},
            samples=options_from(SamplesOptions, given.get("samples", {}), "samples"),
            evaluation=options_from(EvaluationOptions, given.get("evaluation", {}), "evaluation"),
            runtime=Runtime(workers=workers, device=device),
            max_seconds=max_seconds or None,
        )
    except ValidationError as error:
        raise UserError(f"recipe: {one_line(error)}") from None
    print("\n".join(finetuned.verdict.lines()))
    print(f"{finetuned.weights}: `evfi interpolate RECORDING OUT --weights {finetuned.weights}`")
