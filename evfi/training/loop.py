"""Training of one stage of any family, from the sample index to exported weights."""

import logging
import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from evfi.errors import CheckFailed
from evfi.io.atomic import locked, writing
from evfi.io.images import write_png
from evfi.models.batch import Batch
from evfi.models.family import Family, ModelOptions, Recipe, Stage
from evfi.models.implementation import StageLoss
from evfi.nn.precision import autocast, intra_op_threads
from evfi.progress import tracked
from evfi.provenance import write_stamp
from evfi.training.ahead import with_beforehand
from evfi.training.export import JOURNAL, PICTURES, export, input_digests, run_facts
from evfi.training.interruption import Interruption
from evfi.training.options import Runtime
from evfi.training.ranks import ALONE, Ranks
from evfi.training.schedule import learning_rate
from evfi.training.state import Training, begun
from evfi.training.validation import validate
from evfi.versions import ALGO_VERSIONS

log = logging.getLogger(__name__)


def train_stage(
    family: Family,
    stage: Stage,
    *,
    index: Path,
    starts: Mapping[str, Path],
    model_options: ModelOptions,
    recipe: Recipe,
    runtime: Runtime,
    state_dir: Path,
    out: Path,
    fingerprint: str,
    max_seconds: float | None = None,
    ranks: Ranks = ALONE,
) -> dict[str, Any]:
    """Train one stage, or go on with it where an earlier run stopped, and write its output folder.

    Recipe, model options, index and starts alone decide the weights (on one machine type and package set); how often
    the run was stopped or killed, and the runtime, do not.

    Args:
        index: sample index with rows of the splits train and (optional) validation.
        starts: exported weights of the stages in `stage.needs`, by stage name.
        state_dir: checkpoints and journal of the unfinished run; afterwards only the journal stays there.
        out: folder for weights.safetensors, run.json, metrics.jsonl and validation/; written whole at the end.
        fingerprint: of everything that decides the result; a state of another fingerprint is refused.
        max_seconds: stop after the step that uses it up; at least one step is made.
        ranks: of the processes that call this together with the same arguments; the first one alone writes.

    Returns:
        The content of run.json; of the other ranks nothing.

    Raises:
        TimeBudgetUsed: the budget is used up, or SIGTERM arrived; the state is saved.
        KeyboardInterrupt: SIGINT arrived; the state is saved.
        CheckFailed: loss or gradient is not finite; the last checkpoint is from before.
        UserError, MissingInputError, InputFileError, OutputError: as their messages say.
    """

    def begun_together() -> Training:
        ranks.wait()  # for the first one's lock: only then do the checkpoints stand still
        return begun(
            family,
            stage,
            index=index,
            starts=starts,
            model_options=model_options,
            recipe=recipe,
            runtime=runtime,
            ranks=ranks,
            state_dir=state_dir,
            fingerprint=fingerprint,
        )

    if not ranks.is_first:
        with intra_op_threads(recipe.threads), Interruption(max_seconds) as interruption:
            _train(begun_together(), interruption)
        return {}
    with locked(state_dir):
        with writing(out) as partial, intra_op_threads(recipe.threads), Interruption(max_seconds) as interruption:
            state_dir.mkdir(parents=True, exist_ok=True)
            training = begun_together()
            inputs = input_digests(index, starts, recipe)
            _train(training, interruption)
            facts = {**training.facts(), "validation": _first_and_last(training)}
            run = run_facts(
                family, stage, model_options, recipe, inputs, algo_version=ALGO_VERSIONS["training"], **facts
            )
            facts = export(partial, state_dir, family, stage, model_options, training.model, run)
        training.checkpoints.clear(keep=JOURNAL)
    write_stamp(out)
    return facts


def _train(training: Training, interruption: Interruption) -> None:
    """Step by step to the end, or until interrupted."""
    recipe, total, ranks = training.recipe, training.total, training.ranks
    if training.step == 0 and ranks.is_first:
        _validate(training)
    batches = with_beforehand(
        training.data.batches(training.step, total, training.runtime, ranks),
        training.objective,
        device=training.device,
        precision=recipe.precision,
        threads=recipe.threads,
    )
    saved = ready = time.monotonic()
    for batch, beforehand in tracked(batches, total=total - training.step, label=training.label, unit="step"):
        arrived = time.monotonic()
        values = _updated(training, batch, beforehand)
        training.step += 1
        if training.average is not None:
            training.average.update(training.step)
        finished = training.step == total
        training.means.add({**values, "data_s": arrived - ready, "step_s": time.monotonic() - arrived})
        stop = ranks.any(interruption.wanted) and not finished
        if ranks.is_first:
            if training.step % recipe.journal_every == 0 or finished:
                _note_means(training)
            if training.step % recipe.validation_every == 0 or finished:
                _validate(training)
            if stop or finished or time.monotonic() - saved >= training.runtime.checkpoint_seconds:
                training.save()
                saved = time.monotonic()
        if stop:
            raise interruption.error(training.step, total)
        ready = time.monotonic()
    if training.average is not None:
        training.average.adopt()


