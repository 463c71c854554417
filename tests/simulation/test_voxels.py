"""Video straight to voxel grids = simulate, then voxelise; bit for bit, in every backend and chunking."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.errors import UserError
from evfi.representation.voxel import voxel_grid, voxel_grid_plain
from evfi.simulation.options import NoiseOptions, SimulationOptions
from evfi.simulation.simulate import simulate
from evfi.simulation.voxels import VoxelSimulator, VoxelWindow, simulate_voxels
from evfi.types import SensorSize

exact = settings(derandomize=True, deadline=None, max_examples=40)


def _flickering(n=6, height=9, width=23, seed=0):
    frames = np.random.default_rng(seed).choice([0.0, 3.0, 40.0, 41.0, 200.0, 255.0], (n, height, width))
    return frames.astype(np.uint8)


def _by_way_of_events(frames, t_us, windows, options, seed):
    events = simulate(frames, t_us, options, seed=seed)
    return [voxel_grid(events, bins=w.bins, start_us=w.start_us, end_us=w.end_us) for w in windows]


def _assert_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)


noises = st.builds(
    NoiseOptions,
    threshold_sigma=st.sampled_from([0.0, 0.05]),
    leak_rate_hz=st.sampled_from([0.0, 30.0]),
    shot_rate_hz=st.sampled_from([0.0, 20_000.0]),
    cutoff_hz=st.sampled_from([0.0, 100.0]),
    jitter_us=st.sampled_from([0.0, 700.0]),
    latency_us=st.sampled_from([0.0, 40.0]),
)
windows = st.lists(
    st.builds(
        lambda start, length, bins: VoxelWindow(start, start + length, bins),
        st.integers(-5_000, 40_000),
        st.integers(1, 50_000),
        st.integers(1, 7),
    ),
    max_size=3,
)


@exact
@given(
    step_us=st.sampled_from([1, 3, 900, 8_000]), windows=windows, noise=noises, contrast=st.floats(0.02, 0.6),
    backend=st.sampled_from(["numba", "reference"]), law=st.sampled_from(["esim_py", "esim_torch"]),
    seed=st.integers(0, 2**63 - 1),
)  # fmt: skip
def test_the_grids_equal_those_of_the_simulated_events(step_us, windows, noise, contrast, backend, law, seed):
    frames = _flickering(seed=seed)
    t_us = np.arange(len(frames)) * step_us
    options = SimulationOptions(
        preset="esim_py", law=law, contrast_pos=contrast, contrast_neg=contrast / 2, noise=noise, backend=backend
    )
    found = simulate_voxels(frames, t_us, windows, options, seed=seed)
    _assert_equal(found, _by_way_of_events(frames, t_us, windows, options, seed))


@exact
@given(cuts=st.lists(st.integers(0, 4), max_size=6), jitter=st.sampled_from([0.0, 900.0]))
def test_chunks_give_the_grids_of_the_whole(cuts, jitter):
    frames, t_us = _flickering(n=8), np.arange(8) * 5_000
    chosen = [VoxelWindow(2_000, 17_000), VoxelWindow(17_000, 35_000, 3)]
    options = SimulationOptions(preset="esim_py", noise=NoiseOptions(jitter_us=jitter, shot_rate_hz=50.0))
    simulator = VoxelSimulator(SensorSize(height=9, width=23), chosen, options, seed=4)
    first = 0
    for cut in [*cuts, 8]:
        simulator.feed(frames[first : first + cut], t_us[first : first + cut])
        first = min(first + cut, 8)
    _assert_equal(simulator.grids(), simulate_voxels(frames, t_us, chosen, options, seed=4))


def test_the_two_grids_of_a_timelens_sample_come_from_an_upsampled_septuplet():
    wide = np.kron(np.random.default_rng(1).integers(0, 256, (10, 24), dtype=np.uint8), np.ones((4, 4), np.uint8))
    frames = np.stack([wide[:, 2 * k : 2 * k + 64] for k in range(7)])
    t_us = np.arange(7) * 33_333
    chosen = [VoxelWindow(0, 33_333), VoxelWindow(33_333, 99_999)]
    options = SimulationOptions(preset="e2vid")
    found = simulate_voxels(frames, t_us, chosen, options, seed=7)
    _assert_equal(found, _by_way_of_events(frames, t_us, chosen, options, 7))
    assert all(np.abs(grid).sum() > 1_000 for grid in found)


def test_more_events_than_the_buffer_holds_lose_nothing():
    frames, t_us = _flickering(n=4, height=64, width=90), np.arange(4) * 10_000
    options = SimulationOptions(preset="esim_py", contrast_pos=0.02, contrast_neg=0.02)
    assert len(simulate(frames, t_us, options)) > 1 << 20
    found = simulate_voxels(frames, t_us, [VoxelWindow(0, 30_000)], options)
    _assert_equal(found, _by_way_of_events(frames, t_us, [VoxelWindow(0, 30_000)], options, 0))


def test_the_plain_voxel_grid_agrees_to_float32_rounding():
    frames, t_us = _flickering(), np.arange(6) * 5_000
    options = SimulationOptions(preset="esim_py")
    found = simulate_voxels(frames, t_us, [VoxelWindow(1_000, 20_000)], options)[0]
    expected = voxel_grid_plain(simulate(frames, t_us, options), bins=5, start_us=1_000, end_us=20_000)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_no_window_gives_no_grid_and_an_empty_window_is_refused():
    frames, t_us = _flickering(), np.arange(6) * 5_000
    assert simulate_voxels(frames, t_us, [], SimulationOptions(preset="esim_py")) == []
    with pytest.raises(UserError, match="window"):
        VoxelWindow(5, 5)
    with pytest.raises(UserError, match="at least one bin, got bins = 0"):
        VoxelWindow(0, 5, 0)


def test_a_stream_of_any_length_needs_no_more_memory_than_its_grids_and_a_buffer():
    chunk = np.random.default_rng(3).integers(0, 256, (3, 48, 64), dtype=np.uint8)
    options = SimulationOptions(preset="esim_py", contrast_pos=0.1, contrast_neg=0.1)

    def peak_bytes(chunks: int) -> int:
        simulator = VoxelSimulator(SensorSize(height=48, width=64), [VoxelWindow(0, 10**9)], options)
        for k in range(chunks):
            simulator.feed(chunk, np.arange(3 * k, 3 * k + 3) * 1_000)
        assert np.abs(simulator.grids()[0]).sum() > 10_000
        return tracemalloc.get_traced_memory()[1]

    peak_bytes(2)  # what is compiled and cached at first
    peaks = []
    for chunks in (4, 80):
        tracemalloc.start()
        peaks.append(peak_bytes(chunks))
        tracemalloc.stop()
    events = len(simulate(chunk, np.arange(3) * 1_000, options))
    assert events * 13 * 76 > 20 << 20  # what the events of 76 further chunks would take
    assert peaks[1] - peaks[0] < 256 << 10
