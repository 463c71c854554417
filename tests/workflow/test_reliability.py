"""Rows of docs/reliability.md that need a whole run: a changed clock, a late or full disk, a folder that cannot be
written, a store that was damaged at rest.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflow.conftest import REPOSITORY, SMOKE, environment, planned, snakemake
from tests.workflow.test_kills import content

LIST = "results/smoke/lists/test-00000.txt"


def test_outputs_from_the_future_are_told_set_back_and_cost_at_most_one_re_run(smoke_copy: Path) -> None:
    """As after a clock that was set back: one shard seems newer than now, and than what was made of it."""
    shard = smoke_copy / "results/smoke/stores/clips/test-00000.zarr"
    before = content(shard)
    tomorrow = time.time() + 86_400
    for path in (shard / ".snakemake_timestamp", shard, shard.with_suffix(".json")):
        os.utime(path, (tomorrow, tomorrow))
    plan = planned(smoke_copy, *SMOKE)
    assert set(plan) <= {"index", "flows", "evaluate", "sweep_thresholds", "report"}
    index = "results/smoke/samples/test.parquet"
    table = (smoke_copy / index).read_bytes()
    done = snakemake(smoke_copy, *SMOKE, "--", index)
    assert done.returncode == 0, done.stdout[-3000:]
    (said,) = [line for line in done.stdout.splitlines() if "dated in the future" in line]
    assert said.startswith("results/smoke/stores/clips/test-00000.json and 2 others were dated in the future: set back")
    assert (smoke_copy / index).read_bytes() == table
    assert content(shard) == before
    assert planned(smoke_copy, *SMOKE, "--", index) == {}


def test_an_input_from_the_future_stops_the_job_that_reads_it_until_it_is_touched(smoke: Path, tmp_path: Path) -> None:
    """As from a camera whose clock was wrong: it is not the run's own file, so that its time is left alone."""
    recording, store = tmp_path / "camera.aedat4", "results/davis/stores/recordings/camera.zarr"
    shutil.copyfile(next(smoke.rglob("*.aedat4")), recording)
    tomorrow = time.time() + 86_400
    os.utime(recording, (tomorrow, tomorrow))
    config = str(REPOSITORY / "config" / "davis.yaml")
    run = ("--configfile", config, "--config", "recordings=camera.aedat4", "--", store)
    stopped = snakemake(tmp_path, *run)
    assert stopped.returncode == 1
    assert re.search(r"older modification time .* than input camera\.aedat4 .*clock skew", stopped.stdout)
    assert recording.stat().st_mtime == pytest.approx(tomorrow)
    assert not (tmp_path / store).exists()
    recording.touch()
    done = snakemake(tmp_path, *run)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / store).is_dir()


# Beside the real programs: does the work, and lets its output appear 3 s after it has ended.
LATE = """#!{python}
import os, subprocess, sys
code = subprocess.call([sys.executable, "-c", "from evfi.cli.app import main; main()", *sys.argv[1:]])
os.rename("{out}", "{out}.late")  # before this program ends: Snakemake looks for the output from then on
script = "sleep 3; mv {out}.late {out}"
subprocess.Popen(["sh", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
sys.exit(code)
"""


