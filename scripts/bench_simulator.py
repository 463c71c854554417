"""The simulator on real clips: against its NumPy twin, in milliseconds, from PNG to store, and on a GPU.

Real files are looked for where EVFI_REAL_DATA says (default ../shared/data). Example:
python scripts/bench_simulator.py --device cuda
"""

import argparse
import logging
import os
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np
from numpy.typing import NDArray
from numpy_twin import simulate_by_numpy
from real_clips import RealClip, images, real_clips, real_data
from timing import PAIRS, compare, print_machine, seconds
from two_pass_prototype import simulate_in_two_passes

from evfi.flow.dis import DisFlow
from evfi.flow.interpolate import interpolate_pair
from evfi.io.images import read_image, write_png
from evfi.io.septuplets import septuplet_paths
from evfi.representation.voxel import voxel_grid
from evfi.simulation.intensity import luminance
from evfi.simulation.options import SimulationOptions
from evfi.simulation.shard import simulate_shard
from evfi.simulation.simulate import simulate
from evfi.simulation.voxels import VoxelWindow, simulate_voxels

STEP_US = 4_166
CONTRASTS = (0.1, 0.2)
SPEC = {0.1: "esim_py 63 ms, prototype 6.9 ms", 0.2: "esim_py 43 ms, prototype 3.9 ms"}
"""Milliseconds a clip that specs/esim.md gives for such a machine: context, not measured here."""
DROPPED = 8
"""Upsampling is measured with seven of eight frames dropped."""
GPU_SIZES = ((256, 448), (720, 1280))

Clips = list[NDArray[np.uint8]]


def main() -> int:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="torch device of the GPU rows")
    device = parser.parse_args().device
    cv2.setNumThreads(1)
    print_machine()
    folder = real_data()
    if folder is None:
        print("simulator on real clips: not measured, no folder of real files (set EVFI_REAL_DATA)")
        on_gpu(moving_texture(), device)
        return 0
    clips = list(real_clips(folder))
    dense = [clip.upsampled() for clip in clips]
    for contrast in CONTRASTS:
        against_twins(dense, contrast)
        per_clip(dense, contrast)
    straight_to_voxels(dense)
    end_to_end(clips)
    upsampling(folder)
    on_gpu(dense[0], device)
    return 0


def options_of(contrast: float, **changes: object) -> SimulationOptions:
    return SimulationOptions(
        **{"preset": "esim_py", "contrast_pos": contrast, "contrast_neg": contrast, "backend": "numba", **changes}  # pyright: ignore[reportArgumentType]
    )


def moving_texture() -> NDArray[np.uint8]:
    """49 gray frames (49, 256, 448) of smooth noise that moves by a pixel a frame, for a machine without real files."""
    noise = np.random.default_rng(0).integers(0, 256, (256, 448 + 48)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    wide = ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)
    return np.stack([wide[:, k : k + 448] for k in range(49)])


def times_of(frames: NDArray) -> NDArray[np.int64]:
    return np.arange(len(frames), dtype=np.int64) * STEP_US


def against_twins(clips: Clips, contrast: float) -> None:
    """Total over all clips, one after the other and two side by side in threads."""
    options = options_of(contrast)

    def fast(frames: NDArray[np.uint8]) -> object:
        return simulate(frames, times_of(frames), options)

    for name, plain in (("NumPy twin", simulate_by_numpy), ("two plain compiled passes", simulate_in_two_passes)):

        def slow(frames: NDArray[np.uint8], plain=plain) -> object:
            return plain(frames, times_of(frames), contrast, contrast)

        label = f"numba and {name}, {len(clips)} clips of 49 frames 448x256, C {contrast:g}"
        compare(f"{label}, one thread", partial(_each, fast, clips), partial(_each, slow, clips))
        with ThreadPoolExecutor(2) as pool:
            compare(
                f"{label}, two threads",
                lambda pool=pool: list(pool.map(fast, clips)),
                lambda slow=slow, pool=pool: list(pool.map(slow, clips)),
            )


def _each(work, clips: Clips) -> None:
    for frames in clips:
        work(frames)


def per_clip(clips: Clips, contrast: float) -> None:
    """Median of each clip, and over the clips."""
    options = options_of(contrast)
    medians, events = [], []
    for frames in clips:
        t_us = times_of(frames)
        events.append(len(simulate(frames, t_us, options)))
        runs = [seconds(lambda frames=frames, t_us=t_us: simulate(frames, t_us, options)) for _ in range(PAIRS)]
        medians.append(statistics.median(runs) * 1e3)
    steps = [frames[1:].size for frames in clips]
    a_step, an_event = np.linalg.lstsq(np.column_stack([steps, events]), np.array(medians) * 1e6)[0]
    print(
        f"numba, C {contrast:g}: {statistics.median(medians):.2f} ms a clip (median of {len(clips)}; "
        f"{min(medians):.2f} to {max(medians):.2f}; mean {statistics.mean(medians):.2f}), {min(events) / 1e3:.0f} k to "
        f"{max(events) / 1e3:.0f} k events (median {statistics.median(events) / 1e3:.0f} k), "
        f"{sum(events) / sum(medians) / 1e3:.0f} M events/s; least squares over the clips: {a_step:.2f} ns a pixel and "
        f"frame, {an_event:.1f} ns an event; spec on such a machine, clips not known: {SPEC[contrast]}",
        flush=True,
    )
    print(
        "  clip by clip, k events: ms: "
        + ", ".join(f"{e / 1e3:.0f}: {m:.1f}" for e, m in sorted(zip(events, medians, strict=True)))
    )


