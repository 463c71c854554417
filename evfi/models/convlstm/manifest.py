"""ConvLSTM residual interpolation as data: options, the one stage and its recipe (Suzuki and Ikehara, 2020)."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt
from pydantic import Field, model_validator

from evfi.models.family import Family, ModelOptions, Recipe, Stage
from evfi.samples.needs import Needs
from evfi.samples.options import AugmentOptions

_SOURCE = "implementation tomo-oga/ConvLSTM-Frame-Interpolation at 51a967b (the paper's own schedule is not public)"
FrameScheme = Literal["stride2", "tight", "tight_first", "tight_centred", "tight_last"]


class ConvLSTMOptions(ModelOptions):
    """How the network is built."""

    in_frames: Literal[4] = Field(default=4, description="the pair and one context frame on each side")
    in_channels: Literal[3] = Field(default=3, description="RGB")
    base_channels: Annotated[int, Ge(1)] = Field(default=32, description="channels after the first encoding block")
    growth: Annotated[int, Ge(1)] = Field(default=2, description="each block has so many times the one's before")
    depth: Annotated[int, Ge(1)] = Field(default=4, description="halvings of the resolution")
    kernel_size: Literal[1, 3, 5, 7] = Field(default=3, description="of all convolutions but those of the attentions")
    norm: Literal["batch", "group", "none"] = Field(
        default="batch", description="batch takes its statistics over samples and time steps; group over one frame"
    )
    upsample: Literal["bicubic", "bilinear"] = "bicubic"
    se_reduction: Annotated[int, Ge(1)] = Field(default=3, description="channel attention narrows 9 channels by this")
    spatial_kernel: Literal[3, 5, 7, 9] = 7
    n_attention_blocks: Annotated[int, Ge(1)] = 6
    peephole: bool = Field(default=False, description="gates see the cell state, one weight a channel")
    bidirectional: bool = Field(
        default=False, description="the same cell also runs backwards in time; hidden states are averaged"
    )
    zero_init_last: bool = Field(
        default=True, description="fresh weights predict the plain average; off under reference_exact"
    )
    forget_bias: float = Field(default=1.0, description="fresh bias of the forget gates; torch's under reference_exact")
    reference_exact: bool = Field(
        default=False,
        description="the graph of the public implementation: no second norm in encoding blocks, no activation between "
        "the two bottleneck convolutions nor between the last two, torch's initial weights",
    )

    @model_validator(mode="after")
    def _narrow_enough(self) -> "ConvLSTMOptions":
        if self.se_reduction > 3 * self.in_channels:
            raise ValueError(f"se_reduction must be at most {3 * self.in_channels} channels, got {self.se_reduction}")
        return self


class ConvLSTMRecipe(Recipe):
    """A recipe with the weights of the two L1 terms and the frames that a training sample takes from a septuplet."""

    synthesis_weight: Annotated[float, Ge(0)] = 0.5
    refined_weight: Annotated[float, Gt(0)] = 1.0
    frame_scheme: FrameScheme = Field(
        default="stride2",
        description="stride2: four evenly spaced frames, as in video; tight: both neighbours of each boundary frame "
        "(2:1:1:2 around the target), of a septuplet all three targets or the first, centred or last alone",
    )

    def needs(self, family: Needs) -> Needs:
        """Evenly spaced frames, or what a tight scheme asks for."""
        return family if self.frame_scheme == "stride2" else family.with_context(self.frame_scheme)


_RECIPE = ConvLSTMRecipe(
    learning_rate=1e-4,
    lr_decay=1.0,
    epochs=150,
    batch_size=8,
    augment=AugmentOptions(crop=256, flip_horizontal=True, flip_vertical=False, reverse_time=True),
    grad_clip=1.0,
)

CONVLSTM = Family(
    name="convlstm",
    label="ConvLSTM",
    implementation="evfi.models.convlstm.implementation",
    model_options=ConvLSTMOptions,
    needs=Needs(context="even", middle_only=True, events=False),
    intermediates=("synthesis",),
    stages=(
        Stage(
            name="joint",
            trains=("synthesis", "refinement"),
            needs=(),
            recipe=_RECIPE,
            source=_SOURCE,
            loss="0.5 L1 on the synthesised and 1.0 L1 on the refined frame, on values in [-1, 1]",
        ),
    ),
)
