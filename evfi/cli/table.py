"""`evfi table`: measured methods as a table for a paper or a README."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from evfi.errors import UserError


def run(
    evaluations: Annotated[list[Path], typer.Argument(metavar="FOLDER…", help="Folders that `evfi evaluate` wrote.")],
    form: Annotated[
        Literal["markdown", "latex", "parquet"], typer.Option("--format", help="What to write.")
    ] = "markdown",
    out: Annotated[Path | None, typer.Option(help="File to write; without it the table is printed.")] = None,
) -> None:
    """Print or write the means of evaluations, per frame and per sequence, with intervals and metric cards.

    Example: `evfi table results/evaluation/baselines results/evaluation/timelens --format latex`
    """
    from evfi.reports.text_tables import text_of, write_parquet, write_text

    if form == "parquet":
        if out is None:
            raise UserError("a Parquet table needs --out FILE.parquet")
        write_parquet(evaluations, out)
        return
    text = text_of(evaluations, form)
    if out is None:
        print(text, end="")
    else:
        write_text(text, out)
