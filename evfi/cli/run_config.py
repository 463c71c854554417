"""The arguments that say which run a verb is about: as Snakemake's own."""

from pathlib import Path
from typing import Annotated, Any

import typer

from evfi.cli.arguments import pairs
from evfi.config import DEFAULT_CONFIG, Config, read_run_config

ConfigFiles = Annotated[
    list[Path] | None, typer.Option("--configfile", help="An overlay such as config/vimeo90k.yaml; repeatable.")
]
ConfigValues = Annotated[
    list[str] | None,
    typer.Option("--config", metavar="KEY=VALUE", help="A single key, such as data=/data; repeatable."),
]
DefaultConfig = Annotated[Path, typer.Option("--default", help="What the overlays change.")]
DEFAULT = DEFAULT_CONFIG


def run_config(files: list[Path] | None, values: list[str] | None, default: Path) -> Config:
    """The configuration that these arguments name."""
    import yaml

    changes: dict[str, Any] = {key: yaml.safe_load(text) for key, text in pairs(values or [], "--config").items()}
    return read_run_config(files or [], changes, default)
