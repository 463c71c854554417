"""The yardsticks of the bench are the same simulator: their events are the reference's."""

import importlib
import runpy
from pathlib import Path

import numpy as np
import pytest

from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import simulate

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
simulate_by_numpy = runpy.run_path(str(SCRIPTS / "numpy_twin.py"))["simulate_by_numpy"]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("refractory_us", [0, 700])
def test_the_vectorised_twin_gives_the_references_events(seed: int, refractory_us: int) -> None:
    rng = np.random.default_rng(seed)
    frames = rng.choice([0.0, 3.0, 40.0, 41.0, 128.5, 255.0], (8, 9, 11))
    frames = frames.astype(np.uint8 if seed % 2 else np.float32)
    t_us = np.cumsum(rng.integers(1, 5_000, 8)) + 10**12
    options = SimulationOptions(
        preset="esim_py", contrast_pos=0.11, contrast_neg=0.07, refractory_us=refractory_us, backend="reference"
    )
    expected = simulate(frames, t_us, options)
    found = simulate_by_numpy(frames, t_us, 0.11, 0.07, refractory_us)
    assert len(expected) > 1_000
    for name in ("t", "y", "x", "p"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_prototype_of_two_passes_gives_the_references_events(dtype: type, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    rng = np.random.default_rng(3)
    frames = rng.choice([0.0, 3.0, 40.0, 41.0, 128.5, 255.0], (8, 9, 11)).astype(dtype)
    t_us = np.cumsum(rng.integers(1, 5_000, 8)) + 10**12
    options = SimulationOptions(preset="esim_py", contrast_pos=0.11, contrast_neg=0.07, backend="reference")
    expected = simulate(frames, t_us, options)
    found = importlib.import_module("two_pass_prototype").simulate_in_two_passes(frames, t_us, 0.11, 0.07)
    assert len(expected) > 1_000
    for name in ("t", "y", "x", "p"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
