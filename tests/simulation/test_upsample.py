"""Frames between frames, before simulation."""

import cv2
import numpy as np
import pytest

from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import Simulator, simulate
from evfi.simulation.upsample import Upsampler
from evfi.types import Events, SensorSize


class ConstantFlow:
    """A flow provider that always says the same."""

    name = "constant"

    def __init__(self, dx, dy):
        self.vector = np.float32([dx, dy])

    def __call__(self, a, b):
        return np.broadcast_to(self.vector, (*a.shape[:2], 2)).copy()


def _wide(height=48, width=96, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    return ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)


def _moving(shift, steps=2):
    """Frames of a picture that moves to the right by `shift` pixels from one to the next."""
    wide = _wide()
    return np.stack([wide[:, 20 - round(k * shift) : 84 - round(k * shift)] for k in range(steps)])


@pytest.mark.parametrize(("dx", "dy", "steps"), [(0, 0, 1), (0.3, 0, 1), (3, 4, 5), (-2.5, 0, 3)])
def test_the_number_of_steps_is_the_largest_flow_rounded_up(dx, dy, steps):
    frames = _moving(3)
    interval = Upsampler("dis", 16, ConstantFlow(dx, dy)).between(*frames, 1_000, 34_333)
    assert interval.subframes == interval.wanted == steps
    assert not interval.bounded
    assert interval.gray.shape == (steps + 1, 48, 64)
    assert (interval.t_us[0], interval.t_us[-1]) == (1_000, 34_333)
    assert np.ptp(np.diff(interval.t_us)) <= 1
    np.testing.assert_array_equal(interval.gray[[0, -1]], frames)


def test_the_larger_of_both_directions_counts():
    dark, bright = np.zeros((8, 8), np.uint8), np.full((8, 8), 200, np.uint8)

    class FasterFromBright:
        name = "uneven"

        def __call__(self, a, b):
            return ConstantFlow(7 if a[0, 0] == 200 else 1, 0)(a, b)

    upsampler = Upsampler("dis", 16, FasterFromBright())
    assert upsampler.between(dark, bright, 0, 1_000).wanted == 7
    assert upsampler.between(bright, dark, 0, 1_000).wanted == 7


def test_steps_are_bounded_and_the_bound_is_reported():
    upsampler = Upsampler("dis", 4, ConstantFlow(9, 0))
    interval = upsampler.between(*_moving(3), 0, 1_000)
    assert (interval.subframes, interval.wanted, interval.bounded) == (4, 9, True)
    short = upsampler.between(*_moving(3), 0, 2)
    assert (short.subframes, short.bounded) == (2, True)
    assert short.t_us.tolist() == [0, 1, 2]


def test_dis_finds_the_frames_in_between_and_linear_only_blends():
    start, truth, end = _moving(4, steps=3)
    by_flow, by_blend = (Upsampler(method, 16).between(start, end, 0, 8_000) for method in ("dis", "linear"))
    assert by_flow.subframes == by_blend.subframes >= 8
    errors = []
    for interval in (by_flow, by_blend):
        k = np.argmin(np.abs(interval.t_us - 4_000))
        tau = interval.t_us[k] / 8_000
        if interval is by_blend:
            expected = (1 - tau) * start + tau * end
            np.testing.assert_allclose(interval.gray[k], expected, atol=1e-3)
        errors.append(np.abs(interval.gray[k] - truth)[:, 10:-10].mean())
    assert errors[0] < errors[1] / 5


def test_upsampled_events_follow_motion_better_than_those_of_the_bare_frames():
    wide = _wide(seed=3)
    fine = np.stack([wide[:, 20 - k : 84 - k] for k in range(13)])  # one pixel a step: the truth
    t_us = np.arange(13) * 1_000
    options = {name: SimulationOptions(preset="esim_py", upsample=name) for name in ("none", "dis")}
    truth = simulate(fine, t_us, options["none"])
    errors = {}
    for name, chosen in options.items():
        events = simulate(fine[::6], t_us[::6], chosen)
        pictures = [_picture(part.window(2_000, 4_000)) for part in (events, truth)]
        errors[name] = np.abs(pictures[0] - pictures[1])[:, 8:-8].mean()
    assert errors["dis"] < errors["none"] / 2


def _picture(events: Events):
    picture = np.zeros((48, 64))
    np.add.at(picture, (events.y, events.x), np.where(events.p, 1.0, -1.0))
    return picture


def test_a_simulator_tells_how_it_cut_each_interval():
    frames = _moving(5, steps=3)
    simulator = Simulator(SensorSize(height=48, width=64), SimulationOptions(max_subframes=3), flow=ConstantFlow(5, 0))
    simulator.feed(frames, [0, 10_000, 20_000])
    assert simulator.subframes == [3, 3]
    assert simulator.bounded == 2
    bare = Simulator(SensorSize(height=48, width=64), SimulationOptions(preset="esim_py"))
    bare.feed(frames, [0, 10_000, 20_000])
    assert (bare.subframes, bare.bounded) == ([1, 1], 0)


@pytest.mark.parametrize("upsample", ["linear", "dis"])
def test_chunks_are_upsampled_like_the_whole_and_both_backends_agree(upsample):
    frames, t_us = _moving(3, steps=5), np.arange(5) * 33_333
    options = SimulationOptions(upsample=upsample)
    whole = simulate(frames, t_us, options, seed=3)
    simulator = Simulator(SensorSize(height=48, width=64), options.replaced(backend="reference"), seed=3)
    parts = [simulator.feed(frames[:1], t_us[:1]), simulator.feed(frames[1:4], t_us[1:4])]
    parts += [simulator.feed(frames[4:], t_us[4:]), simulator.finish()]
    pieces = Events.concatenated(parts, whole.sensor_size)
    assert len(whole) > 100
    for name in ("x", "y", "t", "p"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


def _psnr(found, truth):
    return 10 * np.log10(255**2 / np.mean((found.astype(np.float64) - truth) ** 2))


def test_seven_of_eight_real_frames_come_back_better_by_flow_than_by_a_plain_blend(real_data):
    """240 frames per second at 480x270; `make bench` prints the figures of the full one."""
    paths = [real_data / "gopro240" / f"{number:06d}.png" for number in range(1, 10)]
    frames = [cv2.resize(cv2.imread(str(path), 0), (480, 270), interpolation=cv2.INTER_AREA) for path in paths]
    psnr = {}
    for method in ("dis", "linear"):
        interval = Upsampler(method, 8).between(frames[0], frames[8], 0, 8_000)
        assert interval.t_us.tolist() == list(range(0, 9_000, 1_000))
        psnr[method] = np.mean([_psnr(interval.gray[k], frames[k]) for k in range(1, 8)])
    print(psnr)
    assert psnr["dis"] > psnr["linear"] + 5
