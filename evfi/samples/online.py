"""Events that are simulated when a sample is read: of clips with thresholds and noise drawn anew, of scenes always."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from evfi.errors import InputFileError
from evfi.io.clips import ClipStore
from evfi.io.scenes import SceneStore
from evfi.provenance import item_seed
from evfi.simulation.intensity import luminance
from evfi.simulation.options import SimulationOptions
from evfi.simulation.shard import clip_seed
from evfi.simulation.simulate import simulate
from evfi.types import Events

_FINE_STEPS = np.float32(256)


@dataclass(frozen=True, slots=True)
class OnlineSimulation:
    """How clips are simulated anew. With the options and the seed that a store was made with, it gives that store's
    events.
    """

    options: SimulationOptions
    seed: int

    @classmethod
    def of_epoch(cls, options: SimulationOptions, seed: int, epoch: int) -> "OnlineSimulation":
        """That of one pass over the training samples: a function of the recipe's seed and the epoch alone."""
        return cls(options, item_seed(seed, "online", epoch))

    def events(self, clips: ClipStore, clip: int) -> Events:
        """The events of a whole clip of a store, from its frames.

        Raises:
            MissingInputError, InputFileError: a frame is gone or has changed.
        """
        t_us = clips.t_us(clip)
        gray = np.stack([luminance(clips.frame(clip, number)) for number in range(len(t_us))])
        return simulate(gray, t_us, self.options, seed=clip_seed(self.seed, clips.ids[clip]))

    def events_of_scene(self, scenes: SceneStore, scene: int, start_us: int, end_us: int) -> Events:
        """The events of a rendered scene in [start_us, end_us), simulated from the moments of that time alone."""
        moments, t_us = scenes.moments(scene, start_us, end_us)
        seed = item_seed(self.seed, scenes.ids[scene])
        return _of_moments(moments, t_us, self.options, seed).window(start_us, end_us)


def stored_sensor(scenes: SceneStore, scene: int, dataset: str) -> Callable[[], Events]:
    """All events of a rendered scene, by the sensor that its store names for the data set, when called.

    Raises:
        InputFileError: when called, if the store names no such data set.
    """

    def events() -> Events:
        if dataset not in scenes.sensors:
            raise InputFileError(f"{scenes.path} has no sensor for {dataset!r}, only for {sorted(scenes.sensors)}")
        t_us = scenes.t_us(scene)
        moments, moment_us = scenes.moments(scene, int(t_us[0]), int(t_us[-1]))
        options = SimulationOptions.model_validate(scenes.sensors[dataset])
        return _of_moments(moments, moment_us, options, item_seed(scenes.seed(scene), dataset))

    return events


def _of_moments(moments: NDArray[np.uint16], t_us: NDArray[np.int64], options: SimulationOptions, seed: int) -> Events:
    """Events of moments in steps of 1/256 gray level, which are close enough together to need nothing in between."""
    return simulate(moments / _FINE_STEPS, t_us, _without_upsampling(options), seed=seed)  # pyright: ignore[reportArgumentType] - frozen


@lru_cache(maxsize=8)
def _without_upsampling(options: SimulationOptions) -> SimulationOptions:
    return options.replaced(upsample="none")
