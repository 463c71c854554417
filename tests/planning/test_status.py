"""`evfi status` on runs in every state: what is done, at work, stopped and failed is read from files alone."""

import json
import os
from pathlib import Path

import pytest

from evfi.cli.app import exit_code
from evfi.config import Config, validated
from evfi.io.atomic import is_locked, locked
from evfi.planning.outputs import outputs_of
from evfi.planning.status import duration, status_lines, status_of

STEPS = 40


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A run of 5 + 1 shards and four stages, of which nothing is there yet."""
    septuplets = {"root": "v", "train_list": "a", "test_list": "b", "train_clips": 10, "test_clips": 2, "shard_size": 2}
    training = {"timelens": {"recipe": {"steps": STEPS}}}
    return validated({"results_dir": str(tmp_path / "results"), "septuplets": septuplets, "training": training}, "test")


def written(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def shard(config: Config, name: str, *, events: int, made: float) -> None:
    store = Path(config.results_dir) / f"stores/clips/{name}.zarr"
    store.mkdir(parents=True)
    receipt = written(store.with_suffix(".json"), json.dumps({"event_count": events}))
    os.utime(receipt, (made, made))


def log(config: Config, name: str, *lines: str) -> Path:
    return written(Path(config.results_dir) / f"logs/{name}.log", "\n".join(lines) + "\n")


def journal(config: Config, *, steps: int, whole: bool = True) -> None:
    lines = [{"kind": "validation", "step": 0, "metrics": {"loss": 0.5, "psnr": 18.0}}]
    lines += [{"kind": "train", "step": step, "data_s": 1.0, "step_s": 4.0} for step in range(10, steps + 1, 10)]
    lines += [{"kind": "validation", "step": steps, "metrics": {"loss": 0.25, "psnr": 21.5}}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    folder = Path(config.results_dir) / "state/timelens-synthesis-0123"
    written(folder / "metrics.jsonl", text if whole else text + '{"kind": "tr')


def test_a_run_that_was_not_begun_waits_and_nothing_failed(config: Config) -> None:
    status = status_of(config)
    assert (status["shards"]["done"], status["shards"]["total"], status["failures"]) == (0, 6, [])
    assert all(set(states) == {"waiting"} for states in status["outputs"].values())


def test_shards_and_events_are_counted_and_the_rest_is_timed_by_the_pace_of_the_last(config: Config) -> None:
    for number in range(3):
        shard(config, f"train-{number:05d}", events=1000, made=1e9 + 60 * number)
    with locked(Path(config.results_dir) / "stores/clips/train-00003.zarr"):
        status = status_of(config)
    assert status["shards"] == {"done": 3, "total": 6, "events": 3000, "seconds_left": 180.0}
    assert status["outputs"]["simulate"] == {"done": 3, "running": 1, "waiting": 2}
    assert status_lines(status)[0].startswith("shards      3 of 6 done, 3,000 events, 3.0 min left")


def test_no_time_is_promised_while_nothing_is_at_work(config: Config) -> None:
    for number in range(2):
        shard(config, f"train-{number:05d}", events=1, made=1e9 + number)
    assert status_of(config)["shards"]["seconds_left"] is None


def test_a_failed_shard_is_named_with_what_its_log_says_and_where_it_lies(config: Config) -> None:
    path = log(config, "simulate/train-00001", "evfi: simulating", "evfi: error: clip 00001/0002: cannot read im4.png")
    status = status_of(config)
    assert status["failures"] == [
        {"rule": "simulate", "name": "train-00001", "says": "clip 00001/0002: cannot read im4.png", "log": str(path)}
    ]
    assert f"(log: {path})" in status_lines(status)[-1]


def test_a_bug_is_a_failure_too(config: Config) -> None:
    log(config, "index/train", "Traceback (most recent call last):", "ZeroDivisionError: division by zero")
    assert [failure["says"] for failure in status_of(config)["failures"]] == ["ZeroDivisionError: division by zero"]


@pytest.mark.parametrize("reason", ["the time budget is used up", "SIGTERM arrived"])
def test_a_training_that_ended_to_go_on_later_is_stopped_and_not_failed(config: Config, reason: str) -> None:
    log(config, "train/timelens-synthesis", f"evfi: error: {reason} at step 20 of 40; run the same command again")
    journal(config, steps=20)
    status = status_of(config)
    assert status["failures"] == []
    assert (status["stages"][0]["state"], status["stages"][0]["step"]) == ("stopped", 20)


def test_a_stage_at_work_shows_step_last_validation_and_time_left(config: Config) -> None:
    journal(config, steps=20, whole=False)
    with locked(Path(config.results_dir) / "timelens/synthesis"):
        status = status_of(config)
    stage = status["stages"][0]
    assert (stage["state"], stage["step"], stage["steps"]) == ("running", 20, STEPS)
    assert stage["validation"] == {"step": 20, "loss": 0.25, "psnr": 21.5}
    assert stage["seconds_left"] == pytest.approx(20 * 0.5)  # 5 s for ten steps
    text = "timelens synthesis: running, step 20 of 40, validation at 20: loss 0.25, psnr 21.5, 10 s left"
    assert any(line.startswith(text) for line in status_lines(status))


def test_a_lock_that_a_killed_writer_left_does_not_count(tmp_path: Path) -> None:
    output = tmp_path / "x.zarr"
    written(tmp_path / "x.zarr.lock", "123")
    assert not is_locked(output)
    with locked(output):
        assert is_locked(output)
    assert not is_locked(output)


def test_flows_are_an_output_of_a_run_whose_family_needs_them(config: Config) -> None:
    with_flows = config.model_copy(update={"families": ("wevi",)})
    assert [each.name for each in outputs_of(with_flows) if each.rule == "flows"] == ["train", "test"]
    assert not any(each.rule == "flows" for each in outputs_of(config))


def test_the_verb_takes_overlays_as_snakemake_does_and_exits_1_when_something_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "config/config.yaml", "results_dir: r\nseptuplets: {root: v, train_list: a, test_list: b, "
            "train_clips: 4, test_clips: 2, shard_size: 2}\n")  # fmt: skip
    overlay = written(tmp_path / "mine.yaml", "septuplets: {train_clips: 8}\n")
    arguments = ["status", "--configfile", str(overlay), "--config", "results_dir=other", "--json"]
    assert exit_code(arguments) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["results"], status["shards"]["total"]) == ("other", 5)
    written(tmp_path / "other/logs/report.log", "evfi: error: no space left\n")
    assert exit_code(arguments) == 1
    assert exit_code(["status", "--config", "results_dri=x"]) == 2
    assert "results_dri: no such option" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (720, "12.0 min"), (12_600, "3.5 h"), (200_000, "2.3 days")]
)
def test_durations_are_told_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text
