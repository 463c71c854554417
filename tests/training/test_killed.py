"""Training that is killed outright, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Train = Callable[..., dict[str, Any]]

STEPS = 40
PROGRAM = f"""
import sys
from pathlib import Path
from evfi.errors import EvfiError
from evfi.models.registry import FAMILIES
from evfi.training.loop import train_stage
from evfi.training.options import Runtime

family = FAMILIES["timelens"]
stage = family.stage("synthesis")
index, out, state, workers = sys.argv[1:]
recipe = stage.recipe.overridden({{
    "steps": {STEPS}, "batch_size": 2, "augment": {{"crop": 32}}, "journal_every": 2, "validation_every": 10,
    "validation_samples": 2, "learning_rate": 1e-3,
}})
try:
    train_stage(
        family, stage, index=Path(index), starts={{}}, model_options=family.options(base_width=4), recipe=recipe,
        runtime=Runtime(workers=int(workers), checkpoint_seconds=0), state_dir=Path(state), out=Path(out),
        fingerprint="abc",
    )
except EvfiError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def started(index: Path, out: Path, state: Path, *, workers: int, log: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM, str(index), str(out), str(state), str(workers)]
    with log.open("w") as file:
        return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=file)


def last_step(state: Path) -> int:
    """Of the newest checkpoint; 0 where there is none."""
    return max((int(path.name[5:14]) for path in state.glob("step-*.pt")), default=0)


def wait_for_step(process: "subprocess.Popen[bytes]", state: Path, step: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if last_step(state) >= step:
            return
        time.sleep(0.01)
    raise AssertionError(f"no checkpoint of step {step} came; exit code {process.poll()}")


def descendants(process: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return [each for child in children for each in (child, *descendants(child))]


def is_alive(process: int) -> bool:
    """Whether it still runs; one that ended but was not yet reaped does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def assert_all_end(processes: list[int]) -> None:
    until = time.monotonic() + 10
    while any(is_alive(process) for process in processes):
        assert time.monotonic() < until, "a loader worker outlived its trainer"
        time.sleep(0.05)


def test_killed_then_terminated_then_finished_it_ends_with_the_same_weights_bit_for_bit(
    index: Path, train: Train, tmp_path: Path
) -> None:
    out, state, log = tmp_path / "out", tmp_path / "state", tmp_path / "log"
    recipe = {"steps": STEPS, "validation_every": 10}

    killed = started(index, out, state, workers=1, log=log)
    wait_for_step(killed, state, 4)
    helpers = descendants(killed.pid)
    assert len(helpers) >= 2  # the fork server and a worker
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(timeout=20) == -signal.SIGKILL
    assert_all_end(helpers)
    reached = last_step(state)

    terminated = started(index, out, state, workers=0, log=log)
    wait_for_step(terminated, state, reached + 1)
    terminated.send_signal(signal.SIGTERM)
    assert terminated.wait(timeout=30) == 75
    assert "SIGTERM arrived at step" in log.read_text()
    assert reached < last_step(state) < STEPS
    assert not out.exists()

    train(out, recipe=recipe)
    train(tmp_path / "undisturbed", state_dir=tmp_path / "other", recipe=recipe)
    for name in ("weights.safetensors", "run.json"):
        assert (out / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    assert steps_in(out) == steps_in(tmp_path / "undisturbed")


def steps_in(folder: Path) -> list[tuple[str, int]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(line["kind"], line["step"]) for line in lines]
