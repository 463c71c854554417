"""`evfi flows`: the optical flows that a family's samples need, computed once."""

from pathlib import Path
from typing import Annotated

import typer

from evfi.cli.arguments import OptionsJson, options_from, parsed_options
from evfi.flow.options import FlowOptions


def run(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="Index of training or test samples (.parquet).")],
    families: Annotated[str, typer.Option(help="Families that train on them or predict them, separated by commas.")],
    datasets: Annotated[
        str, typer.Option(help="Data sets of the index that are trained on, separated by commas; none = all.")
    ] = "",
    options: OptionsJson = "",
) -> None:
    """Compute the flows that samples need, and keep them beside their index: train.parquet, train-flows.zarr.

    Example: `evfi flows train.parquet --families wevi`
    """
    from evfi.flow.providers import provider_of
    from evfi.models.registry import family_named
    from evfi.samples.flows import compute_flows

    chosen = options_from(FlowOptions, parsed_options(options, "flows").get("flows", {}), "flows")
    needs = [each for name in families.split(",") for each in family_named(name).all_needs]
    compute_flows(index, needs, provider_of(chosen), datasets=[name for name in datasets.split(",") if name])
