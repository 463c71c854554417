"""Reading takes the same memory whatever the length of the file."""

import tracemalloc

import h5py
import numpy as np
import pytest

from evfi.io.importers.options import ImportOptions
from evfi.io.readers import open_reader


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


def peak_mb(path, unit):
    options = ImportOptions(time_unit=unit, sensor_height=18, sensor_width=24)
    tracemalloc.start()
    count = sum(len(piece) for piece in open_reader(path, None, options).batches())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return count, peak / 1e6


@pytest.mark.parametrize(("ending", "write"), [(".txt", write_text), (".npz", write_npz), (".h5", write_dsec)])
def test_a_file_three_times_as_long_takes_no_more_memory(tmp_path, monkeypatch, ending, write):
    for module in ("npz_columns", "event_tables", "hdf5_files"):
        monkeypatch.setattr(f"evfi.io.importers.{module}.PIECE", 1 << 13)
    monkeypatch.setattr("evfi.io.importers.npz_columns.npz_events.__defaults__", (None, 1 << 13))
    monkeypatch.setattr("evfi.io.importers.raw_events._SURVEYED", 1 << 13)
    peaks = []
    for n in (40_000, 120_000):
        path = tmp_path / f"{n}{ending}"
        write(path, n)
        count, peak = peak_mb(path, "us")
        assert count == n
        peaks.append(peak)
    assert peaks[1] < 1.2 * peaks[0] + 0.1
