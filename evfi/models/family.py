"""What a family declares: its stages, their recipes, its options. Data that workflow, trainer and evaluator read alike.

Nothing heavy is imported here: the torch side of a family lies in one module, named by its dotted path, that is
imported on first use. Its functions are described in `evfi.models.implementation`.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, cast

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field

from evfi.errors import MissingInputError, UserError
from evfi.options import Options, Precision
from evfi.samples.needs import Needs
from evfi.samples.options import AugmentOptions
from evfi.simulation.options import SimulationOptions

if TYPE_CHECKING:
    from torch import nn

    from evfi.models.batch import Batch
    from evfi.models.implementation import Implementation, Predictions, StageObjective
    from evfi.samples.sample import Sample


def is_unused(value: object) -> bool:
    return value is None or value in ((), 0, False)


class Recipe(Options):
    """What changes the result of a training stage. A family with losses of its own extends it."""

    learning_rate: Annotated[float, Gt(0)] = Field(description="Adam's learning rate at its highest")
    schedule: Literal["step", "cosine", "one_cycle"] = Field(
        default="step", description="step: x lr_decay every lr_decay_epochs; cosine: to 0; one_cycle: up, then to 0"
    )
    lr_decay: Annotated[float, Gt(0), Le(1)] = 0.1
    lr_decay_epochs: Annotated[float, Gt(0)] = 12
    warmup_steps: Annotated[int, Ge(0)] = Field(default=0, description="the rate rises linearly over the first steps")
    epochs: Annotated[int, Gt(0)] = Field(description="passes over the training samples")
    steps: Annotated[int, Gt(0)] | None = Field(
        default=None, description="steps instead of epochs; the schedule's epochs scale in proportion"
    )
    batch_size: Annotated[int, Gt(0)] = Field(description="the global batch, whatever the number of devices")
    augment: AugmentOptions = AugmentOptions()
    online_simulation: SimulationOptions | None = Field(
        default=None,
        description="training samples of clips get events that are simulated anew every epoch, thresholds and noise "
        "included, instead of the store's; validation keeps the store's",
    )
    grad_clip: Annotated[float, Gt(0)] | None = Field(
        default=None, description="the gradient's norm over all parameters is cut down to this"
    )
    precision: Precision = Field(
        default="fp32", description="of convolutions while training; weights, losses and last layers stay float32"
    )
    threads: Annotated[int, Gt(0)] = Field(
        default=1, description="of one operation (intra-op); one and two threads differ in the last bits"
    )
    validation_every: Annotated[int, Gt(0)] = Field(default=1000, description="steps")
    validation_samples: Annotated[int, Ge(0)] = Field(default=32, description="spread evenly over the validation rows")
    journal_every: Annotated[int, Gt(0)] = Field(default=10, description="steps that one journal line averages")
    seed: Annotated[int, Ge(0)] = 0
    # Fields that came later are left out of a recipe's JSON while unused, so that they change no older fingerprint.
    ema_decay: Annotated[float, Gt(0), Lt(1)] | None = Field(
        default=None,
        exclude_if=is_unused,
        description="weights are averaged over the steps with this decay (0.999: over about 1000); the average is what "
        "is validated and exported. None = the last step's weights",
    )
    datasets: tuple[Literal["septuplets", "recordings", "scenes"], ...] = Field(
        default=(), exclude_if=is_unused, description="data sets of the index to train and validate on; none = all"
    )

    validation_tail: Annotated[float, Ge(0), Le(0.5)] = Field(
        default=0.0,
        exclude_if=is_unused,
        description="share of each recording to train on, its end, that is validated on instead: an index holds out "
        "clips, but no part of a recording",
    )

    def files(self) -> dict[str, Path]:
        """Files that take part in the result, by option: their digests go into fingerprint and run.json."""
        return {}

    def about(self, option: str) -> str:
        """What an option is, in words."""
        return type(self).model_fields[option].description or option

    def check_files(self) -> None:
        """Refuse a recipe whose files are not there.

        Raises:
            MissingInputError: the first that is absent, what it should be, and what to do.
        """
        for option, path in self.files().items():
            if not path.is_file():
                raise MissingInputError(
                    f"no file {path}, which the recipe's {option} names: it must be {self.about(option)}; "
                    "evfi downloads nothing: put it there, or choose a loss that needs no file"
                )

    def overridden(self, changes: Mapping[str, Any]) -> Self:
        """A validated copy with some fields changed; nested options are changed field by field, too.

        Raises:
            UserError: an unknown field or a value that is not allowed (pydantic's ValidationError is a ValueError).
        """
        return type(self).model_validate(_merged(self.model_dump(), changes))

    def needs(self, family: Needs) -> Needs:
        """What a training sample must give, from what the family declares for every sample."""
        return family

    def total_steps(self, samples: int) -> int:
        """Steps of the whole stage on a training set of that many samples."""
        return self.steps if self.steps is not None else -(-self.epochs * samples // self.batch_size)


class ModelOptions(Options):
    """How a model of a family is built. A family with options of its own extends it."""

    def needs(self, family: Needs) -> Needs:
        """What such a model needs of a sample, from what the family declares for all."""
        return family


@dataclass(frozen=True, slots=True)
class Stage:
    """One training step of a family.

    Attributes:
        trains: names of the model's submodules that change.
        needs: stages whose exported weights it starts from; their modules stay frozen unless named in `trains`.
        recipe: the numbers of the paper, the default.
        source: where these numbers stand.
        loss: the loss in words.
        track: which of the family's sequences of stages it belongs to; a configuration says which of them run.
    """

    name: str
    trains: tuple[str, ...]
    needs: tuple[str, ...]
    recipe: Recipe
    source: str
    loss: str
    track: str = "base"


@dataclass(frozen=True, slots=True)
class Published:
    """Weights that a family's authors published, which a user may have.

    Attributes:
        module: dotted path of the module whose `imported(state, source)` gives model options and our state.
        licence: what is printed before such a file is read.
        variants: inference options beside the default one that imported weights are evaluated with, by name.
    """

    module: str
    licence: str
    variants: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model: what it is called, how it is built, and the stages that train it.

    Attributes:
        label: its name in reports.
        implementation: dotted path of the module with its torch side.
        model_options: the options class that `build` takes.
        stages: all of them in their order; those of one track stand together, and each track ends with a whole model.
        inference_options: fields of it that leave weights valid (they change only how a frame is predicted).
        needs: what it needs of a sample beside boundary frames and events; other targets are "not applicable".
        intermediates: names of the images that a prediction shows on the way to its frame.
        published: the authors' own weights, where `evfi import-weights` can read them.
    """

    name: str
    label: str
    implementation: str
    model_options: type[ModelOptions]
    stages: tuple[Stage, ...]
    inference_options: frozenset[str] = frozenset()
    needs: Needs = field(default_factory=Needs)
    intermediates: tuple[str, ...] = ()
    published: Published | None = None

    @property
    def tracks(self) -> tuple[str, ...]:
        """The names of its sequences of stages; the first is the one that runs unless a configuration says more."""
        return tuple(dict.fromkeys(stage.track for stage in self.stages))

    def stages_of(self, tracks: Sequence[str] = ()) -> tuple[Stage, ...]:
        """The stages of some tracks in the family's order; of its first track where none is named.

        Raises:
            UserError: there is no such track.
        """
        for track in tracks:
            if track not in self.tracks:
                raise UserError(
                    f"the family {self.name} has no track {track!r}; its tracks are {', '.join(self.tracks)}"
                )
        return tuple(stage for stage in self.stages if stage.track in (tracks or self.tracks[:1]))

    def stage(self, name: str) -> Stage:
        """The stage of that name.

        Raises:
            UserError: there is none.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = ", ".join(stage.name for stage in self.stages)
        raise UserError(f"the family {self.name} has no stage {name!r}; its stages are {names}")

    @property
    def last_stage(self) -> Stage:
        """The last stage of the first track."""
        return self.stages_of()[-1]

    def last_stages(self) -> tuple[Stage, ...]:
        """The last stage of each track, in order: whose weights hold a whole model."""
        return tuple(list(stages)[-1] for _, stages in groupby(self.stages, key=lambda stage: stage.track))

    def modules_of(self, stage: str) -> tuple[str, ...]:
        """Submodules in a stage's weights file: its own and those of all stages it starts from, in that order."""
        found: dict[str, None] = {}
        for needed in self.stage(stage).needs:
            found.update(dict.fromkeys(self.modules_of(needed)))
        found.update(dict.fromkeys(self.stage(stage).trains))
        return tuple(found)

    def options(self, **options: Any) -> ModelOptions:
        """Model options of this family, validated."""
        return self.model_options.model_validate(options)

    def needs_of(self, options: ModelOptions | None) -> Needs:
        """What a model with these options needs of a sample; without any, what the family declares."""
        return self.needs if options is None else options.needs(self.needs)

    @property
    def all_needs(self) -> tuple[Needs, ...]:
        """What its predictions need of a sample, and the training of each stage by the manifest's recipe."""
        return self.needs, *(stage.recipe.needs(self.needs) for stage in self.stages)

    def load(self) -> "Implementation":
        """The torch side; imports torch."""
        return cast("Implementation", importlib.import_module(self.implementation))

    def build(self, options: Options | None = None) -> "nn.Module":
        """A model with fresh weights."""
        return self.load().build(options if options is not None else self.options())

    def prepare(self, sample: "Sample") -> "Batch":
        """The tensors of one sample, without a batch dimension; runs in the loader's worker."""
        return self.load().prepare(sample)

    def collate(self, inputs: "Sequence[Batch]") -> "Batch":
        """One batch of prepared samples of one size."""
        return self.load().collate(inputs)

    def objective(self, stage: Stage, model: "nn.Module", recipe: Recipe) -> "StageObjective":
        """Model and loss as one module: `objective(batch)` gives a `StageLoss`, with gradients for `stage.trains`."""
        return self.load().objective(stage, model, recipe)

    def predict(self, model: "nn.Module", inputs: "Batch") -> "Predictions":
        """Predicted frames, clamped to [0, 1], without gradients."""
        return self.load().predict(model, inputs)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        # a preset among the changes replaces all: its values would be hidden by the present ones
        if isinstance(old, Mapping) and isinstance(value, Mapping) and "preset" not in value:
            value = _merged(old, value)
        merged[key] = value
    return merged
