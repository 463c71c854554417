"""Equal options give the events of the version that evfi/versions.py names."""

import numpy as np
import pytest

from evfi.provenance import digest_array
from evfi.simulation.options import SIMULATION_ALGO_VERSION, NoiseOptions, SimulationOptions
from evfi.simulation.simulate import simulate

# Made by version 1 as it was released first (commit f77e928): number of events, digest of their columns. Version 2
# changed how stores hold them, and no event.
VERSION = 2
EVENTS = {
    "evtexture": (4533, "5869fa5aef0652b9b5c649eb5c2e7d10e57cc5879b7505012652bba29f94200b"),
    "e2vid": (5913, "62694dc01fad51e6fdc145b4bf2f466ffadfd96e4e252701a3aafb834b66d6e0"),
    "esim_py": (4329, "536c9e5e64080a3fb4edf5ce4d99ca6613c3aba26d3d9f3efc426754339c40e8"),
    "demo": (4690, "3f71a35ecd57b13d8799b2d3b5cc8af424d8f062005b169b6dac7cafc25f410d"),
}


def _options(name):
    if name != "demo":
        return SimulationOptions(preset=name, upsample="none")
    noise = NoiseOptions(
        threshold_sigma=0.02,
        leak_rate_hz=5,
        leak_spread_decades=0.2,
        shot_rate_hz=5,
        hot_pixel_count=2,
        jitter_us=30,
    )
    return SimulationOptions(preset="esim_py", contrast_pos=0.19, contrast_neg=0.21, refractory_us=100, noise=noise)


def _video():
    rng = np.random.default_rng(20)
    walk = rng.uniform(30, 220, (24, 32)) + np.cumsum(rng.normal(0, 14, (12, 24, 32)), 0)
    return np.clip(walk, 1, 254).astype(np.float32), 10**15 + np.cumsum(rng.integers(500, 9_000, 12))


@pytest.mark.parametrize("name", EVENTS)
def test_events_are_those_of_the_version_that_is_named(name):
    events = simulate(*_video(), _options(name), seed=6)
    columns = np.stack([events.t - 10**15, events.y, events.x, events.p]).astype(np.int64)
    assert SIMULATION_ALGO_VERSION == VERSION, "new events? then make new digests here"
    assert (len(events), digest_array(columns)) == EVENTS[name]
