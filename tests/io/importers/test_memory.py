"""Reading takes the same memory whatever the length of the file."""

import tracemalloc

import h5py
import numpy as np
import pytest

from evfi.io.images import write_png
from evfi.io.importers.options import ImportOptions
from evfi.io.readers import open_reader
from evfi.io.video import write_video
from evfi.types import Events


def write_text(path, n):
    t = np.arange(n)
    np.savetxt(path, np.stack([t, t % 24, t % 18, t % 2], axis=1), fmt="%d", header="t_us x y p")


def write_npz(path, n):
    t = np.arange(n)
    np.savez(path, x=(t % 24).astype(np.uint16), y=(t % 18).astype(np.uint16), t=t, p=t % 2 > 0)


def write_dsec(path, n):
    t = np.arange(n)
    with h5py.File(path, "w") as file:
        for name, values in {"x": t % 24, "y": t % 18, "t": t, "p": t % 2}.items():
            file.create_dataset(f"events/{name}", data=values.astype(np.uint32), chunks=(1 << 14,))


def write_hs_ergb(root, n):
    """One file of events a 1,000 of them, and an image of 200 kB each."""
    for folder in ("events", "images"):
        (root / folder).mkdir(parents=True)
    t = 10 * np.arange(n)
    for number in range(n // 1000 + 1):
        write_png(root / "images" / f"{number:06d}.png", np.full((400, 500), number % 256, np.uint8))
        at = slice(1000 * (number - 1), 1000 * number)
        if number:
            np.savez(root / "events" / f"{number:06d}.npz", x=t[at] % 500, y=t[at] % 400, t=t[at], p=t[at] % 2)
    (root / "timestamp.txt").write_text("".join(f"{10_000 * k}\n" for k in range(n // 1000 + 1)))


def write_hqf(path, n):
    t = np.arange(n)
    with h5py.File(path, "w") as file:
        for name, values in {"xs": t % 24, "ys": t % 18, "ps": t % 2}.items():
            file.create_dataset(f"events/{name}", data=values.astype(np.int16), chunks=(1 << 14,))
        file.create_dataset("events/ts", data=t / 1e6, chunks=(1 << 14,))
        for number in range(0, n, 10_000):
            file.create_dataset(f"images/image{number:09d}", data=np.zeros((18, 24), np.uint8)).attrs["timestamp"] = (
                number / 1e6
            )
        file.attrs["sensor_resolution"] = (18, 24)


def write_bs_ergb(root, n):
    """The same folder as HS-ERGB's by other names: coordinates times 32, file n from image n on."""
    write_hs_ergb(root, n)
    (root / "timestamp.txt").rename(root / "timestamps.txt")
    for path in sorted((root / "events").iterdir()):
        with np.load(path) as data:
            columns = {"x": 32 * data["x"], "y": 32 * data["y"], "timestamp": data["t"], "polarity": data["p"]}
        path.unlink()
        np.savez(path.with_name(f"{int(path.stem) - 1:06d}.npz"), **columns)


def write_pair(root, n):
    """A film of 1000 frames a second, many times those that are read at once, and a file of events."""
    root.mkdir()
    t = 10 * np.arange(n)
    np.savez(root / "e.npz", x=(t % 48).astype(np.uint16), y=(t % 36).astype(np.uint16), t=t, p=t % 20 > 0)
    write_video(root / "f.mp4", (np.full((72, 96), k % 256, np.uint8) for k in range(n // 100 + 1)), 1000)


def peak_mb(path, unit):
    tells_its_size = path.is_dir() or path.stem.endswith("hqf")
    size = {} if tells_its_size else {"sensor_height": 18, "sensor_width": 24}
    options = ImportOptions(time_unit=unit, **size)
    tracemalloc.start()
    pieces = open_reader(path, None, options).batches()
    count = sum(len(piece) for piece in pieces if isinstance(piece, Events))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return count, peak / 1e6


@pytest.mark.parametrize(
    ("ending", "write"),
    [
        (".txt", write_text),
        (".npz", write_npz),
        (".h5", write_dsec),
        ("hqf.h5", write_hqf),
        ("", write_hs_ergb),
        ("bs", write_bs_ergb),
        ("pair", write_pair),
    ],
)
def test_a_file_three_times_as_long_takes_no_more_memory(tmp_path, monkeypatch, ending, write):
    for module in ("npz_columns", "event_tables", "hdf5_files"):
        monkeypatch.setattr(f"evfi.io.importers.{module}.PIECE", 1 << 13)
    monkeypatch.setattr("evfi.io.importers.npz_columns.npz_events.__defaults__", (None, 1 << 13))
    monkeypatch.setattr("evfi.io.importers.raw_events._SURVEYED", 1 << 13)
    peaks = []
    for n in (40_000, 120_000):
        path = tmp_path / f"{n}{ending}"
        write(path, n)
        count, peak = peak_mb(path, None if ending == "hqf.h5" else "us")
        assert count == n
        peaks.append(peak)
    assert peaks[1] < 1.2 * peaks[0] + 0.1
