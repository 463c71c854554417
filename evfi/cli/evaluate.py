"""`evfi evaluate`: a model, somebody else's method, or the four baselines, on every test sample."""

from pathlib import Path
from typing import Annotated

import typer

from evfi.cli.arguments import OptionsJson, options_from, parsed_options
from evfi.evaluation.options import EvaluationOptions


def run(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="Index of test samples (.parquet).")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")],
    weights: Annotated[Path | None, typer.Option(help="A model's weights; without them the baselines run.")] = None,
    name: Annotated[
        str | None,
        typer.Option(help="What the weights are called in tables; default: their family."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(metavar="NAME=PATH", help="Another method: a folder of PNGs, FILE.py:FUNCTION, or FILE.pt."),
    ] = None,
    options: OptionsJson = "",
) -> None:
    """Measure a model, or the baselines (copy, blend, flow, event integration), on test samples.

    Example: `evfi evaluate test.parquet evaluation/timelens --weights weights.safetensors`
    """
    from evfi.evaluation.evaluate import evaluate

    chosen = options_from(EvaluationOptions, parsed_options(options, "evaluation").get("evaluation", {}), "evaluation")
    evaluate(index, out, weights=weights, name=name, method=method, options=chosen)
