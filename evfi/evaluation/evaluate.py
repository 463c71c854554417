"""Measures methods on the test rows of a sample index: figures of every target, and pictures of chosen groups."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from evfi.errors import UserError
from evfi.evaluation.baselines import Baselines
from evfi.evaluation.guests import Guest
from evfi.evaluation.methods import Answer, Contestant, Method, method_entry
from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.pictures import chosen_rows, picture_entries, write_answers, write_inputs
from evfi.evaluation.protocols import TARGETS_FILE
from evfi.evaluation.rows import RowsToMeasure
from evfi.evaluation.targets import Asked, measured_pieces, named_contestant
from evfi.io.atomic import writing
from evfi.io.table_pieces import write_pieces
from evfi.provenance import cpu_seconds, digest_file, write_json, write_stamp
from evfi.samples.reader import SampleReader
from evfi.versions import ALGO_VERSIONS

log = logging.getLogger(__name__)
EVALUATION_ALGO_VERSION = ALGO_VERSIONS["evaluation"]
DOCUMENT_FILE = "evaluation.json"
# Targets come sequence by sequence: what the ones before needed is not asked for again.
_CACHE_BYTES = 64 << 20
_OPEN_STORES = 4


def evaluate(
    index: Path,
    out: Path,
    *,
    weights: Path | None = None,
    name: str | None = None,
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
    name, contestant, digest = _entrant(weights, name, method, device, options)
    reader = SampleReader(index, needs=contestant.needs, cache_bytes=_CACHE_BYTES, open_stores=_OPEN_STORES)
    rows = RowsToMeasure(index)
    chosen = rows.some(chosen_rows(rows.outline(), options.pictures_per_protocol))
    with writing(out) as partial:
        partial.mkdir()
        ids = frozenset(row.sample_id for row in chosen)
        pictures = _PictureWriter(partial, ids, with_inputs=isinstance(contestant, Baselines))
        methods: dict[str, Method] = {}
        pieces = measured_pieces(reader, rows, contestant, options, methods, seen=pictures.write)
        write_pieces(partial / TARGETS_FILE, pieces)
        document = {
            "schema": "evfi.evaluation",
            "algo_version": EVALUATION_ALGO_VERSION,
            "name": name,
            "methods": [method_entry(method) for method in methods.values()],
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
    weights: Path | None, name: str | None, method: str | None, device: str, options: EvaluationOptions
) -> tuple[str, Contestant, str | None]:
    """The evaluation's name, who answers, and the digest of the file that it was read from."""
    if name is not None and weights is None:
        raise UserError("a name belongs to weights: a method brings its own, as NAME=PATH")
    if method is None:
        return *named_contestant(weights, device, options, name), None if weights is None else digest_file(weights)
    if weights is not None:
        raise UserError("give weights or a method, not both: each gets a folder of its own")
    guest = Guest(method)
    return guest.method.name, guest, guest.digest()


@dataclass(frozen=True, eq=False, slots=True)
class _PictureWriter:
    """Keeps the pictures of the chosen rows: the answers', and with the baselines those of the inputs, too."""

    out: Path
    chosen: frozenset[str]
    with_inputs: bool

    def write(self, one: Asked, answers: Sequence[Answer]) -> None:
        if one.row.sample_id not in self.chosen:
            return
        write_answers(self.out, one.sample, answers)
        if self.with_inputs:
            write_inputs(self.out, one.sample, targets_in_group=int(one.row.group_size))
