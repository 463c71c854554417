"""The smoke run on a real Slurm (scripts/slurm_cluster), its training jobs ended in each way that a cluster knows."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from tests.training.conftest import tiny_index
from tests.training.test_ranks import command, trained
from tests.workflow.conftest import REPOSITORY, SMOKE, environment, snakemake
from tests.workflow.test_kills import digests

pytestmark = pytest.mark.slurm

CLUSTER = str(REPOSITORY / "scripts" / "slurm_cluster")
OWN_SACCT = Path("/run/evfi-slurm/bin")
PROFILES = REPOSITORY / "workflow" / "profiles"
USED = "Using workflow specific profile"
# A checkpoint after each step, so that a training can be caught half-way.
OFTEN = {"runtime": {"checkpoint_seconds": 0}}
# The plugin asks for the states of jobs ever more seldom (10 s more each time, up to 3 minutes) while none ends.
DISTURBED_S, REST_S = 1800, 1200


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    """The cluster at work; skipped with the reason where it cannot be."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to start Slurm's daemons: run `make slurm` as root")
    if not all(shutil.which(name) for name in ("slurmctld", "slurmd", "sbatch", "munged")):
        pytest.skip("needs Slurm: run `make slurm`, which installs Debian's packages")
    if find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("needs the extra evfi[slurm]: run `make slurm`, which installs it")
    ran_before = subprocess.run([CLUSTER, "status"], capture_output=True, check=False).returncode == 0
    subprocess.run([CLUSTER, "start"], check=True)
    yield
    if not ran_before:
        subprocess.run([CLUSTER, "stop"], check=True)


def on_cluster() -> dict[str, str]:
    """The environment with the cluster's own sacct, to which the plugin turns when scontrol is late."""
    here = environment()
    return {**here, "PATH": f"{OWN_SACCT}{os.pathsep}{here['PATH']}"}


def slurm(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def preempt(job: str, _trainer: int) -> None:
    node = slurm("squeue", "-h", "-j", job, "-o", "%N")
    slurm("sbatch", "-p", "cpu", "-w", node, "--exclusive", "-t", "1", "-o", "/dev/null", "--wrap", "sleep 2")


def time_out(job: str, _trainer: int) -> None:
    slurm("scontrol", "update", f"JobId={job}", "TimeLimit=1")


def cancel(job: str, _trainer: int) -> None:
    slurm("scancel", job)


def kill(_job: str, trainer: int) -> None:
    os.kill(trainer, signal.SIGKILL)


# How each stage's first job ends, and what Slurm says of it: a preempted one starts again under its number.
ENDS: dict[str, tuple[Callable[[str, int], None], str]] = {
    "synthesis": (preempt, "JobState=COMPLETED"),
    "warp": (time_out, "JobState=TIMEOUT"),
    "refinement": (cancel, "JobState=CANCELLED"),
    "attention": (kill, "JobState=FAILED"),
}


def half_way(results: Path, stage: str) -> int | None:
    """The process of a stage's trainer, once it has left a checkpoint."""
    for state in (results / "state").glob(f"timelens-{stage}-*"):
        if state.is_dir() and any(state.glob("step-*.pt")):
            owner = state.with_name(state.name + ".lock")
            text = owner.read_text() if owner.exists() else ""
            return int(text) if text else None
    return None


def job_of(process: int) -> str:
    entries = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)["SLURM_JOB_ID"]


def disturbed(run: subprocess.Popen[bytes], results: Path) -> dict[str, str]:
    """End each stage's first job half-way; the numbers of these jobs."""
    jobs: dict[str, str] = {}
    until = time.monotonic() + DISTURBED_S
    while len(jobs) < len(ENDS):
        assert run.poll() is None, f"the run ended with {run.returncode} before all stages were disturbed: {jobs}"
        assert time.monotonic() < until, f"only {jobs} were disturbed"
        for stage in ENDS.keys() - jobs.keys():
            trainer = half_way(results, stage)
            if trainer is not None:
                os.kill(trainer, signal.SIGSTOP)  # so that it does not finish first
                jobs[stage] = job_of(trainer)
                ENDS[stage][0](jobs[stage], trainer)
        time.sleep(0.005)
    return jobs


