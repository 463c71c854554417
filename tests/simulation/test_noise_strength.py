"""Noise whose strength is drawn clip by clip."""

import numpy as np

from evfi.simulation.options import NoiseOptions, NoiseStrength, SimulationOptions
from evfi.simulation.presets import PRESETS
from evfi.simulation.simulate import Simulator
from evfi.types import SensorSize

FULL = NoiseOptions(**PRESETS["v2e_noisy"]["noise"])


def drawn(seed: int, **law) -> NoiseOptions:
    options = SimulationOptions(preset="evtexture", noise=FULL, noise_strength=NoiseStrength(**law))
    return Simulator(SensorSize(height=4, width=5), options, seed=seed).options.noise


def test_a_share_of_the_clips_has_no_noise_and_the_others_every_strength_up_to_all_of_it() -> None:
    rates = np.array([drawn(seed, clean_share=0.25).shot_rate_hz for seed in range(200)])
    assert 0.15 < (rates == 0).mean() < 0.35
    assert rates.max() <= FULL.shot_rate_hz
    assert rates[rates > 0].min() < 0.1 * FULL.shot_rate_hz < 0.9 * FULL.shot_rate_hz < rates.max()


def test_the_strength_follows_from_the_seed_alone() -> None:
    assert drawn(3) == drawn(3)
    assert drawn(3, clean_share=0) != drawn(4, clean_share=0)


def test_full_strength_is_the_noise_itself_and_none_is_none() -> None:
    assert drawn(1, clean_share=0, low=1, high=1) == FULL
    assert drawn(1, clean_share=1) == NoiseOptions() == FULL.scaled(0)


def test_weaker_noise_has_lower_rates_and_a_faster_low_pass() -> None:
    half = FULL.scaled(0.5)
    assert (half.shot_rate_hz, half.threshold_sigma, half.cutoff_hz) == (2.5, 0.025, 60.0)


def test_options_without_a_strength_are_written_as_before() -> None:
    assert "noise_strength" not in SimulationOptions().model_dump(mode="json")
    law = SimulationOptions(noise_strength=NoiseStrength(high=0.5))
    assert SimulationOptions.model_validate(law.model_dump(mode="json")) == law
