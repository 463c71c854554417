from pathlib import Path

import numpy as np
import pytest

from evfi.errors import UserError
from evfi.representation.event_count import bin_edges, polarity_counts, signed_counts
from evfi.types import Events, SensorSize

CENTERS = ("0", "1", "t1", "t2", "t3")


@pytest.fixture(scope="module")
def vectors(golden: Path) -> dict[str, np.ndarray]:
    with np.load(golden / "wevi_events.npz", allow_pickle=False) as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def events(vectors: dict[str, np.ndarray]) -> Events:
    size = SensorSize(height=int(vectors["height"]), width=int(vectors["width"]))
    order = np.argsort(vectors["t"], kind="stable")
    x, y, t, p = (vectors[name][order] for name in ("x", "y", "t", "p"))
    return Events(x=x, y=y, t=t.astype(np.int64), p=p > 0, sensor_size=size)


@pytest.mark.parametrize("center", CENTERS)
def test_bin_edges_are_those_of_the_released_pipeline(vectors: dict[str, np.ndarray], center: str) -> None:
    tc, ts, te = (int(value) for value in vectors[f"center_{center}_f64"])
    np.testing.assert_array_equal(bin_edges(ts, tc, te, bins=8), vectors[f"edges_{center}_f64"])


@pytest.mark.parametrize("center", CENTERS)
@pytest.mark.parametrize(("off", "name"), [(-1, "grid_pm1"), (-3, "grid_ref_off_minus3")])
def test_counts_are_exactly_those_of_the_released_pipeline(
    vectors: dict[str, np.ndarray], events: Events, center: str, off: int, name: str
) -> None:
    tc, ts, te = (int(value) for value in vectors[f"center_{center}_f64"])
    grid = signed_counts(polarity_counts(events, bin_edges(ts, tc, te, bins=8)), off=off)
    assert grid.dtype == np.int8
    np.testing.assert_array_equal(grid, vectors[f"{name}_{center}"])


def test_counts_at_fractional_edges_equal_a_count_event_by_event() -> None:
    rng = np.random.default_rng(3)
    count, size = 500, SensorSize(height=4, width=5)
    events = Events(
        x=rng.integers(0, 5, count).astype(np.uint16),
        y=rng.integers(0, 4, count).astype(np.uint16),
        t=np.sort(rng.integers(0, 37, count)),
        p=rng.random(count) < 0.5,
        sensor_size=size,
    )
    edges = bin_edges(3, 14, 33, bins=8)
    assert (edges % 1 != 0).any()
    expected = np.zeros((2, 8, 4, 5), np.int32)
    for x, y, t, p in zip(events.x, events.y, events.t, events.p, strict=True):
        for number in range(8):
            if edges[number] <= t < edges[number + 1]:
                expected[int(p), number, y, x] += 1
    np.testing.assert_array_equal(polarity_counts(events, edges), expected)
    assert expected.sum() > 300


def test_a_hot_pixel_is_cut_to_the_limit() -> None:
    counts = np.zeros((2, 1, 1, 2), np.int32)
    counts[1, 0, 0, 0], counts[0, 0, 0, 1] = 400, 300
    assert signed_counts(counts).tolist() == [[[10, -10]]]


@pytest.mark.parametrize(("times", "bins"), [((0, 0, 5), 8), ((0, 5, 5), 8), ((0, 5, 9), 7), ((0, 5, 9), 0)])
def test_impossible_bins_are_refused(times: tuple[int, int, int], bins: int) -> None:
    with pytest.raises(UserError, match="start < centre < end"):
        bin_edges(*times, bins=bins)


def test_edges_that_do_not_increase_are_refused(events: Events) -> None:
    with pytest.raises(UserError, match="must increase"):
        polarity_counts(events, [0, 5, 5])
