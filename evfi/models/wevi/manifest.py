"""WEVI as data: options, stages and the released code's recipe (Yu et al., ICCV 2021)."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, MultipleOf
from pydantic import Field

from evfi.models.family import Family, Recipe, Stage
from evfi.options import Options
from evfi.samples.options import AugmentOptions

_SOURCE = "released code of Yu et al., ICCV 2021 (commit 0282dc6): configs of both stages"


class WeviOptions(Options):
    """How a WEVI model is built."""

    base_channels: Annotated[int, Ge(8), MultipleOf(8)] = Field(
        default=32, description="channels at full resolution of both stages; 32 = the source"
    )
    reference_exact: bool = Field(
        default=False,
        description="compute as the released code does: holes of the forward warp are mid-gray, overlapping patches "
        "are divided by 9 also at the border, sizes are filled up with zeros",
    )
    polarity: Literal["balanced", "released"] = Field(
        default="balanced",
        description="an OFF event counts -1; released: -3, as the released pipeline computes by mapping it twice",
    )


class WeviRecipe(Recipe):
    """A recipe with WEVI's only loss."""

    charbonnier_epsilon: Annotated[float, Gt(0)] = Field(default=1e-6, description="of the loss, in units of [-1, 1]")


def _recipe(**changes: object) -> WeviRecipe:
    source = {"learning_rate": 5e-4, "lr_decay": 0.999, "lr_decay_epochs": 1}
    # The source cuts 176x240 at the top left and changes nothing else; random crops and flips are ours.
    ours = {"augment": AugmentOptions(crop=176)}
    return WeviRecipe.model_validate({**source, **ours, **changes})


def _stage(name: str, needs: tuple[str, ...], loss: str, **changes: object) -> Stage:
    return Stage(name=name, trains=(name,), needs=needs, recipe=_recipe(**changes), source=_SOURCE, loss=loss)


WEVI = Family(
    name="wevi",
    label="WEVI",
    implementation="evfi.models.wevi.implementation",
    model_options=WeviOptions,
    # Batches are the source's over its 16 devices: 2 and 8 each.
    stages=(
        _stage("correction", (), "Charbonnier on stage 1's frame", epochs=200, batch_size=32),
        _stage("refinement", ("correction",), "Charbonnier on stage 2's frame", epochs=5000, batch_size=128),
    ),
)
