"""The commands of the documentation, run on a desk that has the files which they name."""

import doctest
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evfi.cli.app import exit_code
from evfi.io.aedat4 import write_aedat4
from evfi.io.ingest import ingest
from evfi.io.video import write_video
from evfi.models.registry import family_named
from evfi.types import Events, Frames, SensorSize
from tests.docs.commands import REPOSITORY, Command, commands_of, documented
from tests.untrained import untrained
from tests.workflow.conftest import snakemake

SIZE = SensorSize(height=36, width=44)
START_US, FRAME_US, COUNT = 1_700_000_000_000_000, 40_000, 4
WEIGHTS = "results/{}/{}/weights.safetensors"
# Documentation writes them where a reader gives a file; here they are files of the desk.
STAND_INS = {"PATH": "my.aedat4", "IN": "my.aedat4", "STORE": "my.zarr", "OUT": "copy.zarr"}
# Commands that no desk can run, each with its reason; all of them are still parsed.
_TABLES = "needs a finished run (tests/reports/test_text_tables.py, tests/docs/test_evaluation_page.py)"
IN_ORDER = ("docs/tutorial.md",)
"""Pages whose commands are run one after the other: each needs what the one before has made."""
_OWN_RECORDING = "needs a longer recording: tests/finetuning runs it"
_FINETUNED = "needs minutes of training: tests/workflow/test_davis_finetune.py (slow) runs it"
NOT_RUN = {
    "evfi finetune my.aedat4": _OWN_RECORDING,
    "evfi finetune my.aedat4 --out finetuned": _OWN_RECORDING,
    "evfi table results/davis_finetune/evaluation/baselines results/davis_finetune/evaluation/before    "
    "results/davis_finetune/evaluation/timelens": _FINETUNED,
    "evfi interpolate my.aedat4 slow.mp4 --factor 8 "
    "--weights results/davis_finetune/timelens/finetune_attention/weights.safetensors": _FINETUNED,
    "evfi table results/evaluation/baselines results/evaluation/timelens --format latex": _TABLES,
    "evfi evaluate results/samples/test.parquet results/evaluation/nearest "
    "--method nearest=nearest.py:interpolate": _TABLES,
    'evfi report results --evaluations "results/evaluation/baselines results/evaluation/nearest"': _TABLES,
    "evfi view my.aedat4": "it serves until Ctrl-C (tests/cli/test_view.py runs it)",
    "evfi import-weights checkpoint.bin OUT.safetensors": "no published checkpoint (tests/models/test_importing.py)",
}


def moving_square(number: int) -> np.ndarray:
    image = np.tile(np.linspace(40, 120, SIZE.width).astype(np.uint8), (SIZE.height, 1))
    image[10:22, 6 + 4 * number : 18 + 4 * number] = 220
    return image


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a DAVIS file, its store, a video, weights, the configurations, and a tree of septuplets."""
    desk = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(5)
    end_us = START_US + FRAME_US * COUNT
    events = Events(
        rng.integers(0, SIZE.width, 6000).astype(np.uint16),
        rng.integers(0, SIZE.height, 6000).astype(np.uint16),
        np.sort(rng.integers(START_US, end_us, 6000)),
        rng.random(6000) < 0.5,
        SIZE,
    )
    images = np.stack([moving_square(number) for number in range(COUNT)])
    t_us = START_US + FRAME_US * np.arange(COUNT, dtype=np.int64)
    write_aedat4(desk / "my.aedat4", SIZE, [events], [Frames(images, t_us, t_us - 500, t_us + 500)])
    ingest(desk / "my.aedat4", desk / "my.zarr")
    for name in ("clip.mp4", "video.mp4"):
        write_video(desk / name, [np.repeat(image[..., None], 3, axis=2) for image in images], fps=25)
    weights = [
        untrained(desk / WEIGHTS.format(name, family_named(name).last_stage.name), name)
        for name in ("timelens", "convlstm")
    ]
    (desk / "weights.safetensors").symlink_to(weights[0])
    (desk / "config").symlink_to(REPOSITORY / "config")
    (desk / "mine.yaml").write_text("report: {title: Mine}\n")
    tree = desk / "data/vimeo90k"
    tree.mkdir(parents=True)
    for part in ("train", "test"):
        (tree / f"sep_{part}list.txt").write_text("00001/0001\n")
    return desk


@pytest.fixture
def desk(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the furnished folder, as the working directory."""
    copy = tmp_path / "desk"
    shutil.copytree(furnished, copy, symlinks=True)
    monkeypatch.chdir(copy)
    yield copy
    os.chdir(REPOSITORY)


def with_arguments(program: str) -> list[Command]:
    return [
        command
        for command in documented(program)
        if len(command.words) > 2 and command.text not in NOT_RUN and command.page not in IN_ORDER
    ]


@pytest.mark.parametrize("command", with_arguments("evfi"), ids=str)
def test_a_documented_command_of_evfi_runs(command: Command, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [STAND_INS.get(word, word) for word in command.arguments]
    code = exit_code(arguments)
    # doctor's answer to a file in which something is wrong is 1, as documented
    assert code == 0 or (arguments[0] == "doctor" and code == 1), capsys.readouterr().err
    written = [Path(word) for word in arguments[2:3] if "." in word and not word.startswith("-")]
    assert [str(path) for path in written if not path.exists()] == []


@pytest.mark.parametrize("page", IN_ORDER)
def test_the_commands_of_a_tutorial_run_one_after_the_other(page: str, desk: Path) -> None:
    commands = [command for command in commands_of((REPOSITORY / page).read_text()) if command.program == "evfi"]
    run = [command.arguments for command in commands if len(command.words) > 2]
    assert len(run) >= 7
    for arguments in run:
        assert exit_code(arguments) in ((0, 1) if arguments[0] == "doctor" else (0,)), arguments
    for name in ("slow.mp4", "both.mp4", "events.h5"):
        assert (desk / name).stat().st_size > 1000


def test_the_python_page_runs_as_it_stands(desk: Path) -> None:
    found = doctest.testfile(str(REPOSITORY / "docs" / "python.md"), module_relative=False)
    assert found.failed == 0
    assert found.attempted >= 10


def test_the_reference_of_commands_is_what_the_program_says() -> None:
    script = REPOSITORY / "scripts" / "write_cli_reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_command_that_is_not_run_still_stands_on_a_page() -> None:
    assert set(NOT_RUN) <= {command.text for command in documented("evfi")}


@pytest.mark.parametrize("command", documented("snakemake"), ids=str)
def test_a_documented_workflow_can_be_planned(command: Command, desk: Path) -> None:
    arguments = [word.replace("=/data/", f"={desk}/data/") for word in command.arguments]
    done = snakemake(desk, "--dry-run", *arguments)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "total" in done.stdout
