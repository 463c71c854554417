"""Samples whose events are known exactly, and an untrained network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from evfi.samples.sample import Sample
from evfi.types import Events, SensorSize
from tests.untrained import untrained

POSITIVE, NEGATIVE, EPS = 0.2, 0.3, 0.01
T0, T, T1 = 1_000, 5_000, 11_000


def steps_sample(seed: int = 0, shape: tuple[int, int] = (40, 50), share: float = 0.7) -> Sample:
    """A gray sample whose log luminance rises and falls by whole contrasts, with the events that say so.

    `share` of the pixels have events; about a third of them before the target's time.
    """
    rng = np.random.default_rng(seed)
    height, width = shape
    log0 = np.log(rng.uniform(0.25, 0.5, shape) + EPS)
    ups, downs = (rng.integers(0, 3, shape) * (rng.random(shape) < share) for _ in range(2))
    before_ups, before_downs = rng.binomial(ups, 0.35), rng.binomial(downs, 0.35)
    log_t = log0 + POSITIVE * before_ups - NEGATIVE * before_downs
    log1 = log0 + POSITIVE * ups - NEGATIVE * downs
    columns: list[np.ndarray] = []
    for counts, (start, end), polarity in (
        (before_ups, (T0, T), True),
        (before_downs, (T0, T), False),
        (ups - before_ups, (T, T1), True),
        (downs - before_downs, (T, T1), False),
    ):
        y, x = np.nonzero(counts)
        times = counts[y, x]
        y, x = np.repeat(y, times), np.repeat(x, times)
        columns.append(np.stack([x, y, rng.integers(start, end, len(x)), np.full(len(x), polarity)]))
    x, y, t, p = np.concatenate(columns, axis=1)
    events = Events(
        x.astype(np.uint16), y.astype(np.uint16), t.astype(np.int64), p.astype(bool), SensorSize(height, width)
    ).in_canonical_order()

    def image(log: np.ndarray) -> np.ndarray:
        gray = np.rint(255 * (np.exp(log) - EPS)).clip(0, 255).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)

    return Sample(
        sample_id=f"made/{seed}",
        sequence="made",
        frame0=image(log0),
        frame1=image(log1),
        target=image(log_t),
        events=events,
        t0_us=T0,
        t1_us=T1,
        t_us=T,
    )


@pytest.fixture
def make_sample() -> Callable[..., Sample]:
    return steps_sample


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained TimeLens."""
    return untrained(tmp_path_factory.mktemp("weights") / "weights.safetensors")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small networks are slower on two threads, and far slower on a busy machine."""
    torch.set_num_threads(1)
