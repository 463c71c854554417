"""Backends by name, and what every one of them promises with every preset."""

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.simulation.backends import backend_for, resolved
from evfi.simulation.options import PRESETS, SimulationOptions
from evfi.simulation.simulate import Simulator, simulate
from evfi.types import SensorSize

BACKENDS = ["numba", "reference", "torch"]
every_backend_and_preset = [
    pytest.mark.parametrize("backend", BACKENDS),
    pytest.mark.parametrize("preset", PRESETS),
    settings(derandomize=True, deadline=None, max_examples=8),
    given(st.integers(0, 2**32), st.integers(2, 6), st.integers(1, 9), st.integers(1, 33)),
]


def on_every_backend_and_preset(test):
    for mark in reversed(every_backend_and_preset):
        test = mark(test)
    return test


def _options(preset, backend):
    return SimulationOptions(preset=preset, upsample="none", backend=backend)


@on_every_backend_and_preset
def test_constant_video_gives_nothing_but_leak_and_shot_noise(backend, preset, seed, n, height, width):
    frame = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    options = _options(preset, backend)
    silent = options.replaced(noise=options.noise.replaced(leak_rate_hz=0, shot_rate_hz=0))
    assert len(simulate([frame] * n, np.arange(n) * 33_333, silent, seed=seed)) == 0


@on_every_backend_and_preset
def test_events_are_sorted_and_within_the_window_and_the_sensor(backend, preset, seed, n, height, width):
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (n, height, width), dtype=np.uint8)
    t_us = np.cumsum(rng.integers(1, 100_000, n)) - 50_000
    events = simulate(frames, t_us, _options(preset, backend), seed=seed)
    assert events.sensor_size == SensorSize(height=height, width=width)
    assert (events.x < width).all()
    assert (events.y < height).all()
    assert ((events.t >= t_us[0]) & (events.t < t_us[-1])).all()
    ordered = events.in_canonical_order()
    for name in ("t", "y", "x", "p"):
        np.testing.assert_array_equal(getattr(events, name), getattr(ordered, name))


def test_auto_is_numba_on_the_cpu_and_torch_elsewhere_and_says_so_once(caplog):
    with caplog.at_level(logging.INFO, "evfi"):
        assert resolved(SimulationOptions(backend="auto")) == SimulationOptions(backend="numba")
        assert resolved(SimulationOptions(backend="auto", device="cuda:1")).backend == "torch"
    assert caplog.messages == ["backend auto: numba on cpu", "backend auto: torch on cuda:1"]


def test_the_default_backend_does_not_depend_on_what_is_installed_and_a_named_one_is_kept(caplog):
    assert SimulationOptions().backend == "numba"
    for name in (*BACKENDS, "esim_torch"):
        options = SimulationOptions(preset="esim_torch", backend=name)
        assert resolved(options) is options
    assert not caplog.messages


def test_a_simulator_knows_what_auto_chose():
    assert Simulator(SensorSize(height=2, width=3), SimulationOptions(backend="auto")).options.backend == "numba"


@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_a_device_that_a_backend_cannot_use_is_refused(backend):
    with pytest.raises(ValueError, match=rf"backend {backend} computes on the cpu, not on 'cuda'"):
        SimulationOptions(backend=backend, device="cuda")


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_said_in_one_line_and_no_other_is_taken(device):
    with pytest.raises(UserError, match=rf"cannot compute in float64 on device '{device}'") as caught:
        backend_for(SimulationOptions(backend="torch", device=device))
    assert "\n" not in str(caught.value)


def test_a_device_that_is_no_name_is_refused():
    with pytest.raises(ValueError, match="device"):
        SimulationOptions(backend="torch", device="meta:x")


@pytest.mark.gpu
@pytest.mark.parametrize("preset", ["esim_py", "esim_torch", "v2e_noisy"])
def test_torch_on_a_gpu_stays_within_its_stated_tolerance(preset):
    assert torch.cuda.is_available(), "this test needs a CUDA device"
    rng = np.random.default_rng(0)
    frames = np.clip(rng.uniform(0, 255, (64, 96)) + np.cumsum(rng.normal(0, 20, (20, 64, 96)), 0), 0, 255)
    t_us = np.arange(20) * 4_167
    cpu, gpu = (
        simulate(frames, t_us, SimulationOptions(preset=preset, upsample="none", refractory_us=200, **where), seed=1)
        for where in ({"backend": "numba"}, {"backend": "torch", "device": "cuda"})
    )
    rows = [set(zip(e.t.tolist(), e.y.tolist(), e.x.tolist(), e.p.tolist(), strict=True)) for e in (cpu, gpu)]
    near = {(t + d, y, x, p) for t, y, x, p in rows[0] for d in (-1, 0, 1)}
    assert abs(len(cpu) - len(gpu)) <= len(cpu) * 1e-5
    assert len(rows[1] - near) <= len(cpu) * 1e-5
