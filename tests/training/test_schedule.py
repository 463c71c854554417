from typing import Any

import pytest

from evfi.models.family import Recipe
from evfi.training.schedule import learning_rate


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate({"learning_rate": 1.0, "epochs": 27, "batch_size": 1, **changes})


def rates(chosen: Recipe, total: int) -> list[float]:
    return [learning_rate(chosen, step, total) for step in range(total)]


def test_step_decays_tenfold_at_epochs_12_and_24() -> None:
    found = rates(recipe(), 2700)
    assert found[:1200] == [1.0] * 1200
    assert found[1200:2400] == pytest.approx([0.1] * 1200)
    assert found[2400:] == pytest.approx([0.01] * 300)


def test_with_steps_the_decays_move_in_proportion() -> None:
    found = rates(recipe(steps=270), 270)
    assert [step for step in range(1, 270) if found[step] < found[step - 1]] == [120, 240]


def test_steps_replace_epochs() -> None:
    assert recipe(batch_size=4).total_steps(10) == 68  # 27 * 10 / 4, rounded up
    assert recipe(batch_size=4, steps=5).total_steps(10) == 5


def test_cosine_falls_from_the_rate_to_zero() -> None:
    found = rates(recipe(schedule="cosine"), 100)
    assert found[0] == 1.0
    assert found[50] == pytest.approx(0.5)
    assert found == sorted(found, reverse=True)
    assert 0 < found[-1] < 1e-3


def test_one_cycle_rises_for_a_fifth_then_falls_to_zero() -> None:
    found = rates(recipe(schedule="one_cycle"), 100)
    assert found[0] == pytest.approx(1 / 25)
    assert found[20] == max(found) == 1.0
    assert found[:21] == sorted(found[:21])
    assert found[20:] == sorted(found[20:], reverse=True)
    assert found[-1] < 1e-2


def test_warm_up_rises_linearly() -> None:
    found = rates(recipe(warmup_steps=4), 100)
    assert found[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_an_override_of_a_nested_option_leaves_its_neighbours() -> None:
    chosen = recipe(augment={"crop": 64, "transpose": True})
    changed = chosen.overridden({"augment": {"crop": 32}, "seed": 7})
    assert (changed.augment.crop, changed.augment.transpose, changed.seed) == (32, True, 7)


def test_an_unknown_field_of_a_recipe_is_refused() -> None:
    with pytest.raises(ValueError, match="learning_rat"):
        recipe().overridden({"learning_rat": 1})
