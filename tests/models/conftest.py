"""A small sample with frames, context and events."""

import numpy as np
import pytest
import torch

from evfi.samples.sample import Image, Sample
from evfi.types import Events, SensorSize


def small_sample(height: int = 40, width: int = 52, seed: int = 0, t_us: int = 30_000) -> Sample:
    """Random frames and 2,000 random events in [0, 100 ms); no side is a multiple of 32."""
    rng = np.random.default_rng(seed)

    def frame() -> Image:
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)

    count = 2_000
    events = Events(
        x=rng.integers(0, width, count).astype(np.uint16),
        y=rng.integers(0, height, count).astype(np.uint16),
        t=np.sort(rng.integers(0, 100_000, count)),
        p=rng.random(count) < 0.5,
        sensor_size=SensorSize(height=height, width=width),
    )
    return Sample(
        sample_id=f"sample-{seed}",
        sequence="sequence",
        frame0=frame(),
        frame1=frame(),
        target=frame(),
        events=events,
        t0_us=0,
        t1_us=100_000,
        t_us=t_us,
        before=frame(),
        after=frame(),
    )


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small tensors: a second thread only waits."""
    torch.set_num_threads(1)


@pytest.fixture
def sample() -> Sample:
    return small_sample()


@pytest.fixture
def other_sample() -> Sample:
    return small_sample(seed=1, t_us=70_000)
