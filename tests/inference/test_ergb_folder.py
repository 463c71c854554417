"""Slow motion of an HS-ERGB folder, and the lines in which bad input of `evfi interpolate` is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.cli.app import exit_code
from evfi.inference.plan import Asked
from evfi.inference.slow_motion import interpolate_file
from evfi.io.images import read_frame_folder, write_png
from evfi.io.ingest import ingest
from evfi.io.recording import Recording
from evfi.models.weights import load_weights, save_weights

HEIGHT, WIDTH, GAP_US = 36, 44, 10_000


def write_folder(folder: Path, *, image_size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """Five colour images 10 ms apart; file n holds sub-pixel events of (image n - 1, image n]."""
    rng = np.random.default_rng(7)
    (folder / "images_corrected").mkdir(parents=True)
    (folder / "events_aligned").mkdir()
    for number in range(5):
        write_png(folder / f"images_corrected/{number:06d}.png", rng.integers(0, 256, (*image_size, 3), np.uint8))
        if number:
            np.savez(
                folder / f"events_aligned/{number:06d}.npz",
                x=rng.uniform(0, WIDTH - 1, 900).astype(np.float32),
                y=rng.uniform(0, HEIGHT - 1, 900).astype(np.float32),
                t=np.sort(rng.integers((number - 1) * GAP_US + 1, number * GAP_US + 1, 900)),
                p=rng.integers(0, 2, 900, dtype=np.uint8),
            )
    (folder / "timestamp.txt").write_text("".join(f"{number * GAP_US}\n" for number in range(5)))
    return folder


def test_a_folder_gives_what_its_store_gives_with_its_own_frames_bit_for_bit(weights: Path, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "water_bomb")
    ingest(folder, tmp_path / "water_bomb.zarr")
    out = tmp_path / "out"
    summary = interpolate_file(folder, out / "slow", weights=weights, asked=Asked(factor=4))
    interpolate_file(tmp_path / "water_bomb.zarr", out / "expected", weights=weights, asked=Asked(factor=4))
    found, expected = (read_frame_folder(out / name, "us") for name in ("slow", "expected"))
    np.testing.assert_array_equal(found.image, expected.image)
    np.testing.assert_array_equal(found.t_us, np.arange(17) * 2_500)
    originals = read_frame_folder(folder / "images_corrected", fps=100).image
    np.testing.assert_array_equal(found.image[::4], originals)
    assert summary.frames_inserted == 12
    assert sorted(path.name for path in out.iterdir()) == ["expected", "slow"], "the temporary store is gone"


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a command is refused with."""
    assert exit_code(["interpolate", *(str(argument) for argument in arguments)]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("evfi: error:")]
    return line


def test_images_and_events_of_different_sensors_are_one_line(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "misfit", image_size=(HEIGHT // 2, WIDTH // 2))
    line = refused(capsys, folder, tmp_path / "out" / "slow.mp4", "--weights", weights)
    assert "one pixel raster" in line
    assert [*(tmp_path / "out").iterdir()] == []


def test_weights_that_lack_a_key_are_one_line_that_names_it(
    gray: Recording, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta, state = load_weights(weights)
    del state["attention.conv3.bias"]
    cut = tmp_path / "cut.safetensors"
    save_weights(cut, state, meta)
    line = refused(capsys, gray.path, tmp_path / "slow.mp4", "--weights", cut)
    assert "attention.conv3.bias" in line
    assert [path.name for path in tmp_path.iterdir()] == ["cut.safetensors"]


def test_the_weights_of_an_early_stage_are_one_line(
    gray: Recording, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta, state = load_weights(weights)
    early = tmp_path / "early.safetensors"
    own = {name: tensor for name, tensor in state.items() if name.startswith("synthesis.")}
    save_weights(early, own, {**meta, "stage": "synthesis"})
    assert "synthesis" in refused(capsys, gray.path, tmp_path / "slow.mp4", "--weights", early)


def test_weights_with_a_value_that_is_no_number_are_one_line(
    gray: Recording, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta, state = load_weights(weights)
    state["synthesis.conv1.weight"] = torch.full_like(state["synthesis.conv1.weight"], float("nan"))
    bad = tmp_path / "bad.safetensors"
    save_weights(bad, state, meta)
    assert "not finite" in refused(capsys, gray.path, tmp_path / "slow", "--weights", bad)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.safetensors"]


@pytest.mark.parametrize("factor", ["1", "0", "-3"])
def test_a_factor_of_one_or_less_is_one_line(
    factor: str, gray: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "at least 2" in refused(capsys, gray.path, tmp_path / "slow.mp4", f"--factor={factor}")


def test_an_output_that_cannot_be_written_is_one_line(
    gray: Recording, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    line = refused(capsys, gray.path, tmp_path / "file" / "slow.mp4", "--weights", weights)
    assert "cannot write" in line
