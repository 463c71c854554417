"""Rows of docs/reliability.md that need a whole run: a changed clock, a late disk, a folder that cannot be written."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflow.conftest import REPOSITORY, SMOKE, environment, planned, snakemake
from tests.workflow.test_kills import content

LIST = "results/smoke/lists/test-00000.txt"


def test_outputs_from_the_future_stop_the_run_by_name_and_cost_a_re_run_once_touched(
    smoke_copy: Path,
) -> None:
    """As after a clock that was set back: one shard seems newer than what was made of it."""
    shard = smoke_copy / "results/smoke/stores/clips/test-00000.zarr"
    before = content(shard)
    tomorrow = time.time() + 86_400
    dated = (shard / ".snakemake_timestamp", shard, shard.with_suffix(".json"))
    for path in dated:
        os.utime(path, (tomorrow, tomorrow))
    plan = planned(smoke_copy, *SMOKE)
    assert set(plan) <= {"index", "evaluate", "sweep_thresholds", "report"}
    index = "results/smoke/samples/test.parquet"
    table = (smoke_copy / index).read_bytes()
    refused = snakemake(smoke_copy, *SMOKE, "--", index)
    assert refused.returncode == 1
    assert "test-00000.zarr" in refused.stdout
    assert "clock skew" in refused.stdout
    for path in dated:
        os.utime(path)
    done = snakemake(smoke_copy, *SMOKE, "--", index)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (smoke_copy / index).read_bytes() == table
    assert content(shard) == before


# Beside the real programs: does the work, and lets its output appear 3 s after it has ended.
LATE = """#!{python}
import subprocess, sys
code = subprocess.call([sys.executable, "-c", "from evfi.cli.app import main; main()", *sys.argv[1:]])
script = "mv {out} {out}.late; sleep 3; mv {out}.late {out}"
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
