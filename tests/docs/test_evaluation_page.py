"""The example of docs/evaluation.md, run as it stands on a small index: a method of one's own beside the baselines."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from evfi.cli.app import exit_code
from evfi.io.clips import Clip, write_clip_store
from evfi.io.images import write_png
from evfi.provenance import digest_file
from evfi.samples.index import write_index
from evfi.samples.options import SamplesOptions
from evfi.types import Events, SensorSize
from tests.docs.commands import REPOSITORY, commands_of

PAGE = REPOSITORY / "docs" / "evaluation.md"
SIZE = SensorSize(height=36, width=44)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """results/samples/test.parquet over one clip without events."""
    folder = tmp_path / "results" / "samples"
    folder.mkdir(parents=True)
    paths = tuple(folder / f"{number}.png" for number in range(7))
    for number, path in enumerate(paths):
        write_png(path, np.full((SIZE.height, SIZE.width, 3), 20 * number, np.uint8))
    clip = Clip(
        clip_id="00001/0001", events=Events.empty(SIZE), t_us=np.arange(7, dtype=np.int64) * 10_000,
        frame_paths=paths, frame_sha256=tuple(digest_file(path) for path in paths), contrast_pos=0.2,
        contrast_neg=0.2, seed=1, subframes=np.ones(6, np.int64),
    )  # fmt: skip
    write_clip_store(folder / "clips.zarr", [clip], algo_version=1, seed=0)
    options = SamplesOptions(septuplet_test_skips=(5,))
    write_index(folder / "test.parquet", "test", clip_stores=[folder / "clips.zarr"], recordings=[], options=options)
    return folder / "test.parquet"


def test_the_example_of_the_page_measures_a_method_of_one_s_own(index: Path, tmp_path: Path, monkeypatch) -> None:
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "nearest.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    evaluate, report = (
        next(command for command in commands_of(text) if command.arguments[0] == verb and "nearest" in command.text)
        for verb in ("evaluate", "report")
    )
    assert exit_code(["evaluate", "results/samples/test.parquet", "results/evaluation/baselines"]) == 0
    assert exit_code(evaluate.arguments) == 0
    assert exit_code(report.arguments) == 0
    rows = json.loads((tmp_path / "results" / "metrics.json").read_text())["rows"]
    found = {
        (row["method"], row["target"]): row["value"]
        for row in rows
        if row["metric"] == "ie" and row["averaging"] == "frame"
    }
    assert [found["nearest", f"im{number}"] for number in (2, 3, 4, 5, 6)] == pytest.approx([20, 40, 60, 40, 20])
    assert found["blend", "im4"] == pytest.approx(0, abs=0.01)
    assert "nearest" in (tmp_path / "results" / "report.html").read_text()
