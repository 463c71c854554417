"""Several processes that train one stage: as one, whatever happens to them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from evfi.errors import UserError
from evfi.models.registry import FAMILIES
from evfi.training.launch import LOST_RANK, agreed
from evfi.training.ranks import Ranks, check_ranks, ranks_told, with_shared_norms
from tests.training.test_killed import assert_all_end, descendants, last_step, wait_for_step

STEPS = 20
# The other order of sums changes a gradient by 1e-6 of itself; at a higher rate WEVI makes chaos of it in twenty steps.
SMALL = {
    "learning_rate": 1e-5,
    "batch_size": 4,
    "augment": {"crop": 32},
    "journal_every": 5,
    "validation_every": 10,
    "validation_samples": 1,
}
MODELS: dict[str, dict[str, Any]] = {
    "timelens": {"base_width": 4},
    "wevi": {"base_channels": 8},
    "convlstm": {"base_channels": 4, "norm": "group"},
}
STAGES = {"timelens": "synthesis", "wevi": "correction", "convlstm": "joint"}


def command(family: str, index: Path, folder: Path, *more: str, recipe: dict[str, Any] | None = None) -> list[str]:
    options = {"recipe": {**SMALL, "steps": STEPS, **(recipe or {})}, "model": MODELS[family]}
    program = "from evfi.cli.app import main; main()"
    places = ["--index", str(index), "--out", str(folder / "out"), "--state", str(folder / "state")]
    verb = ["train", family, STAGES[family], *places, "--options", json.dumps(options), *more]
    return [sys.executable, "-c", program, *verb]


def started(log: Path, arguments: list[str]) -> "subprocess.Popen[bytes]":
    with log.open("a") as file:
        return subprocess.Popen(arguments, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=file)


def trained(family: str, index: Path, folder: Path, *more: str, **changes: Any) -> dict[str, torch.Tensor]:
    folder.mkdir(parents=True, exist_ok=True)
    process = started(folder / "log", command(family, index, folder, *more, **changes))
    assert process.wait(timeout=300) == 0, (folder / "log").read_text()[-3000:]
    return load_file(folder / "out/weights.safetensors")


# Half a batch each without averaging would part them by up to twice the rate a step.
RATES = {"timelens": 1e-5, "wevi": 1e-6, "convlstm": 1e-5}


@pytest.mark.parametrize("family", list(MODELS))
def test_two_ranks_give_the_weights_of_one(family: str, index: Path, tmp_path: Path) -> None:
    recipe = {"learning_rate": RATES[family]}
    one = trained(family, index, tmp_path / "one", "--workers", "0", recipe=recipe)
    two = trained(family, index, tmp_path / "two", "--workers", "0", "--ranks", "2", recipe=recipe)
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6


def test_two_ranks_resumed_with_workers_are_two_ranks_undisturbed_bit_for_bit(index: Path, tmp_path: Path) -> None:
    """One of them is killed, then both are asked to stop, then they finish."""
    folder = tmp_path / "disturbed"
    folder.mkdir()
    log, state = folder / "log", folder / "state"
    steps = {"steps": 30, "learning_rate": 1e-3}
    more = ("--ranks", "2", "--workers", "1", "--checkpoint-seconds", "0")
    arguments = command("timelens", index, folder, *more, recipe=steps)

    killed = started(log, arguments)
    wait_for_step(killed, state_of(killed, state), 3)
    helpers = descendants(killed.pid)
    ranks = [process for process in helpers if rank_of(process) is not None and parent_of(process) == killed.pid]
    assert sorted(rank_of(process) or 0 for process in ranks) == [0, 1]
    os.kill(next(process for process in ranks if rank_of(process) == 1), signal.SIGKILL)
    assert killed.wait(timeout=60) == 2
    assert "rank 1 of 2 was ended by SIGKILL" in log.read_text()
    assert_all_end(helpers)
    reached = last_step(state_of(killed, state))

    stopped = started(log, arguments)
    wait_for_step(stopped, state_of(stopped, state), reached + 1)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(timeout=60) == 75
    assert f"going on at step {reached} of 30" in log.read_text()
    assert last_step(state_of(stopped, state)) < 30
    assert not (folder / "out").exists()

    trained("timelens", index, folder, *more, recipe=steps)
    trained("timelens", index, tmp_path / "undisturbed", *more, recipe=steps)
    for name in ("weights.safetensors", "run.json"):
        assert (folder / "out" / name).read_bytes() == (tmp_path / "undisturbed/out" / name).read_bytes()


def state_of(process: "subprocess.Popen[bytes]", state: Path) -> Path:
    """The folder of the only training in `state`, once it is there."""
    until = time.monotonic() + 90
    while not (found := [each for each in state.glob("timelens-synthesis-*") if each.is_dir()]):
        assert process.poll() is None, f"ended with {process.returncode}"
        assert time.monotonic() < until, "no state came"
        time.sleep(0.02)
    return found[0]


def rank_of(process: int) -> int | None:
    entries = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    told = [entry.split("=", 1)[1] for entry in entries if entry.startswith("EVFI_RANK=")]
    return int(told[0]) if told else None


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_ranks_end_when_the_process_that_started_them_is_killed(index: Path, tmp_path: Path) -> None:
    log, state = tmp_path / "log", tmp_path / "state"
    arguments = command("timelens", index, tmp_path, "--ranks", "2", "--checkpoint-seconds", "0", recipe={"steps": 999})
    process = started(log, arguments)
    wait_for_step(process, state_of(process, state), 1)
    helpers = descendants(process.pid)
    assert len(helpers) >= 4  # two ranks, each with a fork server or a worker
    process.kill()
    process.wait(timeout=20)
    assert_all_end(helpers)


def test_a_time_budget_ends_all_ranks_with_75(index: Path, tmp_path: Path) -> None:
    process = started(
        tmp_path / "log",
        command("timelens", index, tmp_path, "--ranks", "2", "--workers", "0", "--max-seconds", "0.01"),
    )
    assert process.wait(timeout=120) == 75
    assert last_step(state_of(process, tmp_path / "state")) == 1


def test_an_error_of_one_rank_is_what_the_verb_says(own_index: Path, tmp_path: Path) -> None:
    """A frame that only some of the batches need."""
    for path in (own_index.parent / "sequences/00002/0001").glob("im*.png"):
        path.write_bytes(b"no picture")
    process = started(
        tmp_path / "log",
        command("timelens", own_index, tmp_path, "--ranks", "2", "--workers", "0", recipe={"validation_samples": 0}),
    )
    assert process.wait(timeout=120) == 2
    said = (tmp_path / "log").read_text()
    assert "00002/0001" in said
    assert "Traceback" not in said


def test_batch_norm_on_several_cpus_is_refused_with_one_line_that_names_the_option(index: Path, tmp_path: Path) -> None:
    options = {"recipe": {**SMALL, "steps": STEPS}, "model": {"base_channels": 4}}
    arguments = command("convlstm", index, tmp_path, "--ranks", "2")
    arguments[arguments.index("--options") + 1] = json.dumps(options)
    process = started(tmp_path / "log", arguments)
    assert process.wait(timeout=120) == 2
    (line,) = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("evfi: error")]
    assert "norm=group" in line
    assert not (tmp_path / "state").exists()


def test_on_gpus_batch_norm_becomes_sync_batch_norm_with_the_same_weights() -> None:
    family = FAMILIES["convlstm"]
    model = family.build(family.options(base_channels=4))
    names = set(model.state_dict())
    modules = family.stages[0].trains
    check_ranks(2, 4, model, modules, "cuda")
    shared = with_shared_norms(model, modules, Ranks(0, 2))
    assert sum(isinstance(each, nn.SyncBatchNorm) for each in shared.modules()) > 0
    assert not any(isinstance(each, nn.BatchNorm2d) for each in shared.modules())
    assert set(shared.state_dict()) == names
    alone = family.build(family.options(base_channels=4))
    assert with_shared_norms(alone, modules, Ranks()) is alone


@pytest.mark.parametrize(("batch", "count"), [(4, 2), (5, 2), (7, 3), (3, 3)])
def test_ranks_share_a_batch_whole_and_weigh_their_means_so_that_they_give_its_mean(batch: int, count: int) -> None:
    items = list(range(batch))
    ranks = [Ranks(rank, count) for rank in range(count)]
    assert [item for rank in ranks for item in rank.part(items)] == items
    means = [sum(rank.part(items)) / len(rank.part(items)) * rank.weight(batch) for rank in ranks]
    assert sum(means) / count == pytest.approx(sum(items) / batch)


def test_more_ranks_than_samples_in_a_batch_are_refused() -> None:
    with pytest.raises(UserError, match="3 ranks cannot share a batch of 2"):
        check_ranks(3, 2, nn.Identity(), (), "cpu")


@pytest.mark.parametrize(
    ("codes", "one"),
    [
        ([0, 0], 0),
        ([75, 75], 75),
        ([0, 75], 75),
        ([LOST_RANK, 2], 2),
        ([70, LOST_RANK], 70),
        ([-9, LOST_RANK], 2),
        ([130, 75], 130),
    ],
)
def test_ranks_agree_on_the_exit_code_that_says_what_happened(codes: list[int], one: int) -> None:
    assert agreed(codes) == one


def test_a_task_of_srun_is_a_rank_and_a_job_of_one_task_starts_its_ranks_itself() -> None:
    assert ranks_told(4, {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"}) == 3
    assert ranks_told(4, {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) is None
    assert ranks_told(1, {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) is None
    assert ranks_told(2, {"EVFI_RANK": "1"}) == 1