def _updated(training: Training, batch: Batch, beforehand: Any) -> dict[str, float]:
    """One step: forward, backward, update. Returns the step's values for the journal."""
    recipe = training.recipe
    rate = learning_rate(recipe, training.step, training.total)
    for group in training.optimizer.param_groups:
        group["lr"] = rate
    with autocast(training.device, recipe.precision):
        result: StageLoss = training.shared(batch, beforehand)
    weight = training.ranks.weight(recipe.batch_size)
    told = torch.stack([result.total.detach(), *result.parts.values()]).float() * weight
    total, *parts = training.ranks.mean(told)
    loss = _finite(training, "loss", total)
    training.optimizer.zero_grad(set_to_none=True)
    (result.total * weight).backward()
    norm = get_total_norm([parameter.grad for parameter in training.parameters if parameter.grad is not None])
    grad_norm = _finite(training, "gradient", norm)
    if recipe.grad_clip is not None:
        clip_grads_with_norm_(training.parameters, recipe.grad_clip, norm)
    training.optimizer.step()
    named = {f"parts/{name}": float(value) for name, value in zip(result.parts, parts, strict=True)}
    return {"loss": loss, "grad_norm": grad_norm, **named}


def _finite(training: Training, what: str, value: Tensor) -> float:
    number = float(value.detach())
    if not math.isfinite(number):
        ids = ", ".join(training.data.ids_of_step(training.step))
        raise CheckFailed(
            f"{training.label}: the {what} is {number} at step {training.step} (samples {ids}): lower learning_rate or "
            "set grad_clip; the checkpoints before it are kept"
        )
    return number


def _note_means(training: Training) -> None:
    count = training.means.count
    means = training.means.taken()
    training.journal.write(
        {
            "kind": "train",
            "step": training.step,
            "loss": means["loss"],
            "parts": {name.removeprefix("parts/"): value for name, value in means.items() if name.startswith("parts/")},
            "lr": training.optimizer.param_groups[0]["lr"],
            "grad_norm": means["grad_norm"],
            "data_s": means["data_s"] * count,
            "step_s": means["step_s"] * count,
        }
    )


def _validate(training: Training) -> None:
    samples = training.data.validation_samples()
    with training.average.shown() if training.average is not None else nullcontext():
        found = validate(training.objective, samples, training.device, training.recipe.precision)
    if found is None:
        if training.step == 0:
            log.warning("%s: the index has no validation rows, so nothing is validated", training.label)
        return
    pictures = training.checkpoints.folder / PICTURES
    pictures.mkdir(exist_ok=True)
    write_png(pictures / f"step-{training.step:06d}.png", found.picture)
    training.journal.write({"kind": "validation", "step": training.step, "metrics": found.metrics})
    text = ", ".join(f"{name} {value:.4g}" for name, value in found.metrics.items())
    log.info("%s: step %d of %d: validation %s", training.label, training.step, training.total, text)
    _warn_if_lost(training)


def _warn_if_lost(training: Training) -> None:
    """Say at once, once, that a stage has fallen behind its beginning at two validations running.

    Too high a rate kills a module in silence: flows that leave the frame, or a softmax of one candidate, let no
    gradient through, so that the loss stays finite and flat.
    """
    losses = [line["metrics"]["loss"] for line in training.journal.of_kind("validation")]
    if len(losses) < 3 or losses[0] is None:
        return
    worse = [loss is None or loss > losses[0] for loss in losses[1:]]
    first_time = not any(before and after for before, after in pairwise(worse[:-1]))
    if worse[-1] and worse[-2] and first_time:
        log.warning(
            "%s: at step %d the validation loss (%s) is worse than before training (%.4g) for the second time running: "
            "lower learning_rate or grad_clip and start again; it seldom recovers",
            training.label, training.step, losses[-1], losses[0],
        )  # fmt: skip


def _first_and_last(training: Training) -> dict[str, Any]:
    """Validation metrics before the first and after the last step; empty where nothing was validated."""
    lines = training.journal.of_kind("validation")
    if not lines:
        return {}
    first, last = lines[0]["metrics"], lines[-1]["metrics"]
    if None in (first["loss"], last["loss"]) or last["loss"] >= first["loss"]:
        log.warning(
            "%s: the validation loss went from %s to %s, so nothing was learned: lower learning_rate, or train longer",
            training.label, first["loss"], last["loss"],
        )  # fmt: skip
    return {"first": first, "last": last}
