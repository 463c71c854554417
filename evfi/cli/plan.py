"""`evfi plan`: what a run will take."""

import json
from pathlib import Path
from typing import Annotated

import typer

from evfi.cli.run_config import DEFAULT, ConfigFiles, ConfigValues, DefaultConfig, run_config


def run(
    configfile: ConfigFiles = None,
    config: ConfigValues = None,
    default: DefaultConfig = DEFAULT,
    measured: Annotated[
        Path | None, typer.Option(help="Results folder of the run that was measured; without it the run's own.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Simulations side by side.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Estimate disk, memory and time of a run from one finished shard of it, or from a smaller run.

    What was not measured is shown as "?", never guessed. Measure on the machine, and at the frame size, that you mean.

    Example: `evfi plan --configfile config/vimeo90k.yaml --config data=/data/vimeo90k --jobs 100`
    """
    from evfi.planning.estimate import plan_lines, plan_of

    chosen = run_config(configfile, config, default)
    plan = plan_of(chosen, measured or Path(chosen.results_dir), jobs)
    print(json.dumps(plan, sort_keys=True) if as_json else "\n".join(plan_lines(plan)))