def test_trainings_preempted_timed_out_cancelled_and_killed_end_as_an_undisturbed_local_run(
    cluster: None, smoke: Path, tmp_path: Path
) -> None:
    results, log, often = tmp_path / "results/smoke", tmp_path / "run.log", tmp_path / "often.yaml"
    often.write_text(yaml.safe_dump(OFTEN))
    call = [sys.executable, str(REPOSITORY / "scripts" / "run_snakemake.py")]
    # gpu=1: one training at a time, so that no other is preempted with the one that is meant
    call += ["--workflow-profile", str(PROFILES / "slurm-ci"), *SMOKE, str(often), "--resources", "gpu=1"]
    with log.open("w") as file:
        run = subprocess.Popen(call, cwd=tmp_path, env=on_cluster(), stdout=file, stderr=subprocess.STDOUT)
    try:
        jobs = disturbed(run, results)
        assert run.wait(REST_S) == 0, log.read_text()[-5000:]
    finally:
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
            run.wait(120)
    for stage, (_, state) in ENDS.items():
        said = slurm("scontrol", "show", "job", jobs[stage])
        assert state in said
        assert ("Restarts=1" if stage == "synthesis" else "Restarts=0") in said
        assert re.search(r"going on at step [1-5] of 6", (results / f"logs/train/timelens-{stage}.log").read_text())
    assert digests(results) == digests(smoke / "results/smoke")
    output = log.read_text()
    assert USED in output
    submitted = set(re.findall(r"submitted with SLURM jobid \d+ \(log: \S*/rule_(\w+)/", output))
    assert submitted == {
        *("demo_data", "blocks_train", "blocks_test", "ingest", "simulate"),
        *("index", "flows", "train_stage", "evaluate", "sweep_thresholds", "report"),
    }


def test_a_run_whose_scontrol_is_silent_once_still_ends(cluster: None, tmp_path: Path) -> None:
    """Then the plugin asks sacct, which has nothing to say on a cluster without accounting: it waited for ever."""
    silent = tmp_path / "bin/scontrol"
    silent.parent.mkdir()
    silent.write_text("#!/bin/sh\nexit 1\n")
    silent.chmod(0o755)
    there = on_cluster()
    call = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--workflow-profile"]
    done = subprocess.run(
        [*call, str(PROFILES / "slurm-ci"), *SMOKE, "--", "results/smoke/lists/test-00000.txt"],
        cwd=tmp_path,
        env={**there, "PATH": f"{silent.parent}{os.pathsep}{there['PATH']}"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Falling back to 'sacct'" in done.stdout
    assert (tmp_path / "results/smoke/lists/test-00000.txt").is_file()


def test_ranks_on_two_nodes_under_srun_give_the_weights_of_one(cluster: None, tmp_path: Path) -> None:
    index = tiny_index(tmp_path / "data")
    one = trained("timelens", index, tmp_path / "one", "--workers", "0")
    arguments = command("timelens", index, tmp_path / "two", "--workers", "0", "--ranks", "2")
    log = tmp_path / "two.log"
    with log.open("w") as file:
        srun = ["srun", "-p", "cpu", "-N", "2", "-n", "2", "-c", "1", "--mem=1500", "-t", "5"]
        done = subprocess.run([*srun, *arguments], env=environment(), stderr=file, timeout=400, check=False)
    assert done.returncode == 0, log.read_text()[-3000:]
    two = load_file(tmp_path / "two/out/weights.safetensors")
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6


def test_the_profile_for_clusters_plans_the_full_size_run(cluster: None, tmp_path: Path) -> None:
    for name in ("sep_trainlist.txt", "sep_testlist.txt"):
        (tmp_path / name).write_text("00001/0001\n")
    full = ["--configfile", str(REPOSITORY / "config/vimeo90k.yaml"), "--config", f"data={tmp_path}"]
    done = snakemake(tmp_path, "--dry-run", "--workflow-profile", str(PROFILES / "slurm"), *full)
    assert done.returncode == 0, done.stdout[-3000:]
    assert USED in done.stdout
    assert re.search(r"^simulate +284$", done.stdout, flags=re.MULTILINE)
    training = done.stdout[done.stdout.index("rule train_stage:") :].split("\n\n")[0]
    assert "slurm_partition=gpu" in training
    assert "device=cuda" in training
