"""TimeLens as data: options, stages and the paper's recipe (Tulyakov et al., CVPR 2021)."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from annotated_types import Ge, MultipleOf
from pydantic import Field, model_validator

from evfi.models.family import Family, ModelOptions, Published, Recipe, Stage, is_unused
from evfi.samples.needs import Needs
from evfi.samples.options import AugmentOptions

_PAPER = "Tulyakov et al., TimeLens, CVPR 2021 (training details)"


class TimeLensOptions(ModelOptions):
    """How a TimeLens model is built."""

    base_width: Annotated[int, Ge(4), MultipleOf(4)] = Field(
        default=32, description="channels at full resolution of all four modules; 32 = the paper"
    )
    variant: Literal["forward", "released_fast"] = Field(
        default="forward",
        description="released_fast exchanges the two refined frames before attention, as the published inference "
        "script does; training always runs 'forward'",
    )
    flow_candidate: bool = Field(
        default=False,
        exclude_if=is_unused,
        description="attention chooses among four candidates: the fourth, which the paper does not have, is what DIS "
        "flow of the boundary frames alone predicts",
    )

    def needs(self, family: Needs) -> Needs:
        """The fourth candidate where it is wanted."""
        return replace(family, flow_frame=self.flow_candidate)


class TimeLensRecipe(Recipe):
    """A recipe with the losses that TimeLens' stages choose from."""

    pixel: Literal["l1", "charbonnier"] = "l1"
    perceptual: Literal["laplacian", "lpips", "vgg", "none"] = "laplacian"
    pixel_weight: Annotated[float, Ge(0)] = 1.0
    perceptual_weight: Annotated[float, Ge(0)] = Field(
        default=0.02, description="at usual errors the laplacian is about ten times the L1, so this adds a fifth of it"
    )
    vgg_weights: str | None = Field(
        default=None,
        exclude_if=is_unused,
        description="VGG16's ImageNet weights in torchvision's layout (vgg16-397923af.pth of the PyTorch model hub)",
    )
    lpips_heads: str | None = Field(
        default=None,
        exclude_if=is_unused,
        description="the linear heads of LPIPS v0.1 for VGG16 (lpips/weights/v0.1/vgg.pth of the LPIPS project)",
    )

    @model_validator(mode="after")
    def _with_weights(self) -> Self:
        for option in _LOSS_FILES[self.perceptual]:
            if not getattr(self, option):
                raise ValueError(
                    f"perceptual {self.perceptual} needs the option {option}: {self.about(option)}; evfi downloads "
                    "nothing, and perceptual laplacian or none needs no file"
                )
        return self

    def files(self) -> dict[str, Path]:
        """The weights of the perceptual loss, where it has any."""
        return {option: Path(getattr(self, option)) for option in _LOSS_FILES[self.perceptual]}


_LOSS_FILES = {"lpips": ("vgg_weights", "lpips_heads"), "vgg": ("vgg_weights",), "laplacian": (), "none": ()}


def _recipe(**changes: object) -> TimeLensRecipe:
    paper = {"learning_rate": 1e-4, "lr_decay": 0.1, "lr_decay_epochs": 12, "epochs": 27, "batch_size": 4}
    # The paper names no crop; 256 and clipping at 1 are those of a public re-implementation (specs/timelens.md).
    ours = {"augment": AugmentOptions(crop=256), "grad_clip": 1.0}
    return TimeLensRecipe.model_validate({**paper, **ours, **changes})


def _stage(name: str, needs: tuple[str, ...], loss: str, **changes: object) -> Stage:
    return Stage(name=name, trains=(name,), needs=needs, recipe=_recipe(**changes), source=_PAPER, loss=loss)


# The paper's order. Synthesis and warp do not see each other, so that a cluster may train them at the same time.
_BASE = (
    _stage("synthesis", (), "L1 and perceptual on the synthesised frame"),
    _stage("warp", (), "L1 on both warped frames", perceptual="none"),
    _stage("refinement", ("synthesis", "warp"), "L1 on both refined frames", perceptual="none"),
    _stage("attention", ("refinement",), "L1 and perceptual on the blended frame"),
)


def _finetuned(number: int) -> Stage:
    """A stage that trains one module further on recordings. Each starts from the whole model that came before it."""
    base = _BASE[number]
    before = "attention" if number == 0 else f"finetune_{_BASE[number - 1].name}"
    # The paper gives the order, but no numbers: ours are a tenth of its rate over a few epochs.
    recipe = base.recipe.overridden({"learning_rate": 1e-5, "epochs": 5, "datasets": ("recordings",)})
    return replace(
        base,
        name=f"finetune_{base.name}",
        needs=(before,),
        recipe=recipe,
        source=f"{_PAPER}: real data, module by module, in the same order; the numbers are ours",
        track="finetune",
    )


TIMELENS = Family(
    name="timelens",
    label="TimeLens",
    implementation="evfi.models.timelens.implementation",
    model_options=TimeLensOptions,
    inference_options=frozenset({"variant"}),
    intermediates=("synthesis", "refined0", "refined1"),
    stages=(*_BASE, *(_finetuned(number) for number in range(len(_BASE)))),
    published=Published(
        module="evfi.models.timelens.published",
        licence="the authors' TimeLens weights are licensed for evaluation only: do not pass on them or what is "
        "made from them (see the licence that came with them)",
        variants={"released_fast": {"variant": "released_fast"}},
    ),
)
