"""Presets, their overrides, and thresholds drawn from them."""

import numpy as np
import pytest
from pydantic import ValidationError

from evfi.errors import UserError
from evfi.simulation.options import PRESETS, NoiseOptions, NormalDraw, RatioDraw, SimulationOptions, UniformDraw
from evfi.simulation.thresholds import Contrast, draw_contrast


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_options_that_survive_json(preset):
    options = SimulationOptions(preset=preset)
    assert SimulationOptions.model_validate_json(options.model_dump_json()) == options


def test_the_default_is_evtexture_with_thresholds_per_clip():
    options = SimulationOptions()
    assert options.preset == "evtexture"
    assert options.contrast_pos == UniformDraw(low=0.05, high=0.5)
    assert options.contrast_neg == RatioDraw(mean=1, sigma=0.1, low=0.02, high=0.5)
    assert (options.refractory_us, options.log_eps, options.upsample) == (100, 1e-3, "dis")


def test_the_esim_py_preset_is_the_simulator_alone_and_single_fields_override_it():
    options = SimulationOptions(preset="esim_py", contrast_pos=0.15)
    assert (options.contrast_pos, options.contrast_neg, options.refractory_us) == (0.15, 0.2, 0)
    assert options.upsample == "none"


def test_the_esim_torch_preset_has_its_law_and_its_eps():
    options = SimulationOptions(preset="esim_torch")
    assert (options.law, options.log_eps, options.upsample) == ("esim_torch", 1e-5, "none")
    assert (options.contrast_pos, options.contrast_neg, options.refractory_us) == (0.2, 0.2, 0)
    assert all(SimulationOptions(preset=name).law == "esim_py" for name in PRESETS if name != "esim_torch")


@pytest.mark.parametrize(
    ("preset", "terms"),
    [
        ("v2e_default", {"threshold_sigma": 0.03, "cutoff_hz": 300, "leak_rate_hz": 0.01, "shot_rate_hz": 0.001}),
        ("v2e_clean", {"threshold_sigma": 0.02}),
        (
            "v2e_noisy",
            {
                "threshold_sigma": 0.05,
                "cutoff_hz": 30,
                "leak_rate_hz": 0.1,
                "leak_jitter": 0.1,
                "leak_spread_decades": 0.1,
                "shot_rate_hz": 5,
            },
        ),
    ],
)
def test_the_v2e_presets_have_v2es_noise_and_nothing_else(preset, terms):
    options = SimulationOptions(preset=preset)
    assert options.noise == NoiseOptions(**terms)
    assert (options.contrast_pos, options.contrast_neg) == (0.2, 0.2)


def test_single_noise_terms_override_those_of_a_preset_and_noise_options_all_of_them():
    options = SimulationOptions.model_validate({"preset": "v2e_noisy", "noise": {"shot_rate_hz": 1}})
    assert (options.noise.shot_rate_hz, options.noise.cutoff_hz) == (1, 30)
    alone = SimulationOptions(preset="v2e_noisy", noise=NoiseOptions(shot_rate_hz=1))
    assert (alone.noise.shot_rate_hz, alone.noise.cutoff_hz) == (1, 0)
    assert alone.replaced(refractory_us=5).noise == alone.noise


def test_a_finished_options_object_keeps_its_overrides_and_refuses_another_preset():
    options = SimulationOptions(preset="esim_py", contrast_pos=0.15).replaced(refractory_us=7)
    assert (options.contrast_pos, options.refractory_us) == (0.15, 7)
    with pytest.raises(UserError, match="preset"):
        options.replaced(preset="evtexture")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"contrast_pos": 0}, "at least 0.001, got 0"),
        ({"contrast_neg": -0.2}, "at least 0.001, got -0.2"),
        ({"contrast_pos": float("nan")}, "at least 0.001, got nan"),
        ({"contrast_pos": {"kind": "uniform", "low": 0.3, "high": 0.1}}, "low 0.3 must not exceed high 0.1"),
        ({"preset": "v2e"}, "v2e_default, v2e_clean, v2e_noisy, got 'v2e'"),
        ({"refractory_us": -1}, "refractory_us"),
        ({"log_eps": 0}, "log_eps"),
        ({"max_subframes": 0}, "max_subframes"),
        ({"upsample": "magic"}, "upsample"),
        ({"contrast": 0.1}, "contrast"),
        ({"noise": {"shot_rate_hz": -1}}, "noise.shot_rate_hz"),
        ({"noise": {"leak_jitter": 0.3}}, "noise.leak_jitter"),
        ({"noise": {"latency_us": 2e6}}, "noise.latency_us"),
        ({"noise": 5}, "noise"),
        ({"law": "v2e"}, "law"),
        ({"backend": "fast"}, "backend"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(given, named):
    with pytest.raises(ValidationError) as caught:
        SimulationOptions.model_validate(given)
    assert named in str(caught.value)


def test_a_refused_number_is_said_once_and_not_once_per_kind_of_draw():
    with pytest.raises(ValidationError) as caught:
        SimulationOptions(contrast_pos=-1)
    assert caught.value.error_count() == 1


def test_evtexture_draws_stay_in_their_ranges_and_fill_them():
    drawn = [draw_contrast(SimulationOptions(), seed) for seed in range(2000)]
    pos, neg = (np.array([getattr(contrast, name) for contrast in drawn]) for name in ("pos", "neg"))
    assert pos.min() >= 0.05
    assert pos.max() <= 0.5
    assert pos.mean() == pytest.approx(0.275, abs=0.01)
    assert neg.min() >= 0.02
    assert neg.max() <= 0.5
    inside = pos < 0.35
    ratio = neg[inside] / pos[inside]
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert ratio.std() == pytest.approx(0.1, rel=0.1)


def test_a_normal_draw_has_its_mean_and_is_clipped():
    options = SimulationOptions(contrast_pos=NormalDraw(mean=0.18, sigma=0.03), contrast_neg=0.2)
    drawn = np.array([draw_contrast(options, seed).pos for seed in range(2000)])
    assert drawn.mean() == pytest.approx(0.18, abs=0.005)
    assert drawn.std() == pytest.approx(0.03, rel=0.1)
    wide = SimulationOptions(contrast_pos=NormalDraw(mean=0.01, sigma=0.5, high=0.3), contrast_neg=0.2)
    clipped = [draw_contrast(wide, seed).pos for seed in range(100)]
    assert min(clipped) == 0.01
    assert max(clipped) == 0.3


def test_the_same_seed_draws_the_same_thresholds_and_fixed_ones_are_what_was_given():
    assert draw_contrast(SimulationOptions(), 5) == draw_contrast(SimulationOptions(), 5)
    assert draw_contrast(SimulationOptions(), 5) != draw_contrast(SimulationOptions(), 6)
    assert draw_contrast(SimulationOptions(contrast_pos=0.3, contrast_neg=0.1), 5) == Contrast(0.3, 0.1)


@pytest.mark.parametrize("value", [0.0, -0.1, float("nan"), float("inf")])
def test_a_contrast_that_is_no_threshold_is_refused(value):
    with pytest.raises(UserError, match=r"contrast threshold.*pos"):
        Contrast(value, 0.2)
