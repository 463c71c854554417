"""The `esim_py` preset against events of the compiled esim_py (tests/golden/SOURCES.md)."""

import numpy as np
import pytest

from evfi.simulation.intensity import log_table
from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import simulate

CASES = {
    "c020_020_r0": (0.2, 0.2, 0, 18201),
    "c020_020_r1ms": (0.2, 0.2, 1000, 13847),
    "c015_030_r0": (0.15, 0.3, 0, 16326),
    "c015_030_r1ms": (0.15, 0.3, 1000, 12575),
}
# 1 us for whole microseconds rounded down, and what float64 levels differ from esim_py's float32 (0.5 us measured)
TOLERANCE_US = 1.5


@pytest.fixture(scope="module")
def vectors(golden):
    with np.load(golden / "esim.npz", allow_pickle=False) as stored:
        return dict(stored)


@pytest.mark.parametrize("backend", ["numba", "reference", "torch"])
@pytest.mark.parametrize("case", CASES)
def test_every_pixel_that_is_not_at_a_tie_has_esim_pys_events(vectors, case, backend):
    contrast_pos, contrast_neg, refractory_us, count = CASES[case]
    assert len(vectors[f"{case}_x"]) == count
    options = SimulationOptions(
        preset="esim_py",
        contrast_pos=contrast_pos,
        contrast_neg=contrast_neg,
        refractory_us=refractory_us,
        backend=backend,
    )
    events = simulate(vectors["frames"], vectors["timestamps_us"], options)
    fragile = vectors[f"{case}_fragile_px"]
    ours = events.take(~fragile[events.y, events.x])
    ours = ours.take(np.lexsort((ours.t, ours.x, ours.y)))
    x, y, t_ns, p = (vectors[f"{case}_{name}"] for name in ("x", "y", "t_ns", "p"))
    sound = ~fragile[y, x]
    order = np.lexsort((t_ns[sound], x[sound], y[sound]))
    x, y, t_ns, p = (column[sound][order] for column in (x, y, t_ns, p))
    assert len(ours) == len(x) > 0.95 * count
    np.testing.assert_array_equal(ours.x, x)
    np.testing.assert_array_equal(ours.y, y)
    np.testing.assert_array_equal(ours.p, p)
    assert np.abs(ours.t - t_ns / 1000).max() <= TOLERANCE_US


def test_the_log_table_is_opencvs(vectors):
    np.testing.assert_allclose(log_table(np.dtype(np.uint8), 1e-3).values, vectors["log_lut"], atol=1e-6)
