"""The whole configuration of a run: all options composed, validated once, the only source of the workflow's values.

Precedence: command-line flag > --configfile > config/config.yaml > a stage's recipe in its manifest. Unknown keys are
errors that name the key's path.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self, get_args

from annotated_types import Ge, Len
from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from evfi.demo.options import DemoOptions
from evfi.errors import UserError
from evfi.evaluation.options import BaselineName, EvaluationOptions, ThresholdSweepOptions
from evfi.flow.options import FlowOptions
from evfi.models.family import Family, Recipe, Stage
from evfi.models.registry import FAMILIES
from evfi.options import Options
from evfi.reports.options import ReportOptions
from evfi.samples.options import SamplesOptions
from evfi.scenes.options import ScenesConfig
from evfi.simulation.options import SimulationOptions
from evfi.training.options import Runtime

DEFAULT_CONFIG = Path("config/config.yaml")
"""Of a checkout, from its root; the Snakefile's own."""


class SeptupletsConfig(Options):
    """A Vimeo90k septuplet tree. The numbers of clips are stated, so that jobs can be planned before it is there."""

    root: str = Field(description="the folder that holds sequences/")
    train_list: str
    test_list: str
    train_clips: Annotated[int, Ge(0)] = Field(description="how many clips of the train list to use, from its start")
    test_clips: Annotated[int, Ge(0)]
    shard_size: Annotated[int, Ge(1)] = Field(default=256, description="clips simulated by one job")
    receipt: str | None = Field(default=None, description="a file that changes whenever the frames do")

    def shards(self, part: str) -> list[str]:
        """Names of the blocks of a part's list, such as train-00012."""
        clips = {"train": self.train_clips, "test": self.test_clips}[part]
        return [f"{part}-{number:05d}" for number in range(-(-clips // self.shard_size))]


class TripletsConfig(Options):
    """A Vimeo90k triplet tree: measured on (the paper's own evaluation), never trained on."""

    root: str = Field(description="the folder that holds sequences/")
    test_list: str
    test_clips: Annotated[int, Ge(1)] = Field(description="how many clips of the list to use, from its start")
    shard_size: Annotated[int, Ge(1)] = 256

    def shards(self) -> list[str]:
        """Names of the blocks of the list, such as triplets-00012."""
        return [f"triplets-{number:05d}" for number in range(-(-self.test_clips // self.shard_size))]


Split = Literal["train", "validation", "test", "time"]


class RecordingConfig(Options):
    """A recording file, the part it belongs to, and, where it exists, a folder of held-out true frames."""

    path: str
    name: str = ""
    split: Split = "test"
    truth: str | None = None
    simulated: bool = Field(default=False, description="a video or folder of frames, whose events are simulated")
    fps: float | None = Field(default=None, description="frame rate of a simulated folder without timestamps.txt")
    skips: tuple[Annotated[int, Ge(1)], ...] = Field(
        default=(), description="of its test samples; none = samples.recording_test_skips"
    )
    dataset: str = Field(default="recordings", pattern=r"^[a-z][a-z0-9_]*$", description="what it is measured as")

    @model_validator(mode="after")
    def _named(self) -> Self:
        return self if self.name else self.model_copy(update={"name": PurePosixPath(self.path).stem})

    def parts(self) -> tuple[str, ...]:
        """The indexes that it goes into."""
        return {"test": ("test",), "time": ("train", "test")}.get(self.split, ("train",))


class FamilyTraining(Options):
    """A family's model options, the stages that run, and what their recipes change: for all, then for single ones."""

    model: dict[str, Any] = Field(default={})
    tracks: tuple[str, ...] = Field(
        default=(), description="which sequences of stages run, such as base and finetune; none = the family's first"
    )
    starts: dict[str, str] = Field(
        default={},
        description="stage: weights file, of stages that were trained elsewhere and that this run starts from",
    )
    recipe: dict[str, Any] = Field(default={})
    stages: dict[str, dict[str, Any]] = Field(default={})


def _recording_list(value: Any, info: ValidationInfo) -> Any:
    """A path, or a list of paths, in place of a list of recordings."""
    items = [value] if isinstance(value, str | Mapping) else [] if value is None else value
    if isinstance(items, list | tuple):
        split = info.data.get("recordings_split", "test")
        return [{"path": item, "split": split} if isinstance(item, str) else item for item in items]
    return value


def _placed(value: Any, folders: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, folder in folders.items():
            value = value.replace(name, folder)
        return value
    if isinstance(value, Mapping):
        return {key: _placed(item, folders) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_placed(item, folders) for item in value]
    return value


def _name_list(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


_WITH_PATHS = ("septuplets", "triplets", "recordings", "flows", "pretrained", "compared", "training")


class Config(Options):
    """A run: its data, its families, and how they are trained, measured and reported."""

    results_dir: Annotated[str, Len(1)] = "results"
    data: str = Field(default="data", description="stands for {data} in paths: raw data of one's own")
    seed: Annotated[int, Ge(0)] = 2026
    demo: DemoOptions | None = None
    septuplets: SeptupletsConfig | None = None
    triplets: TripletsConfig | None = None
    scenes: ScenesConfig | None = None
    recordings_split: Split = Field(default="test", description="of recordings that are given by their path alone")
    recordings: Annotated[tuple[RecordingConfig, ...], BeforeValidator(_recording_list)] = ()
    simulation: SimulationOptions = SimulationOptions()
    samples: SamplesOptions = SamplesOptions()
    flows: FlowOptions = Field(default=FlowOptions(), description="optical flow of the families that need one")
    families: Annotated[tuple[str, ...], BeforeValidator(_name_list)] = ("timelens",)
    pretrained: dict[str, str] = Field(default={}, description="family: weights file, used instead of training")
    compared: dict[str, str] = Field(
        default={}, description="name: weights file, of further networks that are measured on the same samples"
    )
    training: dict[str, FamilyTraining] = Field(default={})
    runtime: Runtime = Field(default=Runtime(), description="how training is computed; changes no result")
    evaluation: EvaluationOptions = EvaluationOptions()
    threshold_sweep: ThresholdSweepOptions | None = Field(
        default=None, description="thresholds at which the test clips are measured once more; none = not at all"
    )
    report: ReportOptions = ReportOptions()

    @model_validator(mode="before")
    @classmethod
    def _in_folders(cls, raw: Any) -> Any:
        """Put the folders in place of {results_dir} and {data} in paths."""
        if not isinstance(raw, Mapping):
            return raw
        folders = {
            f"{{{name}}}": str(raw.get(name, cls.model_fields[name].default)) for name in ("results_dir", "data")
        }
        return {key: _placed(value, folders) if key in _WITH_PATHS else value for key, value in raw.items()}

    @field_validator("families")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in FAMILIES]
        if unknown:
            raise ValueError(f"unknown family {unknown[0]!r}; there are {sorted(FAMILIES)}")
        return names

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.septuplets is None and self.triplets is None and self.scenes is None and not self.recordings:
            raise ValueError("nothing to work on: give septuplets, triplets, scenes, recordings, or several of them")
        names = [recording.name for recording in self.recordings]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two recordings are called {name!r}: give each a name of its own")
        for name in self.trained_families():
            self._check_model(name)
            self._check_stages(name)
            for stage in self.stages(name):
                self.recipe(name, stage.name)
            if not self.has_part("train"):
                raise ValueError(f"nothing to train {name} on: give training data, or pretrained: {{{name}: FILE}}")
        for name, training in self.training.items():
            self._check_stage_names(name, training)
        for name in self.compared:
            if name in (*FAMILIES, "baselines", *get_args(BaselineName)) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"compared.{name}: give it a name of its own, of small letters, digits and _")
        self._check_sweep()
        return self

    def methods(self) -> tuple[str, ...]:
        """The evaluations that the report compares."""
        return ("baselines", *self.families, *self.compared)

    def _check_sweep(self) -> None:
        if self.threshold_sweep is None:
            return
        if not self.shards("test"):
            raise ValueError("threshold_sweep needs test clips (septuplets or triplets): only clips can be simulated")
        try:
            self.threshold_sweep.conditions(self.simulation)
        except ValidationError as error:
            raise ValueError(f"threshold_sweep: {one_line(error)}") from None

    def _check_model(self, name: str) -> None:
        try:
            FAMILIES[name].options(**self.family_training(name).model)
        except ValidationError as error:
            raise ValueError(f"training.{name}.model: {one_line(error)}") from None

    @staticmethod
    def _check_stage_names(name: str, training: FamilyTraining) -> None:
        if name not in FAMILIES:
            raise ValueError(f"training.{name}: unknown family; there are {sorted(FAMILIES)}")
        stages = [stage.name for stage in FAMILIES[name].stages]
        unknown = [stage for stage in training.stages if stage not in stages]
        if unknown:
            raise ValueError(f"training.{name}.stages.{unknown[0]}: {name} has the stages {stages}")

    def _check_stages(self, name: str) -> None:
        """Each stage of the run can start: what it needs runs too, or comes from elsewhere."""
        known = {stage.name for stage in self.stages(name)} | set(self.family_training(name).starts)
        for stage in self.stages(name):
            for needed in stage.needs:
                if needed not in known:
                    raise ValueError(
                        f"training.{name}: the stage {stage.name} starts from {needed}, which this run does not train: "
                        f"add its track to tracks, or name its weights: starts: {{{needed}: FILE}}"
                    )

    def stages(self, family: str) -> tuple[Stage, ...]:
        """The stages of a family that this run trains, in order; the last one's weights are evaluated."""
        return FAMILIES[family].stages_of(self.family_training(family).tracks)

    def trained_families(self) -> tuple[str, ...]:
        """The families that this run trains (the others come with pretrained weights)."""
        return tuple(name for name in self.families if name not in self.pretrained)

    def has_part(self, part: str) -> bool:
        """Whether there is anything to index for "train" or "test"."""
        given = self.shards(part) or self.scene_shards(part)
        return bool(given) or any(part in recording.parts() for recording in self.recordings)

    def scene_shards(self, part: str) -> list[str]:
        """Names of the shards of rendered scenes that belong to "train" or "test"."""
        return self.scenes.shards(part) if self.scenes else []

    def shards(self, part: str) -> list[str]:
        """Names of the blocks of clips that belong to "train" or "test"."""
        shards = self.septuplets.shards(part) if self.septuplets else []
        return [*shards, *(self.triplets.shards() if self.triplets and part == "test" else [])]

    def flow_families(self, part: str) -> list[str]:
        """The families that train on flows to their targets, or predict by flows between frames."""
        names = {"train": self.trained_families(), "test": self.families}[part]
        asks = {"train": lambda need: need.flows_to_target, "test": lambda need: need.flows_between}[part]
        return [name for name in names if any(asks(need) for need in FAMILIES[name].all_needs)]

    def family_training(self, family: str) -> FamilyTraining:
        """What the configuration says of a family's training."""
        return self.training.get(family, FamilyTraining())

    def recipe(self, family: str, stage: str) -> Recipe:
        """A stage's recipe: the manifest's, with this configuration's changes."""
        manifest: Family = FAMILIES[family]
        training = self.family_training(family)
        recipe = manifest.stage(stage).recipe
        try:
            for changes in ({"seed": self.seed}, training.recipe, training.stages.get(stage, {})):
                recipe = recipe.overridden(changes)
        except ValidationError as error:
            raise ValueError(f"training.{family}.stages.{stage}: {one_line(error)}") from None
        return recipe


def validated(raw: Mapping[str, Any], source: str) -> Config:
    """The configuration in a plain mapping.

    Raises:
        UserError: one line with the path of each key that is unknown or wrong.
    """
    try:
        return Config.model_validate(dict(raw))
    except ValidationError as error:
        raise UserError(f"{source}: {one_line(error)}") from None


def read_config(path: Path) -> Config:
    """The configuration in a YAML file."""
    return validated(_read_yaml(path), str(path))


def read_run_config(files: Sequence[Path], changes: Mapping[str, Any], default: Path = DEFAULT_CONFIG) -> Config:
    """The configuration of a run as Snakemake puts it together: default, then overlay files, then single keys.

    Raises:
        UserError: a file is absent or no YAML, or a key is unknown or wrong.
    """
    raw: dict[str, Any] = {}
    for path in (default, *files):
        raw = _overlaid(raw, _read_yaml(path))
    return validated(_overlaid(raw, changes), " + ".join(str(path) for path in files) or str(default))


def _overlaid(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _overlaid(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        raise UserError(f"no configuration at {path}: check the path; runs start where Snakefile and config/ lie")
    try:
        return yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def one_line(error: ValidationError) -> str:
    """A validation error as one line: key path, what is wrong, what was given."""
    parts = []
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"]) or "configuration"
        if item["type"] == "extra_forbidden":
            parts.append(f"{path}: no such option")
        else:
            parts.append(f"{path}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts)
