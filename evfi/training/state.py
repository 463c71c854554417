"""A stage on its way: model, optimizer, data and journal, begun fresh or at a checkpoint, and saved there."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from evfi.models.family import Family, ModelOptions, Recipe, Stage
from evfi.models.implementation import StageObjective
from evfi.nn.device import device_named
from evfi.nn.precision import precision_note
from evfi.training.average import Average
from evfi.training.checkpoint import CheckpointFolder
from evfi.training.data import StageData
from evfi.training.export import JOURNAL
from evfi.training.journal import Journal, Means
from evfi.training.options import Runtime
from evfi.training.ranks import Ranks, check_ranks, with_shared_norms
from evfi.training.start import model_at_start, trained_state

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Training:
    """`step` counts the steps done of `total`; `objective` is model and loss as one module, `shared` the same with
    gradients averaged over the ranks.

    `trained` are the tensors of the stage's own modules by full name, `parameters` those of them with gradients;
    `average` follows them where the recipe asks for it.
    """

    label: str
    recipe: Recipe
    runtime: Runtime
    ranks: Ranks
    device: torch.device
    data: StageData
    model: nn.Module
    objective: StageObjective
    shared: nn.Module
    trained: dict[str, Tensor]
    parameters: list[nn.Parameter]
    optimizer: torch.optim.Adam
    checkpoints: CheckpointFolder
    journal: Journal
    total: int
    note: str | None
    average: Average | None
    step: int = 0
    means: Means = field(default_factory=Means)

    def save(self) -> None:
        """Write a checkpoint of this step. The learning rate follows from the step, the samples from step and seed."""
        state = {
            "trained": self.trained,
            "optimizer": self.optimizer.state_dict(),
            "means": self.means.state(),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
        }
        if self.average is not None:
            state["average"] = self.average.tensors
        self.checkpoints.save(self.step, state)

    def resume(self) -> None:
        """Go to the newest checkpoint, or stay at step 0; the journal is rewound to it."""
        state = self.checkpoints.load()
        if self.ranks.is_first:
            self.journal.rewind(-1 if state is None else int(state["step"]))
        if state is None:
            return
        with torch.no_grad():
            for name, tensor in self.trained.items():
                tensor.copy_(state["trained"][name])
        if self.average is not None:
            self.average.restore(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.means.restore(state["means"])
        torch.set_rng_state(state["rng"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state_all(state["cuda_rng"])
        self.step = int(state["step"])
        log.info("%s: going on at step %d of %d", self.label, self.step, self.total)

    def facts(self) -> dict[str, Any]:
        """What run.json says of the run itself."""
        return {
            "fingerprint": self.checkpoints.fingerprint,
            "steps": self.total,
            "samples": {
                "train": len(self.data.training),
                "validation": len(self.data.validation),
                "left_out": self.data.left_out,
            },
            "parameters": sum(parameter.numel() for parameter in self.parameters),
            "device": self.device.type,
            "note": self.note,
        }


def begun(
    family: Family,
    stage: Stage,
    *,
    index: Path,
    starts: Mapping[str, Path],
    model_options: ModelOptions,
    recipe: Recipe,
    runtime: Runtime,
    ranks: Ranks,
    state_dir: Path,
    fingerprint: str,
) -> Training:
    """Everything in place, at step 0 or at the newest checkpoint (arguments and errors as those of `train_stage`)."""
    device = device_named(runtime.device)
    data = StageData(index, family, recipe, model_options)
    model = model_at_start(family, stage, model_options, starts, recipe.seed).to(device)
    model = model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    check_ranks(ranks.count, recipe.batch_size, model, stage.trains, runtime.device)
    model = with_shared_norms(model, stage.trains, ranks)
    objective = family.objective(stage, model, recipe).to(device)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    training = Training(
        label=f"{family.name} {stage.name}",
        recipe=recipe,
        runtime=runtime,
        ranks=ranks,
        device=device,
        data=data,
        model=model,
        objective=objective,
        shared=ranks.shared(objective),
        trained=trained_state(model, stage.trains),
        parameters=parameters,
        optimizer=torch.optim.Adam(parameters, lr=recipe.learning_rate, fused=True),
        checkpoints=CheckpointFolder(state_dir, fingerprint),
        journal=Journal(state_dir / JOURNAL),
        total=recipe.total_steps(len(data.training)),
        note=precision_note(recipe.precision, device),
        average=None if recipe.ema_decay is None else Average(trained_state(model, stage.trains), recipe.ema_decay),
    )
    if training.note:
        log.warning("%s: %s", training.label, training.note)
    training.resume()
    return training
