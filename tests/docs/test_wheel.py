"""The tutorial as a new user meets it: the wheel, a new empty environment, another folder, nothing of the repository.

Every package comes from pip's index with the pins of constraints.txt, which takes minutes; where pip reaches no index
the tests are skipped and say so. The weights are the open weights that the wheel carries.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from evfi.io.video import write_video
from tests.docs.commands import REPOSITORY, Command, commands_of

pytestmark = pytest.mark.slow
TUTORIAL = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")
INSTALLATION = "pip install -c constraints.txt dist/*.whl"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has the wheel of this checkout and what its metadata asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    environment = folder / "env"
    done(sys.executable, "-m", "venv", "env", cwd=folder)
    pip = (str(environment / "bin" / "python"), "-m", "pip")
    asked = ran(*pip, "download", "--no-deps", "--dest", "reached", "annotated-types", cwd=folder)
    if asked.returncode:
        pytest.skip(f"needs a package index, and pip reaches none: {asked.stderr.strip().splitlines()[-1]}")
    shutil.copytree(REPOSITORY / "evfi", folder / "source" / "evfi", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder / "source")
    shutil.copy(REPOSITORY / "constraints.txt", folder)
    done(*pip, "wheel", "--no-deps", "--wheel-dir", "dist", "./source", cwd=folder)
    assert INSTALLATION in TUTORIAL
    shell = f"PATH={environment}/bin:$PATH {INSTALLATION}"
    done("bash", "-c", shell, cwd=folder)
    done(*pip, "check", cwd=folder)
    return environment


def ran(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A finished program. Nothing of the repository is on its path."""
    of_the_tests = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    clean = {name: value for name, value in os.environ.items() if name not in of_the_tests}
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)


def done(*command: str, cwd: Path, code: int = 0) -> str:
    """What a program said; it has to end with that code."""
    found = ran(*command, cwd=cwd)
    assert found.returncode == code, f"{command}: {found.stdout[-2000:]}{found.stderr[-2000:]}"
    return found.stdout + found.stderr


def video_at(path: Path) -> None:
    """A bright square on its way to the right."""
    images = np.full((6, 48, 64, 3), 60, np.uint8)
    for number, image in enumerate(images):
        image[16:32, 8 + 5 * number : 24 + 5 * number] = 200
    write_video(path, list(images), fps=25)


def frames_of(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


def tutorial_commands() -> list[Command]:
    return [command for command in commands_of(TUTORIAL) if command.program == "evfi" and len(command.words) > 2]


def test_the_environment_has_the_wheel_and_its_pinned_packages_alone(environment: Path, tmp_path: Path) -> None:
    python = str(environment / "bin" / "python")
    said = done(python, "-c", "import evfi, numpy, torch; print(evfi.__file__, numpy.__file__)", cwd=tmp_path)
    assert all(Path(path).is_relative_to(environment) for path in said.split())
    pins = set((REPOSITORY / "constraints.txt").read_text().lower().replace("_", "-").splitlines())
    installed = done(python, "-m", "pip", "freeze", "--exclude", "evfi", cwd=tmp_path).lower().replace("_", "-")
    lines = [line.split("+")[0].split(" @ ")[0] for line in installed.splitlines()]
    assert len(lines) > 40
    assert [line for line in lines if "==" in line and line not in pins and not line.startswith("nvidia-")] == []
    assert not any(line.startswith(("pytest", "hypothesis", "ruff", "pyright")) for line in lines)


def test_the_tutorial_runs_from_the_wheel_alone(environment: Path, tmp_path: Path) -> None:
    video_at(tmp_path / "video.mp4")
    commands = tutorial_commands()
    assert [command.arguments[0] for command in commands] == [
        *("demo-data", "info", "doctor", "interpolate", "interpolate", "simulate", "info")
    ]
    said = []
    for command in commands:
        # the simulated camera has hot pixels, which the doctor finds
        code = 1 if command.arguments[0] == "doctor" else 0
        said.append(done(str(environment / "bin" / "evfi"), *command.arguments, cwd=tmp_path, code=code))
    assert "hot pixels" in said[2]
    assert "25 frames kept + 72 inserted by timelens = 97" in said[3]
    assert "event consistency" in said[3]
    slow, both = frames_of(tmp_path / "slow.mp4"), frames_of(tmp_path / "both.mp4")
    assert slow.shape == (97, 90, 120, 3)
    assert both.shape[:2] == (97, 90)
    assert both.shape[2] >= 2 * 120
    # Every frame differs from the one before, inserted or not: something moves all the time.
    assert np.abs(np.diff(slow.astype(np.int16), axis=0)).mean((1, 2, 3)).min() > 0.1
    events = next(line.split()[1] for line in said[6].splitlines() if line.startswith("events.count"))
    assert int(events) > 1000
    assert "the open weights of TimeLens that come with evfi" in said[3]
    consistency = float(said[3].split("event consistency ")[1].split()[0])
    assert consistency > 0.6


def test_a_real_recording_becomes_slow_motion_from_the_wheel_alone(
    environment: Path, tmp_path: Path, real_data: Path
) -> None:
    shutil.copy(real_data / "davis" / "davis346.aedat4", tmp_path)
    evfi = str(environment / "bin" / "evfi")
    said = done(evfi, "interpolate", "davis346.aedat4", "slow.mp4", "--factor", "8", cwd=tmp_path)
    kept, inserted = (int(said.split(word)[0].split()[-1]) for word in (" frames kept", " inserted by timelens"))
    assert inserted == 7 * (kept - 1)
    video = frames_of(tmp_path / "slow.mp4")
    assert video.shape[:3] == (kept + inserted, 260, 346)
    with av.open(str(tmp_path / "slow.mp4")) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p"), "what browsers play"


def test_the_wheel_carries_the_pages_of_report_and_viewer(environment: Path, tmp_path: Path) -> None:
    code = "from evfi.viewing.page import page_of; from importlib.resources import files; print(len(page_of().text), "
    code += "sorted(one.name for one in files('evfi.reports').joinpath('templates').iterdir()))"
    said = done(str(environment / "bin" / "python"), "-c", code, cwd=tmp_path)
    assert int(said.split()[0]) > 5000
    for name in ("report.html.j2", "report.css", "report.js", "gallery.html.j2", "macros.html.j2"):
        assert name in said


def test_the_wheel_carries_the_folder_of_open_weights(environment: Path, tmp_path: Path) -> None:
    code = "from evfi.models.shipped import FOLDER; print(*sorted(path.name for path in FOLDER.iterdir()))"
    said = done(str(environment / "bin" / "python"), "-c", code, cwd=tmp_path)
    assert said.split() == sorted(path.name for path in (REPOSITORY / "evfi" / "weights").iterdir())
