"""`evfi simulate` from the command line: each refusal is one line with exit code 2, and leaves nothing behind."""

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from evfi.cli.app import exit_code
from evfi.io.event_files import read_event_file
from evfi.io.images import write_png
from evfi.io.video import write_video
from evfi.simulation.options import SimulationOptions


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = exit_code(["simulate", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def folder_of(images: list[np.ndarray], path: Path, times: str | None = None) -> Path:
    path.mkdir()
    for number, image in enumerate(images):
        write_png(path / f"{number}.png", image)
    (path / "timestamps.txt").write_text(times or "".join(f"{0.01 * k:.2f}\n" for k in range(len(images))))
    return path


def gray(value: int, height: int = 8, width: int = 10) -> np.ndarray:
    return np.full((height, width), value, np.uint8)


def different_sizes(path: Path) -> Path:
    return folder_of([gray(1), gray(2), gray(3, width=11)], path)


def colour_and_gray(path: Path) -> Path:
    return folder_of([gray(1), np.zeros((8, 10, 3), np.uint8)], path)


def equal_times(path: Path) -> Path:
    return folder_of([gray(1), gray(2), gray(3)], path, "0\n0.01\n0.01\n")


def falling_times(path: Path) -> Path:
    return folder_of([gray(1), gray(2), gray(3)], path, "0\n0.02\n0.01\n")


def one_frame(path: Path) -> Path:
    return folder_of([gray(1)], path)


def sixteen_bits(path: Path) -> Path:
    folder_of([gray(1), gray(2)], path)
    cv2.imwrite(str(path / "1.png"), np.full((8, 10), 40_000, np.uint16))
    return path


def with_nan(path: Path) -> Path:
    folder_of([gray(1), gray(2)], path)
    (path / "1.png").unlink()
    cv2.imwrite(str(path / "1.tif"), np.full((8, 10), np.nan, np.float32))
    return path


def unreadable_image(path: Path) -> Path:
    folder_of([gray(1), gray(2), gray(3)], path)
    data = (path / "1.png").read_bytes()
    (path / "1.png").write_bytes(data[: len(data) // 2])
    return path


def unreadable_video_frame(path: Path) -> Path:
    path = path.with_suffix(".mp4")
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64), dtype=np.uint8)
    write_video(path, noise, 30)
    with av.open(str(path)) as container:
        position, size = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size][15]
    data = bytearray(path.read_bytes())
    data[position : position + size] = bytes(size)
    path.write_bytes(data)
    return path


def fewer_times(path: Path) -> Path:
    return folder_of([gray(1), gray(2), gray(3)], path, "0\n1\n")


BAD = {
    different_sizes: r"2.png has shape (8, 11), the first frame (8, 10)",
    colour_and_gray: "1.png has shape (8, 10, 3), the first frame (8, 10)",
    equal_times: "timestamps.txt: times must increase, but number 3 does not",
    falling_times: "timestamps.txt: times must increase, but number 3 does not",
    fewer_times: "has 2 times for 3 images",
    one_frame: "holds 1 frame",
    sixteen_bits: "1.png has 16 bits a channel, expected 8",
    with_nan: "1.tif has 32 bits a channel, expected 8",
    unreadable_image: "1.png is not a whole image",
    unreadable_video_frame: "in.mp4: a frame cannot be decoded after",
}


@pytest.mark.parametrize("ending", [".npz", ".zarr", ".h5", ".aedat4"])
@pytest.mark.parametrize("bad", list(BAD), ids=lambda bad: bad.__name__)
def test_bad_input_is_one_line_with_exit_code_2_and_leaves_nothing(bad, ending, tmp_path, capsys):
    source = bad(tmp_path / "in")
    code, out, err = run(capsys, source, tmp_path / f"e{ending}", "--preset", "esim_py")
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("evfi: error: ")
    assert BAD[bad] in err
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("ending", [".npz", ".zarr", ".h5", ".aedat4"])
def test_an_unreadable_frame_in_the_middle_of_a_store_is_one_line_and_leaves_nothing(ending, tmp_path, capsys):
    images = list(np.random.default_rng(0).integers(0, 256, (5, 8, 10), dtype=np.uint8))
    source = tmp_path / "made" / "s.zarr"
    assert run(capsys, folder_of(images, tmp_path / "in"), source, "--preset", "esim_py")[0] == 0
    (shard,) = (source / "frames" / "image" / "c").rglob("0/0/0")
    data = bytearray(shard.read_bytes())
    # five frames lie one after the other, and the index behind them
    data[2 * len(data) // 5 : 3 * len(data) // 5] = bytes(3 * len(data) // 5 - 2 * len(data) // 5)
    shard.write_bytes(data)
    code, out, err = run(capsys, source, tmp_path / f"e{ending}", "--preset", "esim_py")
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "s.zarr" in err
    assert "is damaged" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "made"]


@pytest.mark.parametrize("name", ["--contrast-pos", "--contrast-neg"])
@pytest.mark.parametrize("value", [0, -0.2])
def test_a_threshold_that_is_not_positive_is_one_line(name, value, tmp_path, capsys):
    source = folder_of([gray(1), gray(2)], tmp_path / "in")
    code, _, err = run(capsys, source, tmp_path / "e.npz", name, value)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert name.strip("-").replace("-", "_") in err
    assert list(tmp_path.iterdir()) == [source]


def test_a_video_whose_header_lies_gives_what_decodes_with_one_warning(real_data, tmp_path, capsys):
    code, out, err = run(capsys, real_data / "video" / "tree.avi", tmp_path / "e.npz", "--preset", "esim_py")
    assert code == 0
    assert "events of 68 frames" in out
    assert [line for line in err.splitlines() if "promises" in line] == [
        f"evfi: {real_data / 'video' / 'tree.avi'}: its header promises 444 frames, 68 decode: going on with these"
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--options", '{"noise": {"jitter_us": 3}}'], "got noise"),
        (["--options", '{"simulation": {"noise": {"jiter_us": 3}}}'], "noise.jiter_us: no such option"),
        (["--preset", "nonsense"], "nonsense"),
        (["--backend", "nonsense"], "backend"),
        (["--upsample", "nonsense"], "upsample"),
        (["--fps", "30"], "only for folders without"),
        (["--time-unit", "ms"], "ms"),
        (["--root", "x"], "clip store"),
        (["--device", "cuda"], "backend numba computes on the cpu, not on 'cuda'"),
        (["--device", "a gpu", "--backend", "torch"], "device"),
        (["--device", "cuda:99", "--backend", "torch"], "on device 'cuda:99'"),
    ],
)
def test_options_that_cannot_work_are_one_line(arguments, named, tmp_path, capsys):
    source = folder_of([gray(1), gray(2)], tmp_path / "in")
    code, _, err = run(capsys, source, tmp_path / "e.npz", *arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert named in err
    assert list(tmp_path.iterdir()) == [source]


def test_noise_by_options_and_flags_over_them(tmp_path, capsys):
    source = folder_of([gray(40), gray(80), gray(160)], tmp_path / "in")
    quiet = '{"simulation": {"preset": "esim_py", "contrast_pos": 0.4}}'
    noisy = '{"simulation": {"preset": "esim_py", "noise": {"hot_pixels": [[2, 3]], "hot_pixel_rate_hz": 5000}}}'
    assert run(capsys, source, tmp_path / "q.npz", "--options", quiet, "--contrast-pos", 0.2)[0] == 0
    assert run(capsys, source, tmp_path / "n.npz", "--options", noisy)[0] == 0
    plain, hot = (read_event_file(tmp_path / name) for name in ("q.npz", "n.npz"))
    assert len(plain) == 80 * int(np.log((160 / 255 + 1e-3) / (40 / 255 + 1e-3)) / 0.2)
    assert len(hot) - len(plain) > 50
    assert np.bincount(hot.y.astype(int) * 10 + hot.x).argmax() == 23


def test_a_backend_on_a_device_of_its_own_gives_the_default_backends_events(tmp_path, capsys):
    source = folder_of([gray(40), gray(80), gray(160)], tmp_path / "in")
    esim = ("--preset", "esim_py")
    assert run(capsys, source, tmp_path / "n.npz", *esim)[0] == 0
    assert run(capsys, source, tmp_path / "t.npz", *esim, "--backend", "torch", "--device", "cpu")[0] == 0
    assert (tmp_path / "n.npz").read_bytes() == (tmp_path / "t.npz").read_bytes()


def test_help_names_presets_and_backends_as_the_options_know_them(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    words = set(out.replace(",", " ").replace(";", " ").replace("│", " ").split())
    for field in ("preset", "backend"):
        names = SimulationOptions.model_json_schema()["properties"][field]["enum"]
        assert len(names) >= 2
        assert set(names) <= words


def test_a_list_goes_into_a_clip_store(tmp_path, capsys):
    for number in range(1, 8):
        path = tmp_path / "tree" / "sequences" / "00001" / "0001" / f"im{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, np.repeat(gray(20 * number)[..., None], 3, axis=2))
    (tmp_path / "list.txt").write_text("00001/0001\n\n")
    code, *_ = run(
        capsys, tmp_path / "list.txt", tmp_path / "e.zarr", "--root", tmp_path / "tree", "--preset", "esim_py"
    )
    assert code == 0
    assert json.loads((tmp_path / "e.json").read_text())["clip_ids"] == ["00001/0001"]
