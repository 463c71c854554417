"""Measures methods on the test rows of a sample index: figures of every target, and pictures of chosen groups."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import torch

from evfi.errors import UserError
from evfi.evaluation.baselines import Baselines
from evfi.evaluation.event_consistency import Contrasts, known_contrasts
from evfi.evaluation.guests import Guest
from evfi.evaluation.measure import Measurement, measure
from evfi.evaluation.methods import Answer, Contestant, FamilyContestant, Method
from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.pictures import chosen_rows, picture_entries, write_answers, write_inputs
from evfi.evaluation.protocols import TARGET_COLUMNS, rows_to_measure
from evfi.evaluation.temporal import TemporalRuler
from evfi.inference.predictor import Predictor, load_predictor
from evfi.io.ahead import mapped_ahead
from evfi.io.atomic import writing
from evfi.io.clips import open_clips
from evfi.progress import tracked
from evfi.provenance import cpu_seconds, digest_file, write_json, write_stamp
from evfi.samples.reader import SampleReader
from evfi.samples.sample import Sample
from evfi.versions import ALGO_VERSIONS

log = logging.getLogger(__name__)
EVALUATION_ALGO_VERSION = ALGO_VERSIONS["evaluation"]
BASELINES_NAME = "baselines"
TARGETS_FILE, DOCUMENT_FILE = "targets.parquet", "evaluation.json"


def evaluate(
    index: Path,
    out: Path,
    *,
    weights: Path | None = None,
    method: str | None = None,
    options: EvaluationOptions | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Measure the baselines, the family in a weights file, or a method of somebody else's (NAME=PATH, see `guests`)
    on an index's test rows; return evaluation.json.

    `out` becomes a folder with targets.parquet (a row per sample, method and metric), evaluation.json (methods,
    pictures, digests of what went in) and pictures/<sample>/<method>.png (docs/formats.md); `out`.provenance.json
    lies beside it. Equal inputs and options give equal bytes.

    Raises:
        MissingInputError, InputFileError: index, stores or weights are absent or damaged.
        UserError: the index has no test rows.
        OutputError: `out` cannot be written.
    """
    options = options or EvaluationOptions()
    start = cpu_seconds()
    cv2.setNumThreads(1)
    name, contestant, digest = _entrant(weights, method, device, options)
    reader = SampleReader(index, needs=contestant.needs)
    rows = rows_to_measure(reader.table)
    chosen = chosen_rows(rows, options.pictures_per_protocol)
    with writing(out) as partial:
        partial.mkdir()
        pictures = _PictureWriter(
            partial, frozenset(chosen["sample_id"]), with_inputs=isinstance(contestant, Baselines)
        )
        figures, methods = _measured(reader, rows, contestant, options, pictures)
        _targets_table(rows, figures).to_parquet(partial / TARGETS_FILE, index=False)
        document = {
            "schema": "evfi.evaluation",
            "algo_version": EVALUATION_ALGO_VERSION,
            "name": name,
            "methods": [_method_entry(method) for method in methods],
            "pictures": picture_entries(chosen),
            "options": options.model_dump(mode="json"),
            "samples": len(rows),
            "index_sha256": digest_file(index),
            "weights_sha256": digest,
        }
        write_json(partial / DOCUMENT_FILE, document)
    write_stamp(out, {"start_cpu_seconds": start})
    log.info("%s: %d methods on %d targets", out, len(methods), len(rows))
    return document


def _entrant(
    weights: Path | None, method: str | None, device: str, options: EvaluationOptions
) -> tuple[str, Contestant, str | None]:
    """The evaluation's name, who answers, and the digest of the file that it was read from."""
    if weights is not None and method is not None:
        raise UserError("give weights or a method, not both: each gets a folder of its own")
    if method is not None:
        guest = Guest(method)
        return guest.method.name, guest, guest.digest()
    if weights is None:
        return BASELINES_NAME, Baselines(options), None
    network = _contestant(weights, device, options)
    return network.family, network, digest_file(weights)


