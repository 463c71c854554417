"""`evfi report`: everything that was measured, on one page."""

from pathlib import Path
from typing import Annotated

import typer

from evfi.cli.arguments import OptionsJson, options_from, parsed_options
from evfi.evaluation.options import EvaluationOptions
from evfi.reports.options import ReportOptions


def run(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for report.html, metrics.json, resources.json.")],
    evaluations: Annotated[str, typer.Option(metavar="FOLDER…", help="Evaluation folders, separated by spaces.")],
    thresholds: Annotated[Path | None, typer.Option(metavar="FOLDER", help="A threshold sweep.")] = None,
    trainings: Annotated[str, typer.Option(metavar="FOLDER…", help="Training folders, separated by spaces.")] = "",
    stores: Annotated[str, typer.Option(metavar="FILE…", help="Receipts of the stores, separated by spaces.")] = "",
    rendered: Annotated[Path | None, typer.Option(help="The receipt of rendered data, such as demo.json.")] = None,
    benchmarks: Annotated[Path | None, typer.Option(help="Snakemake's benchmark files.")] = None,
    outputs: Annotated[
        str, typer.Option(metavar="RULE=PATH…", help="What each rule wrote, separated by spaces: for its disk space.")
    ] = "",
    options: OptionsJson = "",
) -> None:
    """Write the report of a run: one HTML page that opens from disk, metrics.json and resources.json.

    Example: `evfi report results --evaluations "results/evaluation/baselines results/evaluation/timelens"`
    """
    from evfi.reports.disk import parsed_outputs
    from evfi.reports.page import write_report

    given = parsed_options(options, "report", "evaluation")
    summary = write_report(
        out,
        evaluations=[Path(folder) for folder in evaluations.split()],
        thresholds=thresholds,
        trainings=[Path(folder) for folder in trainings.split()],
        stores=[Path(receipt) for receipt in stores.split()],
        demo=rendered,
        benchmarks=benchmarks,
        outputs=parsed_outputs(outputs.split()),
        options=options_from(ReportOptions, given.get("report", {}), "report"),
        evaluation_options=options_from(EvaluationOptions, given.get("evaluation", {}), "evaluation"),
    )
    print(summary)
