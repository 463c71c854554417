"""From frames to log intensity."""

import cv2
import numpy as np
import pytest

from evfi.simulation.intensity import log_table, luminance, srgb_to_linear, table_indices
from evfi.simulation.options import SimulationOptions
from evfi.simulation.simulate import simulate


def test_colour_becomes_rec_601_luminance_rounded_to_whole_gray_levels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    exact = image @ np.array([0.299, 0.587, 0.114])
    gray = luminance(image)
    assert gray.dtype == np.uint8
    assert np.abs(gray - exact).max() <= 0.51  # OpenCV's weights have 15 bits


def test_gray_levels_replicated_to_three_channels_come_back_as_they_were() -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(luminance(cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)), gray)


@pytest.mark.parametrize("gamma_to_linear", [False, True])
def test_tables_of_8_bit_frames_and_of_frames_in_between_agree_with_the_formula(gamma_to_linear: bool) -> None:
    for dtype, count in ((np.dtype(np.uint8), 256), (np.dtype(np.uint16), 65_281)):
        table = log_table(dtype, 1e-3, gamma_to_linear)
        value = np.linspace(0, 1, count)
        light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
        np.testing.assert_allclose(table.values, np.log((light if gamma_to_linear else value) + 1e-3), atol=1e-12)
        assert (np.diff(table.values) > 0).all()


def test_the_srgb_curve_has_its_published_points() -> None:
    found = srgb_to_linear(np.array([0.0, 0.04045, 0.5, 1.0]))
    np.testing.assert_allclose(found, [0.0, 0.0031308, 0.2140411, 1.0], atol=1e-6)


def test_whole_gray_levels_have_the_same_logarithm_as_8_bit_and_as_float_frames() -> None:
    gray = np.arange(256, dtype=np.uint8)[None]
    eight, fine = (
        log_table(indices.dtype, 1e-3, True).values[indices]
        for indices in (gray, table_indices(gray.astype(np.float32)))
    )
    np.testing.assert_allclose(eight, fine, atol=1e-12)


def test_a_ramp_of_light_gives_as_many_events_as_its_logarithm_has_thresholds() -> None:
    frames = np.stack([np.full((1, 1), value, np.uint8) for value in (20, 90, 200)])
    for gamma_to_linear in (False, True):
        options = SimulationOptions(preset="esim_py", contrast_pos=0.1, gamma_to_linear=gamma_to_linear)
        light = frames[[0, -1], 0, 0] / 255
        if gamma_to_linear:
            light = ((light + 0.055) / 1.055) ** 2.4
        rise = np.diff(np.log(light + options.log_eps))[0]
        events = simulate(frames, [0, 1_000, 2_000], options)
        assert len(events) == int(rise / 0.1)
        assert events.p.all()


def test_gamma_gives_the_same_events_in_the_compiled_backend_as_in_the_reference() -> None:
    frames = np.random.default_rng(1).integers(0, 256, (4, 6, 7), dtype=np.uint8)
    options = SimulationOptions(preset="esim_py", gamma_to_linear=True)
    expected = simulate(frames, np.arange(4) * 900, options)
    found = simulate(frames, np.arange(4) * 900, options.replaced(backend="reference"))
    plain = simulate(frames, np.arange(4) * 900, options.replaced(gamma_to_linear=False))
    for name in ("t", "x", "y", "p"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert len(expected) > len(plain) > 0  # the curve raises contrast
