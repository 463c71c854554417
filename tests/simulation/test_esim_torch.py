"""The law `esim_torch` against an oracle written from its description; the adapter to the package against a stub."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import MissingInputError, UserError
from evfi.simulation.backends import backend_for
from evfi.simulation.intensity import log_table
from evfi.simulation.noise import draw_pixels
from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.pixels import PixelState
from evfi.simulation.simulate import Simulator, simulate
from evfi.simulation.thresholds import Contrast
from evfi.types import Events, SensorSize

EPS = 1e-5
OURS = ["reference", "numba", "torch"]


class Oracle:
    """The law, vectorised over pixels: polarity = sign of the difference to the stored level; the number of events is
    how many thresholds fit into it; times are linear in int64 ns; an event within the refractory period is dropped and
    the level moves all the same.

    fragile (H, W): pixels where a decision hung on less than 1e-6 of a threshold or 1 ns.
    """

    def __init__(self, contrast_threshold_neg, contrast_threshold_pos, refractory_period_ns):
        self.neg, self.pos, self.refractory_ns = contrast_threshold_neg, contrast_threshold_pos, refractory_period_ns
        self.level = None

    def forward(self, log, t_ns):
        if self.level is None:
            self.level = log[0].copy()
            self.image, self.at_ns = log[0], t_ns[0]
            self.last_ns = np.full(log[0].shape, -(1 << 62))
            self.fragile = np.zeros(log[0].shape, bool)
        found = []
        for image, at_ns in zip(log, t_ns, strict=True):
            if at_ns > self.at_ns:
                found += self._interval(image, at_ns)
                self.image, self.at_ns = image, at_ns
        return np.array(sorted(found), np.int64).reshape(-1, 4)

    def _interval(self, image, at_ns):
        difference = image - self.level
        sign = np.sign(difference)
        threshold = np.where(sign > 0, self.pos, self.neg)
        fits = np.abs(difference) / threshold
        number = np.floor(fits).astype(int)
        self.fragile |= (np.abs(fits - np.rint(fits)) < 1e-6) & (fits > 0.5)
        found = []
        for step in range(1, number.max(initial=0) + 1):
            y, x = np.nonzero(number >= step)
            crossing = self.level[y, x] + sign[y, x] * step * threshold[y, x]
            part = (crossing - self.image[y, x]) / (image[y, x] - self.image[y, x])
            t_ns = self.at_ns + np.floor(part * (at_ns - self.at_ns)).astype(np.int64)
            gap_ns = t_ns - self.last_ns[y, x]
            self.fragile[y, x] |= np.abs(gap_ns - self.refractory_ns) <= 1
            kept = gap_ns >= self.refractory_ns
            self.last_ns[y[kept], x[kept]] = t_ns[kept]
            found += zip(t_ns[kept], y[kept], x[kept], sign[y, x][kept].astype(int), strict=True)
        self.level = self.level + sign * number * threshold
        return found


def _by_pixel(t_us, y, x, p):
    order = np.lexsort((t_us, x, y))
    return t_us[order], y[order], x[order], p[order]


def _assert_near(events: Events, rows, origin_us, fragile):
    """The same events per pixel outside of fragile pixels, within 1 us."""
    rows = rows[~fragile[rows[:, 1], rows[:, 2]]]
    events = events.take(~fragile[events.y, events.x])
    assert len(events) == len(rows)
    theirs = _by_pixel(rows[:, 0] // 1000 + origin_us, rows[:, 1], rows[:, 2], rows[:, 3] > 0)
    ours = _by_pixel(events.t, events.y, events.x, events.p)
    assert np.abs(ours[0] - theirs[0]).max(initial=0) <= 1
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_array_equal(mine, other)


def _log(frames):
    return np.log(frames / 255 + EPS)


@pytest.mark.parametrize("backend", OURS)
@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from([0, 5, 400]), st.booleans())
def test_the_law_gives_the_oracles_events(backend, seed, refractory_us, wild):
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 90 if wild else 12, (9, 6, 11))
    # reflected at black and white: pixels that come back to the level they had hang on rounding
    frames = (255 - np.abs((rng.uniform(0, 255, (6, 11)) + np.cumsum(steps, 0)) % 510 - 255)).astype(np.uint8)
    t_us = 10**15 + np.cumsum(rng.integers(200, 5_000, 9))
    pos, neg = rng.uniform(0.03, 0.6, 2)
    options = SimulationOptions(
        preset="esim_torch", contrast_pos=pos, contrast_neg=neg, refractory_us=refractory_us, backend=backend
    )
    oracle = Oracle(neg, pos, refractory_us * 1000)
    rows = oracle.forward(_log(frames), (t_us - t_us[0]) * 1000)
    assert oracle.fragile.mean() < 0.05
    _assert_near(simulate(frames, t_us, options), rows, int(t_us[0]), oracle.fragile)


def test_the_oracle_sees_the_difference_that_a_wrong_eps_or_swapped_thresholds_make():
    frames = np.random.default_rng(3).integers(0, 256, (6, 8, 9), dtype=np.uint8)
    t_us = np.arange(6) * 3_000
    rows = Oracle(0.13, 0.29, 0).forward(_log(frames), t_us * 1000)
    right = SimulationOptions(preset="esim_torch", contrast_pos=0.29, contrast_neg=0.13)
    assert len(simulate(frames, t_us, right)) == len(rows)
    for wrong in (right.replaced(contrast_pos=0.13, contrast_neg=0.29), right.replaced(log_eps=1e-3)):
        assert len(simulate(frames, t_us, wrong)) != len(rows)


def _after_a_shifted_level(law, backend, shift):
    """Events of a pixel that does not change, but whose level was moved by hand; and its level afterwards."""
    options = SimulationOptions(preset="esim_torch", law=law, backend=backend)
    model = draw_pixels(options, Contrast(0.2, 0.2), SensorSize(height=1, width=1), 0)
    table = log_table(np.dtype(np.uint8), EPS)
    indices = np.array([[[100]], [[100]]], np.uint8)
    state = PixelState.at_first_frame(model, table.values[indices[0]], 0)
    state.level += shift
    events = backend_for(options)(model, state, indices, np.array([0, 1_000]), table)
    return events, state.level[0, 0] - table.values[100]


@pytest.mark.parametrize("backend", OURS)
@pytest.mark.parametrize(("shift", "p"), [(-0.9, True), (0.9, False)])
def test_polarity_goes_by_the_level_in_this_law_and_by_the_change_in_the_other(backend, shift, p):
    events, level = _after_a_shifted_level("esim_torch", backend, shift)
    np.testing.assert_array_equal(events.p, [p] * 4)
    np.testing.assert_array_equal(events.t, [0] * 4)
    assert level == pytest.approx(np.sign(shift) * 0.1)
    events, level = _after_a_shifted_level("esim_py", backend, shift)
    assert len(events) == 0
    assert level == pytest.approx(shift)


@pytest.mark.parametrize("backend", OURS)
def test_refractory_time_is_counted_in_whole_nanoseconds_by_this_law_only(backend):
    # events every 99.99995 us: at 99,999 and 199,999 ns, so 100,000 whole ones apart
    every_us, frames = 99.99995, np.array([[[20]], [[230]]], np.uint8)
    contrast = float(every_us / 1_000 * (np.log(230 / 255 + EPS) - np.log(20 / 255 + EPS)))
    counts = {}
    for law in ("esim_py", "esim_torch"):
        options = SimulationOptions(
            preset="esim_torch", law=law, contrast_pos=contrast, refractory_us=100, backend=backend
        )
        counts[law] = len(simulate(frames, [0, 1_000], options))
    assert counts == {"esim_py": 5, "esim_torch": 10}


class Package:
    """Stands for the public package: its interface, float32, and what it does not accept."""

    made: list[tuple]

    def __init__(self, needs_cuda=False):
        self.made = []
        package = self

        class ESIM(Oracle):
            def __init__(self, *args):
                package.made.append(args)
                super().__init__(*args)

            def forward(self, log_images, timestamps):
                if needs_cuda and not log_images.is_cuda:
                    raise RuntimeError("images must be a CUDA tensor\nmore")
                assert log_images.dtype == torch.float32
                assert timestamps.dtype == torch.int64
                rows = super().forward(log_images.cpu().numpy().astype(np.float64), timestamps.cpu().numpy())
                rows = rows[rows[:, 0] > 0]
                if not len(rows):
                    return None
                return {name: torch.tensor(rows[:, column]) for column, name in enumerate("tyxp")}

        self.ESIM = ESIM

    @property
    def module(self):
        return SimpleNamespace(ESIM=self.ESIM)


@pytest.fixture
def package(monkeypatch):
    stub = Package()
    monkeypatch.setitem(sys.modules, "esim_torch", stub.module)
    return stub


def _video():
    rng = np.random.default_rng(1)
    frames = np.clip(rng.uniform(20, 230, (7, 9)) + np.cumsum(rng.normal(0, 25, (8, 7, 9)), 0), 0, 255)
    return frames.astype(np.uint8), 10**15 + np.cumsum(rng.integers(1, 6_000, 8))


PACKAGE = SimulationOptions(
    preset="esim_torch", contrast_pos=0.23, contrast_neg=0.17, refractory_us=50, backend="esim_torch"
)


def test_the_packages_events_are_ours(package):
    frames, t_us = _video()
    theirs, ours = (simulate(frames, t_us, PACKAGE.replaced(backend=name)) for name in ("esim_torch", "numba"))
    assert package.made == [(0.17, 0.23, 50_000)]
    assert len(theirs) == len(ours) > 200
    for mine, other in zip(
        _by_pixel(theirs.t, theirs.y, theirs.x, theirs.p), _by_pixel(ours.t, ours.y, ours.x, ours.p), strict=True
    ):
        assert np.abs(mine.astype(np.int64) - other.astype(np.int64)).max() <= (1 if mine.dtype == np.int64 else 0)
    assert theirs.t.min() >= t_us[0]
    assert theirs.t.max() < t_us[-1]


def test_an_event_within_the_first_microsecond_is_not_lost(package):
    frames = np.array([[[0]], [[255]]], np.uint8)
    assert len(simulate(frames, [7, 8], PACKAGE.replaced(refractory_us=0))) == int((_log(255.0) - _log(0.0)) / 0.23)


def test_the_package_is_fed_in_chunks_like_the_whole_and_each_clip_has_one_of_its_own(package):
    frames, t_us = _video()
    simulator = Simulator(SensorSize(height=7, width=9), PACKAGE)
    parts = [simulator.feed(frames[k : k + 3], t_us[k : k + 3]) for k in range(0, 8, 3)]
    pieces, whole = Events.concatenated(parts, simulator.sensor_size), simulate(frames, t_us, PACKAGE)
    assert len(package.made) == 2
    for name in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


def test_an_event_at_a_frame_belongs_to_the_interval_before_it(monkeypatch):
    class AtFrames:
        def __init__(self, *args):
            pass

        def forward(self, log_images, timestamps):
            one = torch.zeros(2, dtype=torch.int64)
            return {"x": one, "y": one, "t": timestamps[1:], "p": torch.tensor([1, -1])}

    monkeypatch.setitem(sys.modules, "esim_torch", SimpleNamespace(ESIM=AtFrames))
    events = simulate(np.zeros((3, 1, 1), np.uint8), [100, 200, 300], PACKAGE)
    np.testing.assert_array_equal(events.t, [199, 299])
    np.testing.assert_array_equal(events.p, [True, False])


def test_constant_video_for_which_the_package_says_none_gives_no_events(package):
    assert len(simulate(np.full((4, 5, 6), 77, np.uint8), np.arange(4) * 100, PACKAGE)) == 0
    assert package.made


def test_an_absent_package_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "esim_torch", None)
    with pytest.raises(MissingInputError, match=r"needs the package esim_torch.*not installed") as caught:
        simulate(*_video(), PACKAGE)
    assert "\n" not in str(caught.value)


def test_a_package_that_cannot_use_the_device_is_quoted_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "esim_torch", Package(needs_cuda=True).module)
    with pytest.raises(UserError, match=r"device 'cpu' \(images must be a CUDA tensor\).*device cuda") as caught:
        simulate(*_video(), PACKAGE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"law": "esim_py"}, "follows the law esim_torch, not esim_py"),
        ({"noise": NoiseOptions(threshold_sigma=0.1)}, "cannot do noise.threshold_sigma"),
        ({"noise": NoiseOptions(cutoff_hz=1)}, "cannot do noise.cutoff_hz"),
        ({"noise": NoiseOptions(hot_pixels=((0, 0),))}, "cannot do noise.hot_pixels"),
    ],
)
def test_what_the_package_cannot_do_is_refused_by_name(changes, said):
    with pytest.raises(ValueError, match=said):
        PACKAGE.replaced(**changes)
