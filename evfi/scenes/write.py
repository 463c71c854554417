"""A shard of rendered scenes, written once and read by every stage of a training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2

from evfi.io.scenes import write_scene_store
from evfi.progress import tracked
from evfi.scenes.options import SceneOptions
from evfi.scenes.render import rendered
from evfi.scenes.scene import SceneSpec
from evfi.simulation.options import SimulationOptions
from evfi.versions import ALGO_VERSIONS


def write_scenes(
    out: Path,
    split: str,
    *,
    first: int,
    count: int,
    options: SceneOptions,
    sensors: Mapping[str, SimulationOptions],
    seed: int,
) -> dict[str, Any]:
    """Render the scenes `first` to `first + count - 1` of a split into the store `out`; returns its receipt.

    Each scene depends on seed, split and its number alone, not on the shard. Equal arguments give equal bytes.

    Args:
        split: train, validation or test.
        sensors: by data set, the sensor whose events are simulated when a sample is read.

    Raises:
        MissingInputError: the installed scikit-image lacks a photograph.
        OutputError: the place cannot be written.
    """
    cv2.setNumThreads(1)
    numbers = tracked(range(first, first + count), total=count, label=f"rendering {out.name}", unit="scene")
    scenes = (rendered(SceneSpec.numbered(seed, split, number, options)) for number in numbers)
    return write_scene_store(
        out,
        scenes,
        split=split,
        algo_version=ALGO_VERSIONS["scenes"],
        content={
            "seed": seed,
            "options": options.model_dump(mode="json"),
            "sensors": {dataset: sensor.model_dump(mode="json") for dataset, sensor in sensors.items()},
        },
    )
