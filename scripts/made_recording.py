"""The recording that bench_stores.py measures: made once in a folder as aedat4, as a store and as HDF5."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from evfi.demo.options import DemoOptions
from evfi.demo.recordings import plan_recordings, recording_scene, sensor_options
from evfi.demo.render import render_moments
from evfi.io.aedat4 import write_aedat4
from evfi.io.atomic import writing
from evfi.io.recording import RecordingWriter
from evfi.simulation.simulate import Simulator
from evfi.types import Events
from evfi.units import US_PER_MS, US_PER_S

NOISE, SCENE_US, RENDERS = 0.05, US_PER_S // 4, 250
PIECE = 1 << 20


def made_recording(folder: Path, count: int) -> Path:
    """The folder with r.aedat4, r.zarr, r.h5 and t.npy (all times) of `count` events; made where it is not there."""
    out = folder / f"recording-{count}"
    if out.is_dir():
        return out
    events = made_events(count)
    with writing(out) as partial:
        partial.mkdir()
        write_aedat4(partial / "r.aedat4", events.sensor_size, pieces_of(events), [])
        store = RecordingWriter(partial / "r.zarr", events.sensor_size)
        for piece in pieces_of(events):
            store.add_events(piece)
        store.finish()
        write_dsec(partial / "r.h5", events)
        np.save(partial / "t.npy", events.t)
    return out


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
