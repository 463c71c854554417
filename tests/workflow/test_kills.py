"""A run that is killed in the middle, and started again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.workflow.conftest import REPOSITORY, SMOKE, environment, snakemake

RUN = [sys.executable, str(REPOSITORY / "scripts" / "run_snakemake.py"), "--cores", "2", *SMOKE]
RULES = {
    "demo_data": ("demo/raw", "demo/raw/demo.json"),
    "simulate": ("stores/clips/train-00000.zarr", "stores/clips/train-00000.json"),
    "train_stage": ("timelens/synthesis", "timelens/synthesis/weights.safetensors"),
}


@dataclass(frozen=True)
class Run:
    """A run in the background, and the file that its output goes to."""

    process: subprocess.Popen[str]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        return self.log.read_text()[-3000:]

    def ended(self, timeout: float = 300) -> int:
        return self.process.wait(timeout)


def start(folder: Path, target: str) -> Run:
    log = folder / f"run-{time.monotonic_ns()}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [*RUN, "--", target],
            cwd=folder,
            env=environment(),
            text=True,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Run(process, log)


def wait_for(path: Path, run: Run) -> None:
    """Until a writer holds the lock at `path`."""
    deadline = time.monotonic() + 90
    while not path.exists():
        assert run.process.poll() is None, run.output()
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.005)


def descendants(process: int) -> list[int]:
    """A process and everything below it, children last."""
    found = [process]
    for entry in Path(f"/proc/{process}/task").glob("*/children"):
        for child in entry.read_text().split():
            found += descendants(int(child))
    return found


def without(folder: Path, rule: str) -> tuple[str, Path]:
    """Remove a rule's output from a finished run; its target, and the lock of its writer."""
    writes, target = RULES[rule]
    out = folder / "results/smoke" / writes
    shutil.rmtree(out)
    out.with_suffix(".json").unlink(missing_ok=True)
    return f"results/smoke/{target}", out.with_name(out.name + ".lock")


@pytest.mark.parametrize("rule", list(RULES))
def test_a_run_killed_with_all_its_children_completes_when_started_again(smoke_copy: Path, rule: str) -> None:
    expected = content(smoke_copy / "results/smoke" / RULES[rule][0])
    target, lock = without(smoke_copy, rule)
    run = start(smoke_copy, target)
    wait_for(lock, run)
    for process in descendants(run.pid):
        os.kill(process, signal.SIGKILL)
    run.ended()
    again = start(smoke_copy, target)
    assert again.ended() == 0, again.output()
    assert content(smoke_copy / "results/smoke" / RULES[rule][0]) == expected
    assert leftovers(smoke_copy) == []


@pytest.mark.parametrize("rule", list(RULES))
def test_snakemake_killed_alone_leaves_no_second_writer(smoke_copy: Path, rule: str) -> None:
    expected = content(smoke_copy / "results/smoke" / RULES[rule][0])
    target, lock = without(smoke_copy, rule)
    run = start(smoke_copy, target)
    wait_for(lock, run)
    verb = int(lock.read_text() or 0) or None
    drivers = [process for process in descendants(run.pid)[:2] if process != verb]
    for process in drivers:
        os.kill(process, signal.SIGKILL)
    run.ended()
    again = start(smoke_copy, target)
    assert again.ended() == 0, again.output()
    assert content(smoke_copy / "results/smoke" / RULES[rule][0]) == expected
    assert leftovers(smoke_copy) == []


def test_a_second_live_run_is_refused_with_one_line(smoke_copy: Path) -> None:
    target, lock = without(smoke_copy, "train_stage")
    run = start(smoke_copy, target)
    wait_for(lock, run)
    second = start(smoke_copy, target)
    assert second.ended(60) == 2
    assert second.output().strip().splitlines() == [
        f"Another run (process {run.pid}) is at work here: wait for it, or stop it with Ctrl-C first."
    ]
    assert run.ended() == 0, run.output()


def test_two_runs_in_two_folders_give_equal_bytes(smoke: Path, tmp_path: Path) -> None:
    done = snakemake(tmp_path, *SMOKE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert digests(tmp_path / "results/smoke") == digests(smoke / "results/smoke")


def digests(results: Path) -> dict[str, str]:
    """What must be equal: receipts (they hold each store's digests), indexes, weights, metrics, stores' bytes."""
    from evfi.provenance import digest_file

    found = {}
    for pattern in (
        "stores/**/*",
        "samples/*.parquet",
        "samples/train.json",
        "*/*/weights.safetensors",
        "metrics.json",
    ):
        for path in sorted(results.glob(pattern)):
            if path.is_file() and "provenance" not in path.name and path.name != ".snakemake_timestamp":
                found[str(path.relative_to(results))] = digest_file(path)
    assert any(name.endswith("weights.safetensors") for name in found)
    assert "metrics.json" in found
    return found


def content(path: Path) -> dict[str, str]:
    """Digests of an output's files; journals and pictures of a training hold times, and are left out."""
    from evfi.provenance import digest_file

    names = [item for item in sorted(path.rglob("*")) if item.is_file()]
    kept = {
        str(item.relative_to(path)): digest_file(item)
        for item in names
        if "provenance" not in item.name and item.name != ".snakemake_timestamp" and item.suffix != ".jsonl"
    }
    assert kept
    return kept


def leftovers(folder: Path) -> list[str]:
    """Half-written files and locks that nobody holds."""
    patterns = ("*.partial", "*.lock", "*.old")
    return [str(path) for pattern in patterns for path in (folder / "results").rglob(pattern)]


def test_the_smoke_run_reports_psnr_at_every_threshold_without_and_with_noise(smoke: Path) -> None:
    rows = json.loads((smoke / "results/smoke/metrics.json").read_text())["threshold_rows"]
    assert {(row["contrast"], row["noisy"]) for row in rows} == {
        (contrast, noisy) for contrast in (0.1, 0.5) for noisy in (False, True)
    }
    assert {row["method"] for row in rows} >= {"blend", "event_integration", "timelens"}
    assert 'id="thresholds"' in (smoke / "results/smoke/report.html").read_text()


def test_metrics_json_holds_rows_with_the_promised_fields(smoke: Path) -> None:
    metrics = json.loads((smoke / "results/smoke/metrics.json").read_text())
    fields = {
        "method",
        "dataset",
        "protocol",
        "skip",
        "target",
        "metric",
        "value",
        "low",
        "high",
        "frames",
        "sequences",
    }
    assert metrics["rows"]
    assert all(fields <= set(row) for row in metrics["rows"])
