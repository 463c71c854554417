"""Rows of the sample index from a store of rendered scenes."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evfi.errors import UserError
from evfi.io.scenes import SceneStore, open_scenes
from evfi.provenance import item_seed
from evfi.samples.options import SceneSamplesOptions
from evfi.samples.rows import Place, Row
from evfi.samples.windows import Group, groups_of_skip


def scene_rows(out: Path, part: str, store: Path, options: SceneSamplesOptions) -> Iterator[Row]:
    """The rows of a store's scenes; none where its split belongs to the other part of the index.

    Of a scene to train on a few samples are drawn, by its seed, of all skips, pairs and targets. Of one to validate on
    one sample a skip, of one to test on every target of pairs end to start; each once for every sensor of the store.
    """
    scenes = open_scenes(store)
    if (scenes.split == "test") != (part == "test"):
        return
    for dataset in scenes.sensors:
        for number, scene_id in enumerate(scenes.ids):
            place = Place(
                dataset=dataset,
                kind="scene",
                store=os.path.relpath(store, out.parent),
                clip=number,
                sequence=scene_id,
                split=scenes.split,
            )
            times = scenes.t_us(number)
            for skip, group in _chosen(scenes, number, options):
                yield from place.rows(group, skip, times)


def _chosen(scenes: SceneStore, number: int, options: SceneSamplesOptions) -> Iterator[tuple[int, Group]]:
    count = len(scenes.t_us(number))
    skips = options.test_skips if scenes.split == "test" else options.train_skips
    if max(skips) + 2 > count:
        raise UserError(f"{scenes.path}: a skip of {max(skips)} needs {max(skips) + 2} frames, its scenes have {count}")
    if scenes.split == "test":
        yield from ((skip, group) for skip in skips for group in groups_of_skip(count, skip, slide=False))
        return
    rng = np.random.default_rng(item_seed(scenes.seed(number), "samples"))
    if scenes.split == "validation":
        yield from ((skip, _one_target(rng, count, skip)) for skip in skips)
        return
    seen: set[tuple[int, int, int]] = set()
    for skip in rng.choice(skips, options.train_rows).tolist():
        group = _one_target(rng, count, skip)
        key = (skip, group.frame0, group.targets[0])
        if key not in seen:
            seen.add(key)
            yield skip, group


def _one_target(rng: np.random.Generator, count: int, skip: int) -> Group:
    """One of the pairs of that skip, and one of the targets between them."""
    groups = list(groups_of_skip(count, skip, slide=True))
    group = groups[int(rng.integers(len(groups)))]
    return Group(group.frame0, group.frame1, (int(rng.choice(group.targets)),), group.before, group.after)
