"""The figures of a method on rows of an index: samples are read, answered in batches, and measured."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch

from evfi.evaluation.baselines import Baselines
from evfi.evaluation.event_consistency import Contrasts, known_contrasts
from evfi.evaluation.guests import checked_name
from evfi.evaluation.measure import Measurement, measure
from evfi.evaluation.methods import Answer, Contestant, FamilyContestant, Method
from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.protocols import TARGET_COLUMNS, group_key
from evfi.evaluation.temporal import TemporalRuler
from evfi.inference.predictor import Predictor, load_predictor
from evfi.io.ahead import mapped_ahead
from evfi.io.clips import open_clips
from evfi.progress import tracked
from evfi.samples.online import OnlineSimulation
from evfi.samples.reader import SampleReader
from evfi.samples.sample import Sample

BASELINES_NAME = "baselines"
_PIECE_FIGURES = 1 << 13


def named_contestant(
    weights: Path | None, device: str, options: EvaluationOptions, name: str | None = None
) -> tuple[str, Contestant]:
    """The four baselines, or the network in a weights file, with its name (by default that of its family).

    Imported weights answer in each variant that their authors' programs run.

    Raises:
        UserError: the name cannot stand in tables.
        MissingInputError, InputFileError: the weights are absent or damaged.
    """
    if weights is None:
        return BASELINES_NAME, Baselines(options)

    def loaded(**changes: Any) -> Predictor:
        return load_predictor(weights, device=device, threads=1, batch_size=options.batch_size, options=changes)

    called = None if name is None else checked_name(name)
    predictor = loaded()
    variants = {variant: loaded(**changes) for variant, changes in predictor.variants.items()}
    network = FamilyContestant(predictor, variants, called)
    return network.family, network


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """A row to measure, its sample, and the contrasts of simulated events."""

    row: Any
    sample: Sample
    true_contrasts: Contrasts | None


@dataclass(frozen=True, eq=False, slots=True)
class _Measured:
    """One target's answers and figures."""

    one: Asked
    answers: Sequence[Answer]
    figures: list[Measurement]


Seen = Callable[[Asked, Sequence[Answer]], None]


class Rows(Protocol):
    """Rows of `RowsToMeasure`: all or some of them, the targets of a group together."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


def measured_targets(
    reader: SampleReader,
    rows: Rows,
    contestant: Contestant,
    options: EvaluationOptions,
    *,
    seen: Seen | None = None,
    online: OnlineSimulation | None = None,
) -> tuple[pd.DataFrame, list[Method]]:
    """The table of all figures (TARGET_COLUMNS), and the methods in the order of the contestant's answers.

    The arguments are those of `measured_pieces`.
    """
    methods: dict[str, Method] = {}
    pieces = [*measured_pieces(reader, rows, contestant, options, methods, seen=seen, online=online)]
    return pd.concat(pieces, ignore_index=True), [*methods.values()]


def measured_pieces(
    reader: SampleReader,
    rows: Rows,
    contestant: Contestant,
    options: EvaluationOptions,
    methods: dict[str, Method],
    *,
    seen: Seen | None = None,
    online: OnlineSimulation | None = None,
    piece_figures: int = _PIECE_FIGURES,
) -> Iterator[pd.DataFrame]:
    """The table of all figures (TARGET_COLUMNS) in pieces of whole groups, so that memory does not grow with it.

    Args:
        rows: what is measured, in this order.
        methods: filled with the methods by name, in the order of the contestant's answers.
        seen: called with each sample and its answers.
        online: where given, the events of clips are simulated anew by it, and their contrasts count as unknown.
        piece_figures: a piece ends with the group in which it has so many.
    """

    def batch_measured(batch: Sequence[Asked]) -> list[_Measured]:
        answers = contestant.answers([one.sample for one in batch])
        return [_one_measured(one, own, options, seen) for one, own in zip(batch, answers, strict=True)]

    figures: list[tuple[Any, Measurement]] = []
    group: tuple[object, ...] | None = None
    temporal = TemporalRuler(options)
    threads = options.threads if contestant.side_by_side else 1
    with ThreadPoolExecutor(threads, "evaluate", torch.set_num_threads, (1,)) as pool:
        done = mapped_ahead(batch_measured, _batches(reader, rows, options.batch_size, online), pool, threads)
        targets = (one for batch in done for one in batch)
        for found in tracked(targets, total=len(rows), label="evaluate", unit="target"):
            row, before = found.one.row, group
            group = group_key(row)
            methods.update({answer.method.name: answer.method for answer in found.answers})
            # Those of the group before, if this begins another.
            figures.extend(temporal.add(row, group, found.one.sample, found.answers))
            if group != before and len(figures) >= piece_figures:
                yield _table(figures)
                figures = []
            figures.extend((row, figure) for figure in found.figures)
        figures.extend(temporal.rest())
    yield _table(figures)


def _one_measured(one: Asked, answers: Sequence[Answer], options: EvaluationOptions, seen: Seen | None) -> _Measured:
    figures = [*measure(one.sample, answers, options, true_contrasts=one.true_contrasts)]
    if seen is not None:
        seen(one, answers)
    return _Measured(one, answers, figures)


def _batches(
    reader: SampleReader, rows: Rows, batch_size: int, online: OnlineSimulation | None
) -> Iterator[list[Asked]]:
    """All rows in their order, in batches of one frame size."""
    waiting: list[Asked] = []
    for row in rows:
        contrasts = _true_contrasts(reader, row) if online is None else None
        one = Asked(row, reader.read(row, online), contrasts)
        if waiting and (len(waiting) == batch_size or waiting[0].sample.frame0.shape != one.sample.frame0.shape):
            yield waiting
            waiting = []
        waiting.append(one)
    if waiting:
        yield waiting


def _true_contrasts(reader: SampleReader, row: Any) -> Contrasts | None:
    """Of a clip's simulated events; None for a recording."""
    if row.kind != "clip":
        return None
    return known_contrasts(*reader.opened(str(row.store), open_clips).contrast(int(row.clip)))


def _table(figures: Sequence[tuple[Any, Measurement]]) -> pd.DataFrame:
    own = ("sample_id", "dataset", "protocol", "skip", "sequence", "group", "t_us", "tau")
    lines = [
        {**{name: getattr(row, name) for name in own}, "target": row.target_name, **asdict(figure)}
        for row, figure in figures
    ]
    table: Any = pd.DataFrame(lines)
    return table[[*TARGET_COLUMNS]].sort_values(["sample_id", "method", "metric"], kind="stable", ignore_index=True)
