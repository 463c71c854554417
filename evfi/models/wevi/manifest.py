"""WEVI as data: options, stages and the released code's recipe (Yu et al., ICCV 2021)."""

from dataclasses import replace
from typing import Annotated, Literal

from annotated_types import Ge, Gt, MultipleOf
from pydantic import Field

from evfi.models.family import Family, ModelOptions, Published, Recipe, Stage
from evfi.samples.needs import Needs
from evfi.samples.options import AugmentOptions

_SOURCE = "released code of Yu et al., ICCV 2021 (commit 0282dc6): configs of both stages"


class WeviOptions(ModelOptions):
    """How a WEVI model is built."""

    base_channels: Annotated[int, Ge(8), MultipleOf(8)] = Field(
        default=32, description="channels at full resolution of both stages; 32 = the source"
    )
    reference_exact: bool = Field(
        default=False,
        description="compute as the released code does: holes of the forward warp are mid-gray, overlapping patches "
        "are divided by 9 also at the border, sizes are filled up with zeros, brightness and contrast that the norms "
        "take away are not given back",
    )
    polarity: Literal["balanced", "released"] = Field(
        default="balanced",
        description="an OFF event counts -1; released: -3, as the released pipeline computes by mapping it twice",
    )


class WeviRecipe(Recipe):
    """A recipe with WEVI's only loss. A training sample is a frame between its two neighbours."""

    charbonnier_epsilon: Annotated[float, Gt(0)] = Field(default=1e-6, description="of the loss, in units of [-1, 1]")
    without_events: bool = Field(
        default=False, description="the networks see no events: what they are worth, by comparison"
    )

    def needs(self, family: Needs) -> Needs:
        """The middle frame and the motion to it."""
        return Needs(middle_only=True, flows_to_target=True)


class RefinementRecipe(WeviRecipe):
    """Stage 2 also sees the events around both neighbours, so that five frame times are needed."""

    def needs(self, family: Needs) -> Needs:
        """The same, with the frames next to the neighbours and all events between them."""
        return replace(super().needs(family), context="tight", outer_events=True)


# The source cuts 176x240 at the top left and changes nothing else; random crops and flips are ours.
_COMMON = {"learning_rate": 5e-4, "lr_decay": 0.999, "lr_decay_epochs": 1, "augment": AugmentOptions(crop=176)}

WEVI = Family(
    name="wevi",
    label="WEVI",
    implementation="evfi.models.wevi.implementation",
    model_options=WeviOptions,
    needs=Needs(context="even", outer_events=True, flows_between=True),
    intermediates=("warped0", "warped1", "correction"),
    # Batches are the source's over its 16 devices: 2 and 8 each.
    stages=(
        Stage(
            name="correction",
            trains=("correction",),
            needs=(),
            recipe=WeviRecipe.model_validate({**_COMMON, "epochs": 200, "batch_size": 32}),
            source=_SOURCE,
            loss="Charbonnier on stage 1's frame, on values in [-1, 1]",
        ),
        Stage(
            name="refinement",
            trains=("refinement",),
            needs=("correction",),
            recipe=RefinementRecipe.model_validate({**_COMMON, "epochs": 5000, "batch_size": 128}),
            source=_SOURCE,
            loss="Charbonnier on stage 2's frame, on values in [-1, 1]",
        ),
    ),
    published=Published(
        module="evfi.models.wevi.author_checkpoint",
        licence="the released code is under the MIT licence; its weights come without a statement of their own",
        variants={},
    ),
)