def straight_to_voxels(clips: Clips) -> None:
    """Two grids, as TimeLens takes of a sample."""
    options, middle_us, end_us = options_of(0.2), 24 * STEP_US, 48 * STEP_US
    windows = [VoxelWindow(0, middle_us), VoxelWindow(middle_us, end_us)]

    def by_way_of_events(frames: NDArray[np.uint8]) -> object:
        events = simulate(frames, times_of(frames), options)
        return [voxel_grid(events, bins=w.bins, start_us=w.start_us, end_us=w.end_us) for w in windows]

    compare(
        "straight to two voxel grids, and by way of events, C 0.2",
        partial(_each, lambda frames: simulate_voxels(frames, times_of(frames), windows, options), clips),
        partial(_each, by_way_of_events, clips),
    )


def end_to_end(clips: list[RealClip]) -> None:
    """7 PNGs → upsampled → events in a store, against decoding the PNGs and DIS in both directions."""
    logging.getLogger("evfi").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        ids = [f"00001/{number:04d}" for number in range(1, len(clips) + 1)]
        for clip_id, clip in zip(ids, clips, strict=True):
            for path, frame in zip(septuplet_paths(root, clip_id), clip.frames, strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_png(path, frame)
        (root / "list.txt").write_text("\n".join(ids))
        flow = DisFlow()

        def decode_and_flow() -> None:
            for clip_id in ids:
                gray = [luminance(read_image(path)) for path in septuplet_paths(root, clip_id)]
                for one, other in pairwise(gray):
                    flow(one, other)
                    flow(other, one)

        def whole() -> None:
            simulate_shard(root / "list.txt", root, root / "out.zarr", SimulationOptions(preset="e2vid"))

        decoded, stored = compare(
            f"decoding 7 PNGs + DIS both ways, and PNGs to events in a store (e2vid), {len(clips)} clips, one thread",
            decode_and_flow,
            whole,
        )
        print(
            f"  a clip: {decoded / len(clips) * 1e3:.0f} ms decoding and DIS, {stored / len(clips) * 1e3:.0f} ms the "
            "whole; goal <= 2.5x",
            flush=True,
        )


def upsampling(folder: Path) -> None:
    """PSNR of frames put back, at full size."""
    frames = images(sorted((folder / "gopro240").glob("*.png")))
    flow, found = DisFlow(), {"dis": [], "linear": []}
    for first in range(0, len(frames) - DROPPED, DROPPED):
        one, other = frames[first], frames[first + DROPPED]
        taus = [step / DROPPED for step in range(1, DROPPED)]
        between = interpolate_pair(one, other, flow(one, other), flow(other, one), taus, hedge=0.0)
        for tau, frame, truth in zip(taus, between, frames[first + 1 : first + DROPPED], strict=True):
            found["dis"].append(_psnr(frame, truth))
            found["linear"].append(_psnr((1 - tau) * one + tau * other, truth))
    height, width = frames[0].shape[:2]
    print(
        f"upsampling gopro240 {width}x{height}, 7 of 8 frames dropped, {len(found['dis'])} frames: dis with "
        f"occlusion-aware blending {np.mean(found['dis']):.2f} dB, linear {np.mean(found['linear']):.2f} dB",
        flush=True,
    )


def _psnr(found: NDArray, truth: NDArray) -> float:
    return float(10 * np.log10(255**2 / np.mean((found.astype(np.float64) - truth) ** 2)))


def on_gpu(frames: NDArray[np.uint8], device: str) -> None:
    """The torch backend on a device against numba on this machine's CPU."""
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        print(f"torch on {device}: not measured, torch {torch.__version__} finds no CUDA device here")
        return
    for height, width in GPU_SIZES:
        scaled = np.stack([cv2.resize(frame, (width, height)) for frame in frames])
        t_us = times_of(scaled)
        numba, torched = options_of(0.2), options_of(0.2, backend="torch", device=device)
        quick, slow = compare(
            f"torch on {device} and numba, 49 frames of {width}x{height}, C 0.2",
            lambda scaled=scaled, t_us=t_us, torched=torched: simulate(scaled, t_us, torched),
            lambda scaled=scaled, t_us=t_us, numba=numba: simulate(scaled, t_us, numba),
        )
        events, pixels = len(simulate(scaled, t_us, numba)), scaled.size
        for name, taken in ((f"torch on {device}", quick), ("numba", slow)):
            print(f"  {name}: {events / taken / 1e6:.1f} M events/s, {pixels / taken / 1e6:.0f} Mpixel/s")


if __name__ == "__main__":
    sys.exit(main())
