"""Recordings: reading aedat4, bytes an event, windows and bulk reads, against other readers of the same events.

Median ratio of 7 interleaved pairs in one run, with its spread. The events: a quarter of a second of the demo's first
scene through the demo's event sensor, repeated and mirrored, plus 5 % uniform noise.

Example: python scripts/bench_stores.py --events 20000000
"""

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dv_processing as dv
import h5py
import hdf5plugin
import numpy as np
import zarr
from numcodecs import blosc  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs
from timing import compare

from evfi.demo.options import DemoOptions
from evfi.demo.recordings import plan_recordings, recording_scene, sensor_options
from evfi.demo.render import render_moments
from evfi.io import event_columns
from evfi.io.aedat4 import Aedat4Reader, write_aedat4
from evfi.io.recording import RecordingWriter, open_recording
from evfi.simulation.simulate import Simulator
from evfi.types import Events
from evfi.units import US_PER_MS, US_PER_S

WINDOWS, WINDOW_US = 100, 5_000
NOISE, SCENE_US, RENDERS = 0.05, US_PER_S // 4, 250
PIECE = 1 << 20


def main() -> int:
    """Print one line a comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    events = made_events(parser.parse_args().events)
    rate = len(events) / (int(events.t[-1] - events.t[0]) / US_PER_S)
    print(f"{len(events)} events of {events.sensor_size}, {rate / US_PER_S:.1f} million a second", flush=True)
    with tempfile.TemporaryDirectory(prefix="evfi-bench-") as name:
        folder = Path(name)
        write_aedat4(folder / "r.aedat4", events.sensor_size, pieces_of(events), [])
        bench_aedat4(folder / "r.aedat4")
        store = RecordingWriter(folder / "r.zarr", events.sensor_size)
        for piece in pieces_of(events):
            store.add_events(piece)
        store.finish()
        write_dsec(folder / "r.h5", events)
        bench_size(folder, events)
        bench_reads(folder, events)
    return 0


def made_events(count: int) -> Events:
    """Events of the demo's first recording: a part of it over and over, every other time mirrored; and noise."""
    options = DemoOptions(recording_seconds=0.5, train_recordings=1, test_recordings=0, train_clips=1, test_clips=1)
    (plan,) = plan_recordings(options)
    scene, _ = recording_scene(plan, options)
    simulator = Simulator(scene.sensor_size, sensor_options(plan, options), seed=1)
    parts = []
    t_us = np.arange(0, SCENE_US + 1, SCENE_US // RENDERS, dtype=np.int64)
    for first in range(0, len(t_us), 50):
        chunk = t_us[first : first + 50]
        gray = render_moments(scene, chunk.astype(np.float64))[..., 0] * np.float32(255)
        parts.append(simulator.feed(gray, chunk))
    parts.append(simulator.finish())
    part, size = Events.concatenated(parts, scene.sensor_size), scene.sensor_size
    wanted = int(count * (1 - NOISE))
    rounds = -(-wanted // len(part))
    mirrored = size.width - 1 - part.x
    x = np.concatenate([mirrored if number % 2 else part.x for number in range(rounds)])[:wanted].astype(np.uint16)
    t = np.concatenate([part.t + number * SCENE_US for number in range(rounds)])[:wanted]
    y, p = (np.tile(column, rounds)[:wanted] for column in (part.y, part.p))
    rng = np.random.default_rng(2026)
    noise = count - wanted
    x, y, t, p = (
        np.append(x, rng.integers(0, size.width, noise).astype(np.uint16)),
        np.append(y, rng.integers(0, size.height, noise).astype(np.uint16)),
        np.append(t, rng.integers(0, int(t[-1]), noise)) + plan.start_us,
        np.append(p, rng.random(noise) < 0.5),
    )
    order = np.argsort(t, kind="stable")
    return Events(x[order], y[order], t[order], p[order], size)


def pieces_of(events: Events) -> Iterator[Events]:
    """Slices that a streaming writer takes."""
    for first in range(0, len(events), PIECE):
        yield events.take(slice(first, first + PIECE))


def write_dsec(path: Path, events: Events) -> None:
    """events/{x,y,t,p}, t_offset and ms_to_idx, Blosc-Zstd with bit shuffle, chunks as h5py chooses them."""
    t = events.t - events.t[0]
    with h5py.File(path, "w") as file:
        for name, column in {
            "x": events.x,
            "y": events.y,
            "t": t.astype(np.uint32),
            "p": events.p.astype("u1"),
        }.items():
            file.create_dataset(
                f"events/{name}", data=column, chunks=True, **hdf5plugin.Blosc(cname="zstd", clevel=1, shuffle=2)
            )
        file["t_offset"] = events.t[0]
        file["ms_to_idx"] = np.searchsorted(t, np.arange(0, int(t[-1]) + US_PER_MS, US_PER_MS))


def bench_aedat4(path: Path) -> None:
    """All events as columns, on one core and on two."""
    readers: dict[str, Callable[[], int]] = {"dv-processing": lambda: _dv(path)}
    if importlib.util.find_spec("aedat"):
        readers["aedat"] = lambda: _aedat(path)
    if importlib.util.find_spec("faery"):
        readers["faery"] = lambda: _faery(path)
    cores = sorted(os.sched_getaffinity(0))
    for used in (cores[:1], cores[:2]):
        os.sched_setaffinity(0, used)
        for name, reader in readers.items():
            compare(f"reading aedat4 on {len(used)} core(s), against {name}", lambda: _own(path), reader)
    os.sched_setaffinity(0, cores)


def bench_size(folder: Path, events: Events) -> None:
    """Bytes an event at rest, and what times as differences would save."""
    stored = sum(file.stat().st_size for file in (folder / "r.zarr" / "events").rglob("*") if file.is_file())
    times = sum(file.stat().st_size for file in (folder / "r.zarr" / "events" / "t").rglob("*") if file.is_file())
    blosc.set_nthreads(1)
    differences = 0
    for first in range(0, len(events), 1 << 16):
        t = events.t[first : first + (1 << 16)]
        chunk = np.diff(t, prepend=t[:1]).astype(np.uint32)
        differences += len(blosc.compress(chunk, b"lz4", 5, blosc.BITSHUFFLE)) + 8
    hdf5 = (folder / "r.h5").stat().st_size
    print(
        f"bytes an event: {stored / len(events):.2f} (times {times / len(events):.2f}; as uint32 differences "
        f"{differences / len(events):.2f}); HDF5 in the DSEC layout {hdf5 / len(events):.2f}",
        flush=True,
    )


def bench_reads(folder: Path, events: Events) -> None:
    """5 ms windows that no cache holds, and everything at once."""
    recording = open_recording(folder / "r.zarr")
    rng = np.random.default_rng(1)
    starts = rng.integers(events.t[0], events.t[-1] - WINDOW_US, WINDOWS)
    slices = np.searchsorted(events.t, np.stack([starts, starts + WINDOW_US], axis=1))

    def own() -> None:
        for start in starts:
            event_columns.forget_blocks()
            recording.events(int(start), int(start) + WINDOW_US)

    def plain(group: Any) -> None:
        for first, end in slices:
            for name in event_columns.NAMES:
                _ = group[f"events/{name}"][first:end]

    def everything(group: Any) -> None:
        for name in event_columns.NAMES:
            _ = group[f"events/{name}"][:]

    group = zarr.open_group(folder / "r.zarr", mode="r")
    label = f"{WINDOWS} windows of {WINDOW_US // US_PER_MS} ms, against"
    compare(f"{label} zarr-python", own, lambda: plain(group))
    with h5py.File(folder / "r.h5") as file:
        compare(f"{label} h5py in the DSEC layout", own, lambda: _dsec_windows(file, starts - int(events.t[0])))
    bulk = lambda: recording.events(recording.start_us, recording.end_us)  # noqa: E731 - one of a row of such
    compare("all events, against zarr-python", bulk, lambda: everything(group))
    if importlib.util.find_spec("zarrs"):
        with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
            fast = zarr.open_group(folder / "r.zarr", mode="r")
            compare(f"{label} zarr-python with zarrs", own, lambda: plain(fast))
            compare("all events, against zarr-python with zarrs", bulk, lambda: everything(fast))


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
