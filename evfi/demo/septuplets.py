"""The demo's Vimeo90k tree: `sequences/00001/0001/im1.png` … `im7.png`, `sep_trainlist.txt`, `sep_testlist.txt`.

Clips of one five-digit folder share a background photograph, as neighbouring ids of the real set come from one video;
train and test never share a folder, and test folders stand between train folders.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evfi.demo.options import DemoOptions
from evfi.demo.render import render_exposure, to_uint8
from evfi.demo.scene import Scene, draw_scene
from evfi.demo.statistics import MotionCount, count_motion
from evfi.demo.textures import BACKGROUNDS
from evfi.io.images import write_png
from evfi.io.septuplets import NOMINAL_FPS, septuplet_paths, septuplet_times_us
from evfi.provenance import item_seed
from evfi.types import SensorSize

LISTS = {"train": "sep_trainlist.txt", "test": "sep_testlist.txt"}
_EXPOSURE_US = (3_000, 12_000)
_FIRST_MID_EXPOSURE_US = 10_000


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """One clip to render."""

    clip_id: str
    split: str
    background: str
    seed: int


@dataclass(frozen=True, eq=False, slots=True)
class ClipResult:
    """What was rendered: the plan, all photographs in it (background first), its exposure and its motion."""

    plan: ClipPlan
    photographs: tuple[str, ...]
    exposure_us: int
    motion: MotionCount


def plan_clips(options: DemoOptions) -> list[ClipPlan]:
    """All clips in the order of their ids."""
    left = {"train": options.train_clips, "test": options.test_clips}
    folders = {split: -(-count // options.clips_per_folder) for split, count in left.items()}
    total, tests = sum(folders.values()), folders["test"]
    done = {"train": 0, "test": 0}
    plans = []
    for folder in range(total):
        split = "test" if (folder + 1) * tests // total > folder * tests // total else "train"
        background = BACKGROUNDS[split][done[split] % len(BACKGROUNDS[split])]
        done[split] += 1
        size = min(left[split], options.clips_per_folder)
        left[split] -= size
        for number in range(1, size + 1):
            clip_id = f"{folder + 1:05d}/{number:04d}"
            plans.append(ClipPlan(clip_id, split, background, item_seed(options.seed, "clip", clip_id)))
    return plans


def clip_scene(plan: ClipPlan, options: DemoOptions) -> tuple[Scene, NDArray[np.int64], int]:
    """The clip's scene, its frames' mid-exposure times int64 (7,) µs since the scene's start, its exposure in µs."""
    t_us = _FIRST_MID_EXPOSURE_US + septuplet_times_us()
    scene = draw_scene(
        seed=plan.seed,
        split=plan.split,
        sensor_size=SensorSize(height=options.clip_height, width=options.clip_width),
        duration_us=int(t_us[-1]) + _FIRST_MID_EXPOSURE_US,
        frames_per_second=NOMINAL_FPS,
        gray=False,
        background=plan.background,
    )
    exposure_us = int(np.random.default_rng(item_seed(plan.seed, "exposure")).integers(*_EXPOSURE_US))
    return scene, t_us, exposure_us


def render_clip(plan: ClipPlan, options: DemoOptions, root: Path) -> ClipResult:
    """Render one clip's seven PNG files under root/sequences."""
    scene, t_us, exposure_us = clip_scene(plan, options)
    paths = septuplet_paths(root, plan.clip_id)
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    for path, middle_us in zip(paths, t_us.tolist(), strict=True):
        picture = render_exposure(scene, middle_us - exposure_us / 2, middle_us + exposure_us / 2)
        write_png(path, to_uint8(picture))
    return ClipResult(plan, scene.photographs, exposure_us, count_motion(scene, t_us))


def write_lists(plans: list[ClipPlan], root: Path) -> None:
    """Write the two list files, one id a line, as Vimeo90k has them."""
    for split, name in LISTS.items():
        ids = [plan.clip_id for plan in plans if plan.split == split]
        (root / name).write_text("".join(f"{clip_id}\n" for clip_id in ids))