def _contestant(weights: Path, device: str, options: EvaluationOptions) -> FamilyContestant:
    """The network; imported weights answer in each variant that their authors' programs run."""

    def loaded(**changes: Any) -> Predictor:
        return load_predictor(weights, device=device, threads=1, batch_size=options.batch_size, options=changes)

    predictor = loaded()
    return FamilyContestant(predictor, {name: loaded(**changes) for name, changes in predictor.variants.items()})


@dataclass(frozen=True, eq=False, slots=True)
class _Asked:
    """A row of `rows_to_measure` (with its position as `Index`), its sample, and the contrasts of simulated events."""

    row: Any
    sample: Sample
    true_contrasts: Contrasts | None


@dataclass(frozen=True, eq=False, slots=True)
class _PictureWriter:
    """Keeps the pictures of the chosen rows: the answers', and with the baselines those of the inputs, too."""

    out: Path
    chosen: frozenset[str]
    with_inputs: bool

    def write(self, one: _Asked, answers: Sequence[Answer]) -> None:
        if one.row.sample_id not in self.chosen:
            return
        write_answers(self.out, one.sample, answers)
        if self.with_inputs:
            write_inputs(self.out, one.sample, targets_in_group=int(one.row.group_size))


@dataclass(frozen=True, eq=False, slots=True)
class _Measured:
    """One target's answers and figures."""

    one: _Asked
    answers: Sequence[Answer]
    figures: list[Measurement]


def _measured(
    reader: SampleReader,
    rows: pd.DataFrame,
    contestant: Contestant,
    options: EvaluationOptions,
    pictures: _PictureWriter,
) -> tuple[list[tuple[int, Measurement]], list[Method]]:
    """Figures with the position of their row, and the methods in the order of the contestant's answers."""

    def batch_measured(batch: Sequence[_Asked]) -> list[_Measured]:
        answers = contestant.answers([one.sample for one in batch])
        return [_one_measured(one, own, options, pictures) for one, own in zip(batch, answers, strict=True)]

    figures: list[tuple[int, Measurement]] = []
    methods: dict[str, Method] = {}
    temporal = TemporalRuler(options)
    threads = options.threads if contestant.side_by_side else 1
    with ThreadPoolExecutor(threads, "evaluate", torch.set_num_threads, (1,)) as pool:
        done = mapped_ahead(batch_measured, _batches(reader, rows, options.batch_size), pool, threads)
        targets = (one for batch in done for one in batch)
        for found in tracked(targets, total=len(rows), label="evaluate", unit="target"):
            row = found.one.row
            methods.update({answer.method.name: answer.method for answer in found.answers})
            figures.extend((row.Index, figure) for figure in found.figures)
            figures.extend(temporal.add(row.Index, _group_key(row), found.one.sample, found.answers))
        figures.extend(temporal.rest())
    return figures, [*methods.values()]


def _group_key(row: Any) -> tuple[object, ...]:
    return row.dataset, row.protocol, row.skip, row.sequence, row.group


def _one_measured(
    one: _Asked, answers: Sequence[Answer], options: EvaluationOptions, pictures: _PictureWriter
) -> _Measured:
    figures = [*measure(one.sample, answers, options, true_contrasts=one.true_contrasts)]
    pictures.write(one, answers)
    return _Measured(one, answers, figures)


def _batches(reader: SampleReader, rows: pd.DataFrame, batch_size: int) -> Iterator[list[_Asked]]:
    """All rows in their order, in batches of one frame size."""
    waiting: list[_Asked] = []
    for row in rows.itertuples():
        one = _Asked(row, reader.read(row), _true_contrasts(reader, row))
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


def _targets_table(rows: pd.DataFrame, figures: Sequence[tuple[int, Measurement]]) -> pd.DataFrame:
    measured = pd.DataFrame([asdict(figure) for _, figure in figures])
    own = rows.iloc[[position for position, _ in figures]].reset_index(drop=True)
    columns = ["sample_id", "dataset", "protocol", "skip", "sequence", "group", "t_us", "tau"]
    table: Any = pd.concat([own[columns], own[["target_name"]].set_axis(["target"], axis=1), measured], axis=1)
    return table[[*TARGET_COLUMNS]].sort_values(["sample_id", "method", "metric"], kind="stable", ignore_index=True)


def _method_entry(method: Method) -> dict[str, Any]:
    return {**asdict(method), "of": method.family if method.is_intermediate else None}
