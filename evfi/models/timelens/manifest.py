"""TimeLens as data: options, stages and the paper's recipe (Tulyakov et al., CVPR 2021)."""

from typing import Annotated, Literal

from annotated_types import Ge, MultipleOf
from pydantic import Field

from evfi.models.family import Family, Recipe, Stage
from evfi.options import Options
from evfi.samples.options import AugmentOptions

_PAPER = "Tulyakov et al., TimeLens, CVPR 2021 (training details)"


class TimeLensOptions(Options):
    """How a TimeLens model is built."""

    base_width: Annotated[int, Ge(4), MultipleOf(4)] = Field(
        default=32, description="channels at full resolution of all four modules; 32 = the paper"
    )
    variant: Literal["forward", "released_fast"] = Field(
        default="forward",
        description="released_fast exchanges the two refined frames before attention, as the published inference "
        "script does; training always runs 'forward'",
    )


class TimeLensRecipe(Recipe):
    """A recipe with the losses that TimeLens' stages choose from."""

    pixel: Literal["l1", "charbonnier"] = "l1"
    perceptual: Literal["laplacian", "none"] = "laplacian"
    pixel_weight: Annotated[float, Ge(0)] = 1.0
    perceptual_weight: Annotated[float, Ge(0)] = Field(
        default=0.02, description="at usual errors the laplacian is about ten times the L1, so this adds a fifth of it"
    )


def _recipe(**changes: object) -> TimeLensRecipe:
    paper = {"learning_rate": 1e-4, "lr_decay": 0.1, "lr_decay_epochs": 12, "epochs": 27, "batch_size": 4}
    # The paper names no crop; 256 and clipping at 1 are those of a public re-implementation (specs/timelens.md).
    ours = {"augment": AugmentOptions(crop=256), "grad_clip": 1.0}
    return TimeLensRecipe.model_validate({**paper, **ours, **changes})


def _stage(name: str, needs: tuple[str, ...], loss: str, **changes: object) -> Stage:
    return Stage(name=name, trains=(name,), needs=needs, recipe=_recipe(**changes), source=_PAPER, loss=loss)


TIMELENS = Family(
    name="timelens",
    label="TimeLens",
    implementation="evfi.models.timelens.implementation",
    model_options=TimeLensOptions,
    inference_options=frozenset({"variant"}),
    intermediates=("synthesis", "refined0", "refined1"),
    # The paper's order. Synthesis and warp do not see each other, so that a cluster may train them at the same time.
    stages=(
        _stage("synthesis", (), "L1 and perceptual on the synthesised frame"),
        _stage("warp", (), "L1 on both warped frames", perceptual="none"),
        _stage("refinement", ("synthesis", "warp"), "L1 on both refined frames", perceptual="none"),
        _stage("attention", ("refinement",), "L1 and perceptual on the blended frame"),
    ),
)
