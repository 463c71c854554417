"""One block of a Vimeo90k list (septuplets or triplets) → a clip store: decode, upsample in memory, simulate."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError, MissingInputError
from evfi.io.clips import Clip, write_clip_store
from evfi.io.images import decode_image
from evfi.io.septuplets import FRAMES_PER_CLIP, frames_per_clip, read_list, septuplet_paths, septuplet_times_us
from evfi.progress import tracked
from evfi.provenance import cpu_seconds, digest_bytes, item_seed
from evfi.simulation.backends import resolved
from evfi.simulation.intensity import luminance
from evfi.simulation.options import SIMULATION_ALGO_VERSION, SimulationOptions
from evfi.simulation.simulate import Simulator
from evfi.simulation.upsample import recorded_options
from evfi.types import Events, SensorSize

log = logging.getLogger(__name__)


def simulate_shard(clips: Path, root: Path, out: Path, options: SimulationOptions, seed: int = 0) -> dict[str, Any]:
    """Simulate the events of every clip of a list into the clip store `out`; returns its receipt.

    Each clip has thresholds, noise and a seed of its own, which depend on `seed` and its id alone, not on the block.
    Thresholds that differ from pixel to pixel are stored too.

    Args:
        clips: text file with one clip id ("00001/0001") per line.
        root: the Vimeo90k tree; holds the folder sequences/ of septuplets, or of triplets.
        out: the store, e.g. train-000.zarr.

    Raises:
        MissingInputError, InputFileError: the list, or an image of a clip, is absent or damaged. Nothing is written.
    """
    clip_ids = read_list(clips)
    frames = frames_per_clip(root, clip_ids)
    options = resolved(options)
    steps: list[NDArray[np.integer]] = []
    bounded: list[int] = []
    stamp: dict[str, float] = {}

    def simulated() -> Iterator[Clip]:
        events = 0
        shown = tracked(
            clip_ids, label=f"simulating {clips.name}", unit="clip", made=lambda: events, made_unit="events"
        )
        for clip_id in shown:
            clip, over = simulate_clip(root, clip_id, options, clip_seed(seed, clip_id), frames)
            steps.append(clip.subframes)
            bounded.append(over)
            events += len(clip.events)
            yield clip
            # Kernels are loaded, or compiled, by the first clip: what comes after it is the work itself (`evfi plan`).
            stamp.setdefault("first_clip_cpu_seconds", cpu_seconds())

    receipt = write_clip_store(
        out,
        simulated(),
        algo_version=SIMULATION_ALGO_VERSION,
        seed=seed,
        options=recorded_options(options),
        stamp=stamp,
    )
    all_steps = np.concatenate(steps)
    log.info(
        "%s: %d events of %d clips; %d to %d sub-frames an interval, cut to %d by max_subframes in %d of %d intervals",
        out, receipt["event_count"], len(clip_ids), all_steps.min(), all_steps.max(), options.max_subframes,
        sum(bounded), all_steps.size,
    )  # fmt: skip
    return receipt


def clip_seed(seed: int, clip_id: str) -> int:
    """The seed of one clip in a data set of that seed."""
    return item_seed(seed, clip_id)


def simulate_clip(
    root: Path, clip_id: str, options: SimulationOptions, seed: int, frames: int = FRAMES_PER_CLIP
) -> tuple[Clip, int]:
    """One clip with its events, and in how many of its intervals `max_subframes` was the bound."""
    paths = septuplet_paths(root, clip_id, frames)
    gray, digests = _read_gray(clip_id, paths)
    t_us = septuplet_times_us(frames)
    simulator = Simulator(SensorSize(height=gray.shape[1], width=gray.shape[2]), options, seed=seed)
    events = Events.concatenated([simulator.feed(gray, t_us), simulator.finish()], simulator.sensor_size)
    pixels = simulator.pixels
    clip = Clip(
        clip_id=clip_id,
        events=events,
        t_us=t_us,
        frame_paths=tuple(paths),
        frame_sha256=tuple(digests),
        contrast_pos=simulator.contrast.pos,
        contrast_neg=simulator.contrast.neg,
        seed=seed,
        subframes=np.array(simulator.subframes, np.int32),
        pixel_contrast=(pixels.contrast_pos, pixels.contrast_neg) if options.noise.threshold_sigma > 0 else None,
    )
    return clip, simulator.bounded


def _read_gray(clip_id: str, paths: list[Path]) -> tuple[NDArray[np.uint8], list[str]]:
    """A clip's frames as luminance (N, H, W), and the SHA-256 of each file."""
    images, digests = [], []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise MissingInputError(
                f"clip {clip_id}: cannot read {path} ({error.strerror}): restore it, or take the clip off the list"
            ) from error
        try:
            images.append(luminance(decode_image(data, path)))
        except InputFileError as error:
            raise InputFileError(f"clip {clip_id}: {error}, or take the clip off the list") from error
        if images[-1].shape != images[0].shape:
            height, width = images[-1].shape
            raise InputFileError(
                f"clip {clip_id}: {path} is {width}x{height} and {paths[0].name} "
                f"{images[0].shape[1]}x{images[0].shape[0]}: all frames of a clip must share one size"
            )
        digests.append(digest_bytes(data))
    return np.stack(images), digests
