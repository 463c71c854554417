"""Events of a clip simulated while training, instead of those in its store: thresholds and noise drawn anew."""

from dataclasses import dataclass

import numpy as np

from evfi.io.clips import ClipStore
from evfi.provenance import item_seed
from evfi.simulation.intensity import luminance
from evfi.simulation.options import SimulationOptions
from evfi.simulation.shard import clip_seed
from evfi.simulation.simulate import simulate
from evfi.types import Events


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
        return simulate(gray, t_us, self.options, seed=clip_seed(self.seed, clips.clip_ids[clip]))
