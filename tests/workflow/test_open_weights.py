"""config/open_weights.yaml: planned as it stands, and run from rendering to report on the smallest scenes."""

import json
from pathlib import Path

import pandas as pd
import pytest

from evfi.config import read_run_config
from evfi.provenance import canonical_json
from tests.workflow.conftest import REPOSITORY, planned, snakemake

CONFIG = REPOSITORY / "config" / "open_weights.yaml"
TINY = {
    "families": ["timelens"],
    "compared": {"timelens_demo": "{results_dir}/timelens/attention/weights.safetensors"},
    "scenes": {
        "train": 3,
        "validation": 1,
        "test": 1,
        "shard_size": 2,
        "render": {"sizes": [[48, 40], [36, 44]], "measured_sizes": [[40, 48]], "layers": [1, 2]},
    },
    "samples": {"scenes": {"train_rows": 6}},
    "training": {
        "timelens": {
            "model": {"base_width": 4},
            "recipe": {"batch_size": 2, "augment": {"crop": 32}, "validation_every": 3, "validation_samples": 2},
            "stages": {
                name: {"steps": 4, "batch_size": 2} for name in ("synthesis", "warp", "refinement", "attention")
            },
        }
    },
    "report": {"goals": []},
}


def test_the_run_is_shards_of_scenes_two_indexes_four_stages_and_four_evaluations(tmp_path: Path) -> None:
    jobs = planned(tmp_path, "--configfile", str(CONFIG))
    config = read_run_config([CONFIG], {}, REPOSITORY / "config" / "config.yaml")
    shards = {*config.scene_shards("train"), *config.scene_shards("test")}
    assert jobs == {
        "render_scenes": len(shards),
        "index": 2,
        "train_stage": 4,
        "evaluate": 4,
        "report": 1,
    }


def test_the_run_on_real_frames_simulates_the_videos_and_ingests_the_recording(tmp_path: Path) -> None:
    for name in ("davis/davis346.aedat4", "gopro240/000001.png", "video/vtest.avi", "video/bikes.mp4"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    jobs = planned(tmp_path, "--configfile", str(CONFIG.with_name("open_weights_real.yaml")), "--config", "data=data")
    assert jobs == {"ingest": 1, "simulate_recording": 3, "index": 1, "evaluate": 4, "report": 1}


def test_every_crop_fits_into_every_scene_and_training_draws_the_sensor_that_validation_has() -> None:
    config = read_run_config([CONFIG], {}, REPOSITORY / "config" / "config.yaml")
    assert config.scenes is not None
    smallest = min(min(size) for size in config.scenes.render.sizes)
    for stage in config.stages("timelens"):
        recipe = config.recipe("timelens", stage.name)
        assert max(recipe.augment.side(step) for step in range(8)) <= smallest
        assert recipe.online_simulation == config.scenes.sensor
    assert max(config.samples.scenes.train_skips) == 15


@pytest.mark.slow
def test_the_whole_run_on_tiny_scenes_ends_in_a_report_of_both_protocols(tmp_path: Path) -> None:
    overlay = tmp_path / "tiny.yaml"
    overlay.write_text(canonical_json(TINY))
    done = snakemake(tmp_path, "--configfile", str(CONFIG), str(overlay), timeout=1200)
    assert done.returncode == 0, done.stdout[-4000:]
    results = tmp_path / "results" / "open_weights"
    tables = [
        pd.read_parquet(results / "evaluation" / name / "targets.parquet") for name in ("timelens", "timelens_demo")
    ]
    assert set(tables[0]["dataset"]) == {"scenes_clean", "scenes_noisy"}
    assert set(tables[0]["skip"]) == {1, 3, 7, 15}
    values = [table[table["metric"] == "psnr_float"].groupby("method")["value"].mean() for table in tables]
    assert values[0]["timelens"] == values[1]["timelens_demo"]
    metrics = json.loads((results / "metrics.json").read_text())
    assert {row["dataset"] for row in metrics["rows"]} == {"scenes_clean", "scenes_noisy"}
    assert "Rendered scenes, test" in (results / "report.html").read_text()
