import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evfi.cli.app import exit_code
from evfi.evaluation.metrics import PSNR_CEILING_DB
from evfi.reports.text_tables import text_of, write_parquet

HOSTILE = "<script>alert(1)</script> | a_b & 50 % $x$ \\input{/etc/passwd} [x](y)"


@pytest.fixture
def evaluations(made_run) -> list[Path]:
    made_run.pictures = False
    return made_run.write().evaluations


def long_table(evaluations: list[Path]) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(folder / "targets.parquet") for folder in evaluations])


def test_markdown_shows_both_means_of_every_method(evaluations: list[Path]) -> None:
    text = text_of(evaluations, "markdown")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[0].startswith("True frames")
    part = next(block for block in text.split("## ") if "skip5" in block.replace("\\", ""))
    rows = [line.split(" | ") for line in part.splitlines() if line.startswith("| TimeLens |")]
    table = long_table(evaluations)
    own = table[(table["method"] == "timelens") & (table["skip"] == 5) & (table["metric"] == "psnr_float")]
    means = {"mean of sequences": own.groupby("sequence")["value"].mean().mean(), "mean of frames": own["value"].mean()}
    assert {row[1]: float(row[2].split()[0]) for row in rows} == pytest.approx(means, abs=0.005)
    assert "±" in rows[0][2]


def test_every_table_carries_the_card_of_each_of_its_metrics(evaluations: list[Path]) -> None:
    for form, card in (("markdown", "- **"), ("latex", r"\item[")):
        text = text_of(evaluations, form)
        assert text.count(card) == 3 * 4
        assert f"{PSNR_CEILING_DB:g} dB" in text
        assert "quantised: no" in text
        assert "percentile bootstrap" in text


def test_markdown_escapes_names_from_files(made_run) -> None:
    made_run.label, made_run.pictures = HOSTILE, False
    text = text_of(made_run.write().evaluations, "markdown")
    assert "<script" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "alert" in line]
    assert rows
    heads = next(line for line in text.splitlines() if line.startswith("| method"))
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(re.findall(r"(?<!\\)\|", heads))}
    assert "[x](y)" not in text


def test_latex_escapes_names_from_files_and_its_environments_close(made_run) -> None:
    made_run.label, made_run.pictures = HOSTILE, False
    text = text_of(made_run.write().evaluations, "latex")
    assert "\\input" not in text
    assert r"a\_b \& 50 \% \$x\$ \textbackslash{}input\{: etc: passwd\}" in text
    for name in ("table", "tabular", "description"):
        assert text.count(f"\\begin{{{name}}}") == text.count(f"\\end{{{name}}}") == 3
    heads = next(line for line in text.splitlines() if line.startswith("method &"))
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "alert" in line]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(re.findall(r"(?<!\\)&", heads))}


def test_parquet_holds_every_mean_with_its_definition(evaluations: list[Path], tmp_path: Path) -> None:
    write_parquet(evaluations, tmp_path / "means.parquet")
    table = pd.read_parquet(tmp_path / "means.parquet")
    assert {"method", "metric", "target", "averaging", "value", "low", "high", "definition"} <= set(table.columns)
    one = table[(table["method"] == "flow") & (table["metric"] == "ie") & (table["skip"] == 1)]
    one = one[(one["target"] == "all") & (one["averaging"] == "frame")]
    targets = long_table(evaluations)
    own = targets[(targets["method"] == "flow") & (targets["metric"] == "ie") & (targets["skip"] == 1)]
    np.testing.assert_allclose(one["value"], [own["value"].mean()])


def test_the_verb_prints_writes_and_refuses(evaluations: list[Path], tmp_path: Path, capsys) -> None:
    folders = [str(folder) for folder in evaluations]
    assert exit_code(["table", *folders]) == 0
    printed = capsys.readouterr().out
    assert printed == text_of(evaluations, "markdown")
    assert exit_code(["table", *folders, "--format", "latex", "--out", str(tmp_path / "t.tex")]) == 0
    assert (tmp_path / "t.tex").read_text() == text_of(evaluations, "latex")
    assert exit_code(["table", *folders, "--format", "parquet"]) == 2
    assert "--out" in capsys.readouterr().err
    assert exit_code(["table", str(tmp_path / "absent")]) == 2
