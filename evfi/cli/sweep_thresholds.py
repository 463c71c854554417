"""`evfi sweep-thresholds`: methods on test clips simulated anew at one threshold after the other."""

from pathlib import Path
from typing import Annotated

import typer

from evfi.cli.arguments import OptionsJson, options_from, parsed_options
from evfi.evaluation.options import EvaluationOptions, ThresholdSweepOptions
from evfi.simulation.options import SimulationOptions


def run(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="Index of test samples (.parquet).")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")],
    weights: Annotated[
        list[Path] | None, typer.Option(help="A model's weights, measured beside the baselines; may be repeated.")
    ] = None,
    preset: Annotated[str, typer.Option(help="The simulator's preset, where --options says nothing.")] = "evtexture",
    seed: Annotated[int, typer.Option(min=0, help="The seed of the clip stores.")] = 2026,
    options: OptionsJson = "",
) -> None:
    """Measure PSNR against the threshold of the events, from 0.1 to 0.5 without and with noise, on test clips.

    Example: `evfi sweep-thresholds test.parquet thresholds --weights weights.safetensors`
    """
    from evfi.evaluation.thresholds import sweep_thresholds

    given = parsed_options(options, "simulation", "threshold_sweep", "evaluation")
    sweep_thresholds(
        index,
        out,
        simulation=options_from(SimulationOptions, given.get("simulation", {"preset": preset}), "simulation"),
        seed=seed,
        weights=weights or (),
        sweep=options_from(ThresholdSweepOptions, given.get("threshold_sweep", {}), "threshold_sweep"),
        options=options_from(EvaluationOptions, given.get("evaluation", {}), "evaluation"),
    )
