"""Which weights `evfi interpolate` takes: those named, else those that a run left, else those that come with evfi."""

import logging
from pathlib import Path

import numpy as np
import pytest

from evfi.cli.interpolate import default_weights
from evfi.errors import MissingInputError
from evfi.inference.interpolate import interpolate
from evfi.io.opening import open_path
from evfi.io.video import write_video
from evfi.models import shipped
from evfi.models.registry import family_named
from evfi.models.shipped import write_half, write_shipped_receipt
from evfi.simulation.options import SimulationOptions
from evfi.simulation.stream import simulate_file
from tests.untrained import untrained

FAMILY = family_named("timelens")


@pytest.fixture
def open_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    path = folder / "timelens.safetensors"
    write_half(untrained(tmp_path / "single.safetensors"), path)
    write_shipped_receipt(path, {"family": "timelens"})
    monkeypatch.setattr(shipped, "FOLDER", folder)
    return path


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("evfi"), "propagate", True)
    caplog.set_level(logging.INFO, logger="evfi")
    return caplog


def test_the_open_weights_are_taken_where_no_run_left_any_and_a_line_says_so(
    open_weights: Path, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    assert default_weights(tmp_path / "results", "timelens") == open_weights
    assert "the open weights of TimeLens that come with evfi" in said.text


def test_a_runs_own_weights_override_them_and_a_line_says_so(
    open_weights: Path, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    own = untrained(tmp_path / "results" / "timelens" / "attention" / "weights.safetensors")
    assert default_weights(tmp_path / "results", "timelens") == own
    assert f"{own}, which a run left" in said.text


def test_a_build_without_open_weights_asks_for_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "none")
    with pytest.raises(MissingInputError, match="no open weights of timelens in this build of evfi: give --weights"):
        default_weights(tmp_path / "results", "timelens")


def test_the_python_call_takes_them_too(open_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [np.full((40, 48), 10 * number, np.uint8) for number in range(3)]
    write_video(tmp_path / "video.mp4", images, fps=25)
    simulate_file(tmp_path / "video.mp4", tmp_path / "video.zarr", SimulationOptions(preset="esim_py"))
    recording = open_path(tmp_path / "video.zarr")
    found, named = (interpolate(recording, [20_000], *given) for given in ((), (open_weights,)))
    assert found.shape[0] == 1
    np.testing.assert_array_equal(found, named)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "none")
    with pytest.raises(MissingInputError, match="no open weights of timelens in this build of evfi"):
        interpolate(recording, [20_000])
