"""`evfi status`: how far a run is."""

import json
from typing import Annotated

import typer

from evfi.cli.run_config import DEFAULT, ConfigFiles, ConfigValues, DefaultConfig, run_config


def run(
    configfile: ConfigFiles = None,
    config: ConfigValues = None,
    default: DefaultConfig = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> int:
    """Say how far a run is: shards, events, stages, last validation, time left, and what failed with its log.

    Reads files alone, also while the run is at work. Exit code 1 when something failed. A failed shard is made again,
    alone, by the same `snakemake` command; `--keep-going` finishes the rest before it stops.

    Example: `evfi status --configfile config/vimeo90k.yaml --config data=/data/vimeo90k`
    """
    from evfi.planning.status import status_lines, status_of

    status = status_of(run_config(configfile, config, default))
    print(json.dumps(status, sort_keys=True) if as_json else "\n".join(status_lines(status)))
    return 1 if status["failures"] else 0
