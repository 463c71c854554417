"""docs/davis.md on a real recording: TimeLens trained further on its first 70 %, and whether it helped on its end."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from evfi.provenance import canonical_json
from tests.docs.commands import REPOSITORY, commands_of
from tests.workflow.conftest import environment, snakemake

DEMO_WEIGHTS = Path("results") / "timelens" / "attention" / "weights.safetensors"
# An eighth of the steps of config/davis_finetune.yaml: a direction, not its figures.
SHORT = {
    "finetune_synthesis": {"steps": 150},
    "finetune_warp": {"steps": 125},
    "finetune_refinement": {"steps": 75},
    "finetune_attention": {"steps": 110},
}


@pytest.mark.slow
def test_a_model_trained_further_on_davis346_is_better_on_its_end_than_before(tmp_path: Path, real_data: Path) -> None:
    """The table is printed (pytest -s)."""
    if not (REPOSITORY / DEMO_WEIGHTS).is_file():
        pytest.skip(f"needs the demo's weights, {DEMO_WEIGHTS}: run `make demo` first")
    (tmp_path / DEMO_WEIGHTS).parent.mkdir(parents=True)
    (tmp_path / DEMO_WEIGHTS).symlink_to(REPOSITORY / DEMO_WEIGHTS)
    overlay = tmp_path / "short.yaml"
    overlay.write_text(canonical_json({"training": {"timelens": {"stages": SHORT}}}))
    files = (str(REPOSITORY / "config" / "davis_finetune.yaml"), str(overlay))
    recording = real_data / "davis" / "davis346.aedat4"
    done = snakemake(tmp_path, "--configfile", *files, "--config", f"recordings={recording}", timeout=3600)
    assert done.returncode == 0, done.stdout[-4000:]
    page = commands_of((REPOSITORY / "docs" / "davis.md").read_text(encoding="utf-8"))
    verbs = ("table", "interpolate")
    table, interpolate = (next(one for one in page if one.words[:2] == ("evfi", verb)) for verb in verbs)
    print(said(tmp_path, *table.arguments))
    (tmp_path / "my.aedat4").symlink_to(recording)
    assert "inserted by timelens" in said(tmp_path, *interpolate.arguments, "--end", "0.2")
    evaluations = tmp_path / "results" / "davis_finetune" / "evaluation"
    targets = pd.concat(pd.read_parquet(evaluations / name / "targets.parquet") for name in ("before", "timelens"))
    means = targets.groupby(["metric", "method"])["value"].mean()
    for metric, least in (("psnr_float", 3), ("psnr_active", 0.5)):  # measured: 4.64 and 0.91 dB
        assert means[metric, "timelens"] > means[metric, "before"] + least


def said(folder: Path, *arguments: str) -> str:
    """What a verb prints on stdout."""
    command = [str(Path(sys.executable).parent / "evfi"), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
