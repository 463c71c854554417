"""A finished smoke run that the workflow's tests share (read it, or copy it; never change it)."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SNAKEMAKE = str(Path(sys.executable).parent / "snakemake")
REPOSITORY = Path(__file__).resolve().parents[2]
SMOKE = ["--configfile", str(REPOSITORY / "config" / "smoke.yaml")]


def snakemake(folder: Path, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run the workflow in a folder of its own, its environment not activated; stderr joins stdout."""
    command = [SNAKEMAKE, "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "2", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
    )


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """Jobs by rule of a dry run."""
    done = snakemake(folder, "--dry-run", *arguments)
    assert done.returncode == 0, done.stdout[-3000:]
    counts = re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE)
    return {rule: int(count) for rule, count in counts if rule not in ("all", "total")}


def environment() -> dict[str, str]:
    """The environment without this interpreter's programs in PATH: the workflow finds its own."""
    own = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join(path for path in os.get_exec_path() if path != own)}


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished smoke run (EVFI_SMOKE_RUN: one made before, to save a minute while writing tests)."""
    if made := os.environ.get("EVFI_SMOKE_RUN"):
        return Path(made)
    folder = tmp_path_factory.mktemp("smoke")
    done = snakemake(folder, *SMOKE)
    assert done.returncode == 0, done.stdout[-4000:]
    return folder


@pytest.fixture
def smoke_copy(smoke: Path, tmp_path: Path) -> Path:
    """A copy of the finished smoke run, with its time stamps, to change at will."""
    folder = tmp_path / "run"
    shutil.copytree(smoke, folder, symlinks=True)
    return folder
