"""The report's section on thresholds and noise, and its rows in metrics.json."""

import json
from pathlib import Path

import pandas as pd
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.provenance import write_json
from evfi.reports.page import write_report

CONDITIONS = [(contrast, noisy) for noisy in (False, True) for contrast in (0.1, 0.3)]


def sweep(run, index_sha256: str = "1" * 64) -> Path:
    """A made-up sweep of all methods: PSNR falls by 10 dB a unit of threshold, and by 3 dB with noise."""
    table = pd.concat(pd.read_parquet(evaluation / "targets.parquet") for evaluation in run.evaluations)
    table = table[(table["metric"] == "psnr_float") & (table["dataset"] == "septuplets")]
    parts = [
        table.assign(contrast=contrast, noisy=noisy, value=table["value"] - 10 * contrast - 3 * noisy)
        for contrast, noisy in CONDITIONS
    ]
    folder = run.root / "thresholds"
    folder.mkdir()
    pd.concat(parts).to_parquet(folder / "targets.parquet")
    noise = {"shot_rate_hz": 5.0, "leak_rate_hz": 0.0}
    write_json(folder / "thresholds.json", {"index_sha256": index_sha256, "options": {"noise": noise}})
    return folder


def test_a_sweep_gets_a_figure_a_table_and_rows_of_its_own(made_run) -> None:
    run = made_run.write()
    summary = write_report(run.root / "out", evaluations=run.evaluations, thresholds=sweep(run))
    page = summary.report.read_text()
    section = page[page.index('<section id="thresholds">') :]
    section = section[: section.index("</section>")]
    assert section.count("<svg") == 2, "skips 1 and 5"
    assert section.count("stroke-dasharray") >= 2 * 5, "a dashed line of each method"
    assert section.count("with noise") >= 2 * 5
    assert "shot_rate_hz" in section
    assert "leak_rate_hz" not in section
    rows = json.loads(summary.metrics.read_text())["threshold_rows"]
    assert {(row["contrast"], row["noisy"]) for row in rows} == set(CONDITIONS)
    places = [(row["contrast"], row["noisy"], row["dataset"], row["skip"], row["method"]) for row in rows]
    assert len(set(places)) == len(places), "each mean stands once"
    found = {
        (row["contrast"], row["noisy"]): row["value"]
        for row in rows
        if row["method"] == "timelens" and row["skip"] == 5
    }
    assert found[0.1, False] - found[0.3, False] == pytest.approx(2)
    assert found[0.1, False] - found[0.1, True] == pytest.approx(3)


def test_without_a_sweep_the_page_has_no_such_section(made_run) -> None:
    run = made_run.write()
    summary = write_report(run.root / "out", evaluations=run.evaluations)
    assert 'id="thresholds"' not in summary.report.read_text()
    assert "threshold_rows" not in json.loads(summary.metrics.read_text())


def test_a_sweep_of_another_index_is_refused(made_run) -> None:
    run = made_run.write()
    with pytest.raises(UserError, match="another sample index"):
        write_report(run.root / "out", evaluations=run.evaluations, thresholds=sweep(run, "2" * 64))


def test_a_sweep_that_is_absent_or_damaged_is_named(made_run) -> None:
    run = made_run.write()
    folder = sweep(run)
    table = pd.read_parquet(folder / "targets.parquet")
    table.drop(columns="noisy").to_parquet(folder / "targets.parquet")
    with pytest.raises(InputFileError, match=r"targets\.parquet lacks the columns \['noisy'\]"):
        write_report(run.root / "out", evaluations=run.evaluations, thresholds=folder)
    (folder / "targets.parquet").unlink()
    with pytest.raises(MissingInputError, match="evfi sweep-thresholds"):
        write_report(run.root / "out", evaluations=run.evaluations, thresholds=folder)
