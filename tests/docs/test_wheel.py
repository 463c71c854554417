"""The tutorial from the wheel alone: a new environment, another folder, nothing of the repository in sight.

The environment has its own evfi from the wheel, and sees the packages of the one that runs the tests (an installation
of torch for each run would take minutes and gigabytes).
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.io.video import write_video
from evfi.models.registry import family_named
from evfi.models.weights import model_meta, save_weights
from tests.docs.commands import REPOSITORY, commands_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(REPOSITORY / "evfi", source / "evfi", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    done(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        "dist",
        str(source),
        cwd=folder,
    )
    (wheel,) = (folder / "dist").glob("evfi-*.whl")
    done(sys.executable, "-m", "venv", "env", cwd=folder)
    environment = folder / "env"
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "packages_of_the_tests.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    python = environment / "bin" / "python"
    done(str(python), "-m", "pip", "install", "--no-deps", "--no-index", "--force-reinstall", str(wheel), cwd=folder)
    return environment


def done(*command: str, cwd: Path, codes: tuple[int, ...] = (0,)) -> str:
    """What a program said; it has to end with one of the codes. Nothing of the repository is on its path."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    found = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert found.returncode in codes, f"{command}: {found.stdout[-2000:]}{found.stderr[-2000:]}"
    return found.stdout + found.stderr


def test_the_tutorial_runs_from_the_wheel_alone(environment: Path, tmp_path: Path) -> None:
    program = environment / "bin" / "evfi"
    where = done(str(environment / "bin" / "python"), "-c", "import evfi; print(evfi.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(environment)
    images = [np.full((48, 64, 3), 20 * number, np.uint8) for number in range(6)]
    write_video(tmp_path / "video.mp4", images, fps=25)
    torch.manual_seed(1)
    family = family_named("timelens")
    options = family.options(base_width=4)
    meta = model_meta(family, family.last_stage.name, options)
    save_weights(tmp_path / "weights.safetensors", family.build(options).state_dict(), meta)
    page = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")
    commands = [command for command in commands_of(page) if command.program == "evfi" and len(command.words) > 2]
    assert len(commands) >= 7
    said = {}
    for command in commands:
        # the simulated camera has hot pixels, which the doctor finds
        codes = (1,) if command.arguments[0] == "doctor" else (0,)
        said[command.text] = done(str(program), *command.arguments, cwd=tmp_path, codes=codes)
    assert (tmp_path / "slow.mp4").stat().st_size > 1000
    assert any("event consistency" in text for text in said.values())


def test_the_wheel_carries_the_pages_of_report_and_viewer(environment: Path, tmp_path: Path) -> None:
    code = "from evfi.viewing.page import page_of; from importlib.resources import files; print(len(page_of().text), "
    code += "sorted(one.name for one in files('evfi.reports').joinpath('templates').iterdir()))"
    said = done(str(environment / "bin" / "python"), "-c", code, cwd=tmp_path)
    assert int(said.split()[0]) > 5000
    for name in ("report.html.j2", "report.css", "report.js", "gallery.html.j2", "macros.html.j2"):
        assert name in said
