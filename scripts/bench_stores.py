"""Recordings: reading aedat4, bytes an event, windows and bulk reads, against other readers of the same events.

Median ratio of 7 interleaved pairs in one run, with its spread. The events: a quarter of a second of the demo's first
scene through the demo's event sensor, repeated and mirrored, plus 5 % uniform noise. They are made once in `--folder`
(0.9 GB for 20 million), so that each part can be run by itself; without it in a temporary folder, all parts in one run.

Example: python scripts/bench_stores.py --events 20000000 --folder /tmp/bench --part aedat4
"""

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dv_processing as dv
import h5py
import hdf5plugin  # noqa: F401 - h5py decodes through it
import numpy as np
import zarr
from made_recording import made_recording
from numcodecs import blosc  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs
from timing import compare, print_machine

from evfi.io import event_columns
from evfi.io.aedat4 import Aedat4Reader
from evfi.io.recording import open_recording
from evfi.units import US_PER_MS, US_PER_S

WINDOWS, WINDOW_US = 100, 5_000


def main() -> int:
    """Print one line a comparison."""
    parts = {"aedat4": bench_aedat4, "size": bench_size, "windows": bench_windows, "bulk": bench_bulk}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--folder", type=Path, help="where the recording is made, or lies from an earlier run")
    parser.add_argument("--part", choices=[*parts, "make"], help="one comparison; make: only the recording")
    asked = parser.parse_args()
    print_machine()
    with ExitStack() as stack:
        folder = asked.folder
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evfi-bench-")))
        folder = made_recording(folder, asked.events)
        t = np.load(folder / "t.npy", mmap_mode="r")
        rate = len(t) / (int(t[-1] - t[0]) / US_PER_S)
        print(f"{len(t)} events, {rate / US_PER_S:.2f} million a second", flush=True)
        for name, part in parts.items():
            if asked.part in (None, name):
                part(folder, t)
    return 0


def bench_aedat4(folder: Path, _: np.ndarray) -> None:
    """All events as columns, on one core and on two."""
    path = folder / "r.aedat4"
    readers: dict[str, Callable[[], int]] = {"dv-processing": lambda: _dv(path)}
    if importlib.util.find_spec("aedat"):
        readers["aedat"] = lambda: _aedat(path)
    if importlib.util.find_spec("faery"):
        readers["faery"] = lambda: _faery(path)
    cores = sorted(os.sched_getaffinity(0))
    for used in (cores[:1], cores[:2]):
        os.sched_setaffinity(0, used)
        for name, reader in readers.items():
            label = f"reading aedat4 on {len(used)} core(s), against {name}"
            compare(label, lambda: _own(path), reader)
    os.sched_setaffinity(0, cores)


def bench_size(folder: Path, times: np.ndarray) -> None:
    """Bytes an event at rest, and what times as differences would save."""
    stored = sum(file.stat().st_size for file in (folder / "r.zarr" / "events").rglob("*") if file.is_file())
    of_times = sum(file.stat().st_size for file in (folder / "r.zarr" / "events" / "t").rglob("*") if file.is_file())
    blosc.set_nthreads(1)
    differences = 0
    for first in range(0, len(times), 1 << 16):
        t = times[first : first + (1 << 16)]
        chunk = np.diff(t, prepend=t[:1]).astype(np.uint32)
        differences += len(blosc.compress(chunk, b"lz4", 5, blosc.BITSHUFFLE)) + 8
    hdf5 = (folder / "r.h5").stat().st_size
    print(
        f"bytes an event: {stored / len(times):.2f} (times {of_times / len(times):.2f}; as uint32 differences "
        f"{differences / len(times):.2f}); HDF5 in the DSEC layout {hdf5 / len(times):.2f}",
        flush=True,
    )


def bench_windows(folder: Path, times: np.ndarray) -> None:
    """5 ms windows that no cache holds."""
    recording = open_recording(folder / "r.zarr")
    rng = np.random.default_rng(1)
    starts = rng.integers(times[0], times[-1] - WINDOW_US, WINDOWS)
    slices = np.searchsorted(times, np.stack([starts, starts + WINDOW_US], axis=1))

    def own() -> None:
        for start in starts:
            event_columns.forget_blocks()
            recording.events(int(start), int(start) + WINDOW_US)

    def plain(group: Any) -> None:
        for first, end in slices:
            for name in event_columns.NAMES:
                _ = group[f"events/{name}"][first:end]

    label = f"{WINDOWS} windows of {WINDOW_US // US_PER_MS} ms, against"
    group = zarr.open_group(folder / "r.zarr", mode="r")
    compare(f"{label} zarr-python", own, lambda: plain(group))
    with h5py.File(folder / "r.h5") as file:
        compare(f"{label} h5py in the DSEC layout", own, lambda: _dsec_windows(file, starts - int(times[0])))
    _against_zarrs(folder, label, own, plain)


def bench_bulk(folder: Path, _: np.ndarray) -> None:
    """All events of a store."""
    recording = open_recording(folder / "r.zarr")

    def own() -> None:
        event_columns.forget_blocks()
        recording.events(recording.start_us, recording.end_us)

    def plain(group: Any) -> None:
        for name in event_columns.NAMES:
            _ = group[f"events/{name}"][:]

    group = zarr.open_group(folder / "r.zarr", mode="r")
    compare("all events, against zarr-python", own, lambda: plain(group))
    _against_zarrs(folder, "all events, against", own, plain)


def _against_zarrs(folder: Path, label: str, own: Callable[[], object], plain: Callable[[Any], object]) -> None:
    if importlib.util.find_spec("zarrs"):
        with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
            fast = zarr.open_group(folder / "r.zarr", mode="r")
            compare(f"{label} zarr-python with zarrs", own, lambda: plain(fast))


def _dsec_windows(file: Any, starts: np.ndarray) -> None:
    index, events = file["ms_to_idx"], file["events"]
    last = index.shape[0] - 1
    for start in starts.tolist():
        end = start + WINDOW_US
        low, high = index[start // US_PER_MS], index[min(-(-end // US_PER_MS), last)]
        t = events["t"][low:high]
        first, stop = np.searchsorted(t, [start, end])
        _ = [events[name][low + first : low + stop] for name in ("x", "y", "p")]


def _own(path: Path) -> int:
    return sum(len(piece) for piece in Aedat4Reader(path).batches())


def _dv(path: Path) -> int:
    recording = dv.io.MonoCameraRecording(str(path))
    return sum(len(_columns(batch.numpy(), "timestamp")[0]) for batch in iter(recording.getNextEventBatch, None))


def _aedat(path: Path) -> int:
    import aedat  # pyright: ignore[reportMissingImports]

    return sum(len(_columns(packet["events"], "t")[0]) for packet in aedat.Decoder(str(path)) if "events" in packet)


def _faery(path: Path) -> int:
    import faery  # pyright: ignore[reportMissingImports]

    return sum(len(_columns(events, "t")[0]) for events in faery.events_stream_from_file(str(path)))


def _columns(rows: np.ndarray, time: str) -> list[np.ndarray]:
    """What every reader must end with: columns of their own."""
    polarity = next(name for name in ("on", "polarity") if name in (rows.dtype.names or ()))
    return [np.ascontiguousarray(rows[name]) for name in (time, "x", "y", polarity)]


if __name__ == "__main__":
    sys.exit(main())
