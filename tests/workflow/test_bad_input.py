"""Bad input in the middle of a run: one line that names it, and the rest of the work is done."""

from pathlib import Path

import pytest

from tests.workflow.conftest import SMOKE, snakemake

TREE = "results/smoke/demo/raw/vimeo90k/sequences"


@pytest.mark.parametrize("damage", ["missing", "corrupt"])
def test_a_bad_frame_fails_its_shard_with_one_line_and_leaves_the_others_alone(smoke_copy: Path, damage: str) -> None:
    results = smoke_copy / "results/smoke"
    clips = (results / "lists/train-00000.txt").read_text().split()
    frame = smoke_copy / TREE / clips[0] / "im4.png"
    if damage == "missing":
        frame.unlink()
    else:
        frame.write_bytes(frame.read_bytes()[:-40])
    shards = [f"results/smoke/stores/clips/{shard}.zarr" for shard in ("train-00000", "train-00001")]
    done = snakemake(smoke_copy, *SMOKE, "--keep-going", "--forcerun", "simulate", "--", *shards)
    assert done.returncode == 1
    lines = {line for line in done.stdout.splitlines() if line.startswith("evfi: error:")}
    assert len(lines) == 1
    assert clips[0] in lines.pop()
    assert not (smoke_copy / shards[0]).exists()
    assert (smoke_copy / shards[1]).is_dir()
    assert list(results.rglob("*.partial")) == []


def test_a_recording_without_frames_stops_the_run_with_one_line(tmp_path: Path, real_data: Path) -> None:
    source = (real_data / "davis/dvxplorer_events_only.aedat4").resolve()
    done = davis(tmp_path, source)
    assert done.returncode == 1
    assert "has no frames, only events" in done.stdout
    assert "Traceback" not in done.stdout
    assert (tmp_path / "results/davis/stores/recordings/dvxplorer_events_only.zarr").is_dir()


def test_absent_pretrained_weights_are_one_line(tmp_path: Path, real_data: Path) -> None:
    done = davis(tmp_path, (real_data / "davis/davis346.aedat4").resolve(), "--keep-going")
    assert done.returncode == 1
    lines = {line for line in done.stdout.splitlines() if line.startswith("evfi: error:")}
    assert len(lines) == 1
    assert "results/timelens/attention/weights.safetensors" in lines.pop()
    assert (tmp_path / "results/davis/evaluation/baselines/targets.parquet").is_file()


def test_the_real_recording_runs_through_to_its_report(smoke: Path, tmp_path: Path, real_data: Path) -> None:
    import json

    weights = tmp_path / "results/timelens/attention/weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes((smoke / "results/smoke/timelens/attention/weights.safetensors").read_bytes())
    done = davis(tmp_path, (real_data / "davis/davis346.aedat4").resolve())
    assert done.returncode == 0, done.stdout[-3000:]
    results = tmp_path / "results/davis"
    assert (results / "report.html").is_file()
    rows = json.loads((results / "metrics.json").read_text())["rows"]
    found = {
        row["method"]: row["value"]
        for row in rows
        if row["metric"] == "psnr_float" and row["target"] == "all" and row["averaging"] == "frame"
    }
    # Measured before by others on this file: copying 31.5 dB, blend 33.9, DIS flow 39.0 (specs/formats.md).
    assert found["copy"] == pytest.approx(31.5, abs=0.1)
    assert found["blend"] == pytest.approx(33.9, abs=0.1)
    assert found["flow"] > 38
    assert "timelens" in found
    assert {row["frames"] for row in rows if row["metric"] == "psnr_float" and row["target"] == "all"} == {57}


def davis(folder: Path, recording: Path, *arguments: str):
    from tests.workflow.conftest import REPOSITORY

    config = str(REPOSITORY / "config" / "davis.yaml")
    return snakemake(folder, "--configfile", config, "--config", f"recordings={recording}", *arguments)
