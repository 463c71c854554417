"""The command line: exit codes, one-line errors, help with examples."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from evfi.cli.app import VERBS, app, exit_code
from evfi.errors import CheckFailed, TimeBudgetUsed, UserError
from evfi.io.images import write_png


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = exit_code([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    result = CliRunner().invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"evfi {verb}" in result.output


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["info", "nowhere.aedat4"], "nowhere.aedat4"),
        (["ingest", "nowhere.aedat4", "out.zarr"], "nowhere.aedat4"),
        (["ingest", "nowhere.aedat4", "out.h5"], "a store ends in .zarr, got out.h5"),
        (["index", "out.parquet", "--recordings", "a=b"], "NAME=SPLIT=STORE"),
        (["index", "out.parquet", "--part", "both"], "both"),
        (["train", "timelenz", "synthesis", "--index", "i", "--out", "o", "--state", "s"], "timelenz"),
        (["train", "timelens", "synthesys", "--index", "i", "--out", "o", "--state", "s"], "synthesys"),
        (["evaluate", "nowhere.parquet", "out"], "nowhere.parquet"),
        (["interpolate", "my.aedat4", "out.mp4"], "my.aedat4"),
        (["simulate", "list.txt", "out.zarr"], "--root"),
        (["simulate", "list.txt", "out.zarr", "--root", "x", "--contrast-pos", "-1"], "contrast_pos"),
        (["simulate", "list.txt", "out.zarr", "--root", "x", "--options", "{"], "JSON"),
        (
            ["evaluate", "i.parquet", "out", "--options", '{"metrics": []}'],
            'takes {"evaluation": {…}} here, got metrics',
        ),
        (
            ["train", "timelens", "warp", "--index", "i", "--out", "o", "--state", "s", "--options", '{"steps": 3}'],
            "steps",
        ),
        (["index", "o.parquet", "--options", '{"skips": [1]}'], 'takes {"samples": {…}} here, got skips'),
        (["report", "o", "--evaluations", "e", "--options", '{"goals": []}'], "got goals"),
        (["sweep-thresholds", "i", "o", "--options", '{"contrasts": [0.1]}'], "got contrasts"),
        (["blocks", "nowhere.txt", "out", "--part", "train", "--clips", "3"], "nowhere.txt"),
        (["nonsense"], "nonsense"),
        (["info"], "(see `evfi info --help`)"),
        (["plan"], "runs start where Snakefile and config/ lie"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    named: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("evfi: error: ")
    assert named in err
    assert list(tmp_path.rglob("*.lock")) == list(tmp_path.rglob("*.partial")) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("x"), 2),
        (CheckFailed("x"), 1),
        (TimeBudgetUsed("x"), 75),
        (KeyboardInterrupt(), 130),
        (KeyError("x"), 70),
    ],
)
def test_exit_codes_follow_the_kind_of_error(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> dict:
        raise error

    monkeypatch.setattr("evfi.io.describe.describe", broken)
    assert run(capsys, "info", "anything")[0] == code


def test_a_list_shorter_than_the_configuration_says_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.txt").write_text("00001/0001\n\n00001/0002\n\n")
    code, _, err = run(capsys, "blocks", tmp_path / "list.txt", tmp_path, "--part", "train", "--clips", 3)
    assert code == 2
    assert "holds 2 clips, but 3 are wanted" in err


def test_blocks_cover_the_list_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [f"00001/{number:04d}" for number in range(1, 8)]
    (tmp_path / "list.txt").write_text("\n".join(ids) + "\n\n")
    code, *_ = run(capsys, "blocks", tmp_path / "list.txt", tmp_path, "--part", "test", "--clips", 7, "--size", 3)
    assert code == 0
    blocks = [path.read_text().split() for path in sorted(tmp_path.glob("test-*.txt"))]
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert [item for block in blocks for item in block] == ids


def test_events_of_a_folder_of_frames_go_to_npz(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, value in enumerate((40, 80, 160)):
        write_png(folder / f"{number}.png", np.full((8, 10), value, np.uint8))
    (folder / "timestamps.txt").write_text("0\n0.01\n0.02\n")
    code, *_ = run(capsys, "simulate", folder, tmp_path / "events.npz", "--preset", "esim_py", "--contrast-pos", 0.2)
    assert code == 0
    with np.load(tmp_path / "events.npz") as events:
        assert events["p"].all()
        assert (events["height"], events["width"]) == (8, 10)
        assert len(events["t"]) == 80 * int(np.log((160 / 255 + 1e-3) / (40 / 255 + 1e-3)) / 0.2)


def test_info_of_real_recordings_as_json(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "info", real_data / "davis/davis346.aedat4", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["kind"] == "recording"
    assert found["sensor_size"] == {"height": 260, "width": 346}
    assert found["events"]["count"] == 78_830
    assert found["frames"]["count"] == 59
    code, out, _ = run(capsys, "info", real_data / "davis/dvxplorer_events_only.aedat4", "--json")
    assert code == 0
    assert json.loads(out)["frames"] is None
    assert json.loads(out)["events"]["count"] == 111_954
