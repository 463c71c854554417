"""config/wevi_davis.yaml on a real recording: both stages on its first 70 %, measured on its end."""

import json
from pathlib import Path

import pandas as pd
import pytest

from evfi.provenance import canonical_json
from tests.workflow.conftest import REPOSITORY, snakemake

SMALL = {
    "model": {"base_channels": 8},
    "recipe": {
        "batch_size": 2,
        "augment": {"crop": 96},
        "learning_rate": 4e-3,
        "schedule": "one_cycle",
        "threads": 1,
        "validation_every": 100,
    },
    "stages": {"correction": {"steps": 300}, "refinement": {"steps": 60}},
}


@pytest.mark.slow
def test_davis346_is_trained_on_its_beginning_and_measured_on_its_end(tmp_path: Path, real_data: Path) -> None:
    """The scene stands still, so no margin is asked; the table is printed (pytest -s)."""
    overlay = tmp_path / "small.yaml"
    overlay.write_text(canonical_json({"training": {"wevi": SMALL}}))
    recording = real_data / "davis" / "davis346.aedat4"
    files = (str(REPOSITORY / "config" / "wevi_davis.yaml"), str(overlay))
    done = snakemake(tmp_path, "--configfile", *files, "--config", f"recordings={recording}", timeout=3600)
    assert done.returncode == 0, done.stdout[-4000:]
    results = tmp_path / "results" / "wevi_davis"
    for stage in ("correction", "refinement"):
        run = json.loads((results / "wevi" / stage / "run.json").read_text())
        print(stage, run["samples"], run["validation"])
    tables = [pd.read_parquet(results / "evaluation" / name / "targets.parquet") for name in ("baselines", "wevi")]
    targets = pd.concat(tables)
    by_method = targets.pivot_table("value", ["protocol", "method"], "metric")
    print(by_method.round(3).to_string())
    held_out = by_method.loc["skip"]
    assert held_out.loc["wevi", ["psnr_float", "psnr_active"]].notna().all()
    assert by_method.loc["between"].loc["wevi", "event_consistency"] > -1
    index = pd.read_parquet(results / "samples" / "train.parquet")
    test = pd.read_parquet(results / "samples" / "test.parquet")
    assert max(index["frame1"].tolist()) < int(0.7 * 59) < min(test["frame0"].tolist())
