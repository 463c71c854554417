"""What the workflow would do: dry runs only."""

import resource
from pathlib import Path

import pytest
import yaml

from evfi.io.verification import verify_store
from tests.workflow.conftest import REPOSITORY, SMOKE, planned, snakemake


def overlay(folder: Path, name: str, changes: dict) -> list[str]:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(changes))
    return [*SMOKE, str(path)]


def test_the_default_run_plans_every_step_of_the_demo(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert plan == {
        "demo_data": 1,
        "blocks_train": 1,
        "blocks_test": 1,
        "ingest": 3,
        "simulate": 7,
        "index": 2,
        "flows": 2,
        "train_stage": 7,
        "evaluate": 4,
        "report": 1,
    }


def test_wevi_adds_its_stages_and_the_flows_that_they_and_the_evaluation_need(tmp_path: Path) -> None:
    plan = planned(tmp_path, *SMOKE, "--config", "families=wevi")
    assert (plan["flows"], plan["train_stage"], plan["evaluate"]) == (2, 2, 2)


def test_recordings_of_ones_own_train_both_stages_of_wevi_on_their_beginning(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.aedat4", "b.aedat4")]
    for file in files:
        file.touch()
    given = f"recordings=[{', '.join(str(file) for file in files)}]"
    plan = planned(tmp_path, "--configfile", str(REPOSITORY / "config" / "wevi_davis.yaml"), "--config", given)
    assert plan == {"ingest": 2, "index": 2, "flows": 2, "train_stage": 2, "evaluate": 2, "report": 1}


def test_vimeo90k_at_full_size_stays_far_below_2000_jobs(tmp_path: Path) -> None:
    lists = {"train_list": "train.txt", "test_list": "test.txt"}
    for name in lists.values():
        (tmp_path / name).write_text("00001/0001\n")
    tree = {"root": "vimeo90k", **lists, "receipt": None, "train_clips": 64612, "test_clips": 7824, "shard_size": 256}
    path = tmp_path / "full.yaml"
    path.write_text(yaml.safe_dump({"demo": None, "septuplets": tree, "recordings": None, "threshold_sweep": {}}))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    plan = planned(tmp_path, "--configfile", str(path))
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 30  # measured: see docs/scaling.md
    assert plan["evaluate"] == 4
    assert plan["sweep_thresholds"] == 1
    assert plan["simulate"] == 253 + 31
    assert sum(plan.values()) < 2000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"simulation": {"contrst": 1}}, "simulation.contrst: no such option"),
        ({"training": {"timelens": {"recipe": {"stpes": 3}}}}, "timelens.stages.synthesis: stpes: no such option"),
        ({"training": {"timelens": {"stages": {"attentoin": {}}}}}, "training.timelens.stages.attentoin"),
        ({"training": {"timelens": {"model": {"width": 8}}}}, "training.timelens.model: width: no such option"),
        ({"families": ["timelenz"]}, "unknown family 'timelenz'"),
        ({"septuplets": None, "recordings": []}, "nothing to work on"),
        ({"threshold_sweep": {"contrast": [0.1]}}, "threshold_sweep.contrast: no such option"),
        ({"septuplets": None}, "threshold_sweep needs test clips"),
    ],
)
def test_a_typo_in_the_configuration_is_one_line_with_the_path_of_the_key(
    tmp_path: Path, changes: dict, expected: str
) -> None:
    done = snakemake(tmp_path, "--dry-run", *overlay(tmp_path, "typo", changes))
    assert done.returncode != 0
    lines = [line for line in done.stdout.splitlines() if "evfi: error:" in line]
    assert len(lines) == 1
    assert expected in lines[0]
    assert "Traceback" not in done.stdout


def test_every_store_of_a_run_is_whole(smoke: Path) -> None:
    stores = sorted((smoke / "results/smoke").glob("s*/**/*.zarr"))
    assert {path.parent.name for path in stores} == {"recordings", "clips", "samples"}
    for path in stores:
        assert verify_store(path)["values"] > 0


def test_a_finished_run_has_nothing_to_do(smoke: Path) -> None:
    assert planned(smoke, *SMOKE) == {}


def test_a_changed_attention_learning_rate_runs_that_stage_evaluation_and_report(smoke: Path, tmp_path: Path) -> None:
    changes = {"training": {"timelens": {"stages": {"attention": {"learning_rate": 2e-3}}}}}
    plan = planned(smoke, *overlay(tmp_path, "rate", changes))
    assert plan == {"train_stage": 1, "evaluate": 1, "sweep_thresholds": 1, "report": 1}


def test_a_changed_threshold_runs_simulation_and_all_after_it(smoke: Path, tmp_path: Path) -> None:
    changes = {"simulation": {"contrast_pos": 0.3}}
    plan = planned(smoke, *overlay(tmp_path, "threshold", changes))
    assert plan == {
        "simulate": 4,
        "index": 2,
        "flows": 2,
        "train_stage": 7,
        "evaluate": 4,
        "sweep_thresholds": 1,
        "report": 1,
    }


def test_a_changed_number_of_loader_workers_runs_nothing(smoke: Path, tmp_path: Path) -> None:
    assert planned(smoke, *overlay(tmp_path, "workers", {"runtime": {"workers": 2, "checkpoint_seconds": 3}})) == {}


def test_a_changed_report_title_runs_the_report_alone(smoke: Path, tmp_path: Path) -> None:
    assert planned(smoke, *overlay(tmp_path, "title", {"report": {"title": "Mine"}})) == {"report": 1}


def test_changed_thresholds_of_the_sweep_run_the_sweep_and_the_report_alone(smoke: Path, tmp_path: Path) -> None:
    plan = planned(smoke, *overlay(tmp_path, "sweep", {"threshold_sweep": {"contrasts": [0.2]}}))
    assert plan == {"sweep_thresholds": 1, "report": 1}
