"""`evfi plan`: the arithmetic on made-up costs. tests/workflow/test_planned.py compares it with a real run."""

import json
from pathlib import Path
from typing import Any

import pytest

from evfi.cli.app import exit_code
from evfi.config import Config, validated
from evfi.errors import MissingInputError
from evfi.planning.estimate import plan_of, rows_of
from evfi.planning.measured import shard_costs


def config_of(results: Path, **changes: Any) -> Config:
    tree = {"root": "v", "train_list": "a", "test_list": "b", "train_clips": 1000, "test_clips": 100, "shard_size": 100}
    raw = {
        "results_dir": str(results),
        "septuplets": tree,
        "samples": {"validation_fraction": 0.0, "septuplet_train_skips": [1, 3], "septuplet_test_skips": [1]},
        "training": {"timelens": {"recipe": {"steps": 500, "batch_size": 8}}},
    }
    return validated({**raw, **changes}, "test")


def written(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def made_shard(results: Path, name: str, *, clips: int, start: float = 2.0, each: float = 0.5) -> None:
    """A store of 1,000 bytes a clip and 200 fixed ones, its receipt padded to 100 bytes a clip."""
    store = results / f"stores/clips/{name}.zarr"
    store.mkdir(parents=True)
    (store / "events").write_bytes(bytes(1000 * clips))
    (store / "zarr.json").write_bytes(b" " * 200)
    written(store.with_suffix(".json"), {"clip_ids": ["a"] * clips, "event_count": 7000 * clips})
    use = {"cpu_seconds": start + clips * each, "peak_memory_mb": 150.0}
    stamp = {"use": use, "first_clip_cpu_seconds": start + each}
    written(results / f"stores/clips/{name}.provenance.json", stamp)


def test_clips_cost_what_measured_clips_cost_and_each_job_its_start(tmp_path: Path) -> None:
    made_shard(tmp_path, "train-00000", clips=100)
    plan = plan_of(config_of(tmp_path), tmp_path, jobs=4)
    simulate = plan["rules"][0]
    assert (simulate["rule"], simulate["jobs"]) == ("simulate", 11)
    assert simulate["seconds"] == pytest.approx(11 * 2.0 + 1100 * 0.5)
    assert simulate["memory_mb"] == 150.0
    assert simulate["bytes"] == pytest.approx(1000 * 1100, rel=0.05)
    assert plan["wall_seconds"] == pytest.approx(3 * (2.0 + 50.0), rel=0.01)  # three rounds of four jobs


def test_what_was_not_measured_is_said_and_never_guessed(tmp_path: Path) -> None:
    made_shard(tmp_path, "train-00000", clips=100)
    plan = plan_of(config_of(tmp_path), tmp_path, jobs=1)
    assert plan["unmeasured"][:2] == ["index train", "index test"]
    assert "train timelens/synthesis" in plan["unmeasured"]
    assert {rule["seconds"] for rule in plan["rules"][1:]} == {None}


def test_rows_cost_what_measured_rows_cost(tmp_path: Path) -> None:
    made_shard(tmp_path, "train-00000", clips=100)
    table = tmp_path / "samples/train.parquet"
    written(table, "x" * 998)
    written(table.with_suffix(".json"), {"rows": {"train": 100, "validation": 40}})
    use = {"cpu_seconds": 3.0, "peak_memory_mb": 90.0}
    written(tmp_path / "samples/train.provenance.json", {"use": use, "start_cpu_seconds": 2.0})
    index = plan_of(config_of(tmp_path), tmp_path, jobs=1)["rules"][1]
    assert rows_of(config_of(tmp_path), "train") == 14 * 1000  # 5 of skip 1 and 9 of skip 3 a septuplet
    assert index["bytes"] == pytest.approx(1000 * 100)
    assert index["seconds"] == pytest.approx(2.0 + 1.0 * 100)
    assert index["memory_mb"] == pytest.approx(90.0 + 13_860 * 40 / 10**6), (
        "40 bytes for each row that was not measured"
    )


def stage(results: Path, recipe: dict[str, Any]) -> None:
    folder = results / "timelens/synthesis"
    lines = [{"kind": "train", "step": step, "data_s": 1.0, "step_s": 4.0} for step in (10, 20, 30)]
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    written(folder / "run.json", {"device": "cpu", "model": {"base_width": 32}, "recipe": recipe})
    written(results / "timelens/synthesis.provenance.json", {"use": {"cpu_seconds": 9.0, "peak_memory_mb": 800.0}})


def test_a_stage_takes_the_measured_time_of_a_step_and_another_recipe_is_not_comparable(tmp_path: Path) -> None:
    made_shard(tmp_path, "train-00000", clips=100)
    config = config_of(tmp_path)
    stage(tmp_path, config.recipe("timelens", "synthesis").model_dump(mode="json"))
    told = {rule["name"]: rule for rule in plan_of(config, tmp_path, jobs=1)["rules"]}["timelens/synthesis"]
    assert (told["seconds"], told["memory_mb"], told["note"]) == (pytest.approx(250), 800.0, "500 steps on cpu")
    other = config_of(tmp_path, training={"timelens": {"model": {"base_width": 8}, "recipe": {"batch_size": 2}}})
    told = {rule["name"]: rule for rule in plan_of(other, tmp_path, jobs=1)["rules"]}["timelens/synthesis"]
    assert (told["seconds"], told["note"]) == (None, "measured with another batch_size, base_width: not comparable")


def test_a_shard_of_one_clip_or_of_an_older_version_cannot_be_measured(tmp_path: Path) -> None:
    made_shard(tmp_path, "train-00000", clips=1)
    made_shard(tmp_path, "train-00001", clips=5)
    written(tmp_path / "stores/clips/train-00001.provenance.json", {"evfi": "0.0.1"})
    with pytest.raises(MissingInputError, match="--measured"):
        shard_costs(tmp_path)


def test_the_verb_prints_a_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_shard(tmp_path / "small", "train-00000", clips=100)
    default = tmp_path / "config.yaml"
    default.write_text(json.dumps(config_of(tmp_path / "full").model_dump(mode="json")))
    arguments = ["plan", "--default", str(default), "--measured", str(tmp_path / "small"), "--jobs", "4"]
    assert exit_code(arguments) == 0
    printed = capsys.readouterr().out
    assert "1,000 + 100 clips, from 100 clips in 1 measured shards" in printed
    assert "not in the sums, because not measured: index train" in printed
    assert exit_code([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["jobs_side_by_side"] == 4
    assert exit_code(["plan", "--default", str(default)]) == 2
