"""The learning rate as a pure function of the step, so that a checkpoint need not hold a schedule."""

import math

from evfi.models.family import Recipe

_RISE = 0.2
_START = 1 / 25


def learning_rate(recipe: Recipe, step: int, total: int) -> float:
    """The rate of step number `step` (from 0) of `total`.

    "step" multiplies by `lr_decay` every `lr_decay_epochs` of the recipe's `epochs`; where `steps` replaces the epochs,
    the places of the decays move in proportion. "one_cycle" rises from 1/25 of the rate over the first fifth, then
    falls to 0, both as half a cosine (Smith & Topin 2018; Differs: they rise for almost half of the steps).
    """
    return recipe.learning_rate * _warmed(recipe, step) * _factor(recipe, step, total)


def _warmed(recipe: Recipe, step: int) -> float:
    return min(1.0, (step + 1) / (recipe.warmup_steps + 1))


def _factor(recipe: Recipe, step: int, total: int) -> float:
    done = step / total
    if recipe.schedule == "step":
        return recipe.lr_decay ** math.floor(recipe.epochs * done / recipe.lr_decay_epochs)
    if recipe.schedule == "cosine":
        return _half_cosine(done)
    if done < _RISE:
        return _START + (1 - _START) * (1 - _half_cosine(done / _RISE))
    return _half_cosine((done - _RISE) / (1 - _RISE))


def _half_cosine(done: float) -> float:
    """From 1 at 0 to 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * done))
