"""The report: one HTML page that opens from disk without a network, metrics.json and resources.json."""

import base64
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evfi.evaluation.options import EvaluationOptions
from evfi.io.atomic import writing
from evfi.provenance import git_hash, package_version, write_json, write_stamp
from evfi.reports import formatting, summary, verdicts
from evfi.reports.comparison import Comparison
from evfi.reports.datasets import data_pages
from evfi.reports.disk import bytes_of_rules
from evfi.reports.gallery import galleries
from evfi.reports.goals import GoalResult, goal_results
from evfi.reports.measured import read_json, read_measured
from evfi.reports.metrics_document import metrics_document
from evfi.reports.options import ReportOptions
from evfi.reports.origins import demo_table, package_versions, read_stamps
from evfi.reports.panels import goals_view, resources_view, training_view
from evfi.reports.pictures import error_gradient
from evfi.reports.resources import read_jobs, resources_document
from evfi.reports.settings import sections
from evfi.reports.summary import Summary, goal_words
from evfi.reports.thresholds import read_sweep, sweep_views
from evfi.reports.trainings import read_trainings
from evfi.units import BYTES_PER_MB

log = logging.getLogger(__name__)
PAGE, METRICS, RESOURCES = "report.html", "metrics.json", "resources.json"
_TEMPLATE = "report.html.j2"


def write_report(
    out_dir: Path,
    *,
    evaluations: Sequence[Path],
    thresholds: Path | None = None,
    trainings: Sequence[Path] = (),
    benchmarks: Path | None = None,
    outputs: Mapping[str, Sequence[Path]] | None = None,
    demo: Path | None = None,
    stores: Sequence[Path] = (),
    options: ReportOptions | None = None,
    evaluation_options: EvaluationOptions | None = None,
) -> Summary:
    """Write report.html, metrics.json (deterministic) and resources.json into `out_dir`, and the page's stamp.

    Args:
        evaluations: folders that `evaluate` wrote, of the baselines and of each family, on one sample index.
        thresholds: the folder that `sweep_thresholds` wrote, on the same index.
        trainings: training folders `<family>/<stage>/`, in the order of the stages.
        benchmarks: Snakemake's folder of benchmark files.
        outputs: what each rule wrote, for the disk it takes.
        demo: the receipt of rendered demo data (demo.json).
        stores: receipts of the stores (x.json) that the index points into.
        options: title, goals, pictures.
        evaluation_options: how intervals are made; by default those of the evaluations.

    Raises:
        MissingInputError, InputFileError: an input is absent or damaged.
        UserError: the evaluations do not belong together.
        OutputError: `out_dir` cannot be written.
    """
    options = options or ReportOptions()
    measured = read_measured(evaluations)
    evaluation_options = evaluation_options or measured.options
    comparison = Comparison(measured, evaluation_options)
    sweep = read_sweep(thresholds, measured.documents[0].get("index_sha256"), evaluation_options.bootstrap)
    swept = [] if thresholds is None else [thresholds]
    goals = goal_results(options.goals, comparison)
    jobs = read_jobs(benchmarks)
    runs = read_trainings(trainings)
    page, metrics, resources = (out_dir / name for name in (PAGE, METRICS, RESOURCES))
    tallies, found = verdicts.tallies(comparison, options), verdicts.verdicts(comparison, options)
    parts, disk = summary.parts(comparison, options), bytes_of_rules(outputs or {})
    text = _rendered(
        {
            "options": options,
            "tallies": tallies,
            "verdicts": found,
            "goals": goals_view(goals, comparison),
            "sections": sections(comparison, options),
            "parts": parts,
            "thresholds": sweep_views(sweep, comparison),
            "samples": galleries(comparison, options),
            "trainings": [training_view(training, options) for training in runs],
            "data": data_pages(stores, options),
            "demo": None if demo is None else demo_table(read_json(demo, remedy="make it with `evfi demo-data`")),
            "resources": resources_view(jobs, disk),
            "stamps": read_stamps([*evaluations, *swept, *trainings, *map(_store_of, stores)], out_dir),
        }
    )
    document = metrics_document(comparison, goals, options.main_metric, sweep)
    for path, write in (
        (metrics, lambda partial: write_json(partial, document)),
        (resources, lambda partial: write_json(partial, resources_document(jobs, disk))),
        (page, lambda partial: partial.write_text(text, encoding="utf-8")),
    ):
        with writing(path) as partial:
            write(partial)
    write_stamp(page)
    sentences = [*tallies, *(verdict.sentence for verdict in found), *(part.sentence for part in parts)]
    log.info("%s: %.1f MB", page, len(text.encode()) / BYTES_PER_MB)
    return Summary(
        report=page,
        metrics=metrics,
        resources=resources,
        sentences=tuple(summary.plain(sentence) for sentence in sentences),
        goals_met=sum(result.status == "met" for result in goals),
        goals_missed=_in_words(goals, "missed", comparison),
        goals_not_measured=_in_words(goals, "not measured", comparison),
    )


def _rendered(content: dict[str, Any]) -> str:
    """The page's text. Everything is escaped but the package's own style, script and figures."""
    loader = PackageLoader("evfi.reports", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        {"duration": formatting.duration, "memory": formatting.memory, "count": formatting.count}
    )
    style, script = (loader.get_source(environment, name)[0] for name in ("report.css", "report.js"))
    return environment.get_template(_TEMPLATE).render(
        **content,
        style=Markup(style),  # noqa: S704 - the package's own file
        script=Markup(script),  # noqa: S704 - the package's own file
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        gradient=error_gradient(),
        version=package_version(),
        git=git_hash(),
        packages=package_versions(),
        made_at=time.strftime("%Y-%m-%d %H:%M %Z"),
    )


def _in_words(goals: Sequence[GoalResult], status: str, comparison: Comparison) -> tuple[str, ...]:
    return tuple(goal_words(result, comparison) for result in goals if result.status == status)


def _store_of(receipt: Path) -> Path:
    """The stamp of x.zarr and its receipt x.json lies at the same place."""
    return receipt.with_suffix(".zarr")
