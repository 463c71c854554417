"""`evfi demo-data`: the embedded raw data."""

from pathlib import Path
from typing import Annotated

import typer

from evfi.cli.arguments import OptionsJson, options_from, parsed_options
from evfi.demo.options import DemoOptions


def run(
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    options: OptionsJson = "",
    smoke: Annotated[bool, typer.Option("--smoke", help="The tiny variant, rendered in seconds.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the result does not depend on it.")] = 2,
) -> None:
    """Render the demo: a Vimeo90k septuplet tree and DAVIS recordings with held-out true frames.

    Example: `evfi demo-data raw`
    """
    from evfi.demo.write import write_demo_data

    given = parsed_options(options, "demo").get("demo", {})
    chosen = DemoOptions.smoke().replaced(**given) if smoke else options_from(DemoOptions, given, "demo")
    write_demo_data(out, chosen, workers=workers)