@pytest.mark.parametrize(("wait", "code"), [(30, 0), (0, 1)])
def test_an_output_that_appears_3_s_late_passes_with_latency_wait(smoke_copy: Path, wait: int, code: int) -> None:
    late = smoke_copy / "bin/evfi"
    late.parent.mkdir()
    late.write_text(LATE.format(python=sys.executable, out=smoke_copy / LIST))
    late.chmod(0o755)
    (smoke_copy / LIST).unlink()
    # The workflow looks for evfi beside its own interpreter first: a link to that one stands beside the late program.
    python = late.parent / "python"
    python.symlink_to(sys.executable)
    command = [str(python), "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "1", *SMOKE]
    done = subprocess.run(
        [*command, "--latency-wait", str(wait), "--", LIST],
        cwd=smoke_copy,
        env={**environment(), "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stdout[-3000:]
    assert code or (smoke_copy / LIST).is_file()


# The results on a disk of their own with 32 KiB left; then, with room again, the same once more.
FULL = """set -e
mount -t tmpfs -o size={bytes} evfi results/smoke
cp -a whole/. results/smoke/
dd if=/dev/zero of=results/smoke/ballast bs=4096 2>/dev/null || truncate -s -32K results/smoke/ballast
{run} >full.log 2>&1 || echo $? >full.rc
ls -A results/smoke/stores/clips >full.ls
rm results/smoke/ballast
{run} >again.log 2>&1 || cat again.log
cp -a results/smoke/stores/clips clips
"""


def test_a_full_disk_is_one_line_and_the_run_finishes_once_there_is_room(smoke_copy: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare, to mount a small disk for one process")
    clips, shard = smoke_copy / "results/smoke/stores/clips", "train-00000.zarr"
    before = content(clips / shard)
    for path in (clips / shard, *clips.glob("train-00000.*json")):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (smoke_copy / "results/smoke").rename(smoke_copy / "whole")
    (smoke_copy / "results/smoke").mkdir()
    total = sum(path.lstat().st_size // 4096 + 2 for path in (smoke_copy / "whole").rglob("*")) * 4096
    run = f"{sys.executable} -m snakemake --snakefile {REPOSITORY / 'Snakefile'} --cores 1 {' '.join(SMOKE)}"
    run += f" -- results/smoke/stores/clips/{shard}"
    script = FULL.format(bytes=total + (1 << 20), run=run)
    command = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(command, cwd=smoke_copy, env=environment(), capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (smoke_copy / "full.rc").read_text() == "1\n"
    (line,) = {each for each in (smoke_copy / "full.log").read_text().splitlines() if each.startswith("evfi: error:")}
    assert "no space left on the disk while writing" in line
    assert f"{shard}: free some space and run it again" in line
    assert "train-00000" not in (smoke_copy / "full.ls").read_text()
    assert content(smoke_copy / "clips" / shard) == before


def test_a_store_damaged_at_rest_is_named_with_the_remedy_and_made_again_the_same(smoke_copy: Path) -> None:
    shard = "results/smoke/stores/clips/test-00000.zarr"
    measured = "results/smoke/evaluation/baselines"
    before = content(smoke_copy / measured)
    part = smoke_copy / shard / "events/t/c/0"
    part.write_bytes(part.read_bytes()[:-30])
    failed = snakemake(smoke_copy, *SMOKE, "--forcerun", "evaluate", "--", f"{measured}/targets.parquet")
    assert failed.returncode == 1
    (line,) = {each for each in failed.stdout.splitlines() if each.startswith("evfi: error:")}
    assert re.search(r"test-00000\.zarr/events/t is damaged .*`evfi verify` tells more; make the store again", line)
    shutil.rmtree(smoke_copy / shard)
    done = snakemake(smoke_copy, *SMOKE, "--", f"{measured}/targets.parquet")
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.findall(r"^simulate +(\d+)$", done.stdout, flags=re.MULTILINE)[0] == "1"
    assert content(smoke_copy / measured) == before


def test_a_results_folder_that_cannot_be_written_ends_the_run_and_changes_nothing(smoke_copy: Path) -> None:
    """Read-only for everybody, root too: a mount of its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare, to mount a folder read-only for one process")
    before = content(smoke_copy / "results/smoke/stores/clips")
    command = f"mount --bind results results && mount -o remount,bind,ro results && {sys.executable} -m snakemake"
    command += f" --snakefile {REPOSITORY / 'Snakefile'} --cores 1 {' '.join(SMOKE)} --forcerun blocks_test -- {LIST}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command],
        cwd=smoke_copy,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "Write-protected output files" in done.stdout
    assert content(smoke_copy / "results/smoke/stores/clips") == before
    assert (smoke_copy / LIST).is_file()
