"""The methods' PSNR against the threshold of the events, without and with noise.

A network trained on one law of thresholds meets cameras with another. Each test clip is simulated anew at each
threshold, from its own frames and by the seed of its store; the target stays the same original frame.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from evfi.errors import UserError
from evfi.evaluation.methods import Method, method_entry
from evfi.evaluation.options import EvaluationOptions, ThresholdSweepOptions
from evfi.evaluation.protocols import SETTING, SWEEP_DOCUMENT_FILE, SWEEP_METRIC, TARGETS_FILE
from evfi.evaluation.rows import RowsToMeasure
from evfi.evaluation.targets import measured_targets, named_contestant
from evfi.io.atomic import writing
from evfi.provenance import digest_file, write_json, write_stamp
from evfi.samples.online import OnlineSimulation
from evfi.samples.reader import SampleReader
from evfi.simulation.options import SimulationOptions
from evfi.versions import ALGO_VERSIONS

log = logging.getLogger(__name__)


def sweep_thresholds(
    index: Path,
    out: Path,
    *,
    simulation: SimulationOptions,
    seed: int,
    weights: Sequence[Path] = (),
    sweep: ThresholdSweepOptions | None = None,
    options: EvaluationOptions | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Measure the baselines and the family in each weights file on an index's test clips at every threshold.

    `out` becomes a folder with targets.parquet (a row per condition, sample and method) and thresholds.json
    (docs/formats.md); `out`.provenance.json lies beside it. Equal inputs and options give equal bytes.

    Args:
        simulation: how the clips are simulated, but for thresholds and noise.
        seed: that of the clip stores, so that a clip's draws are those of its store.
        sweep: thresholds, noise, and how many targets.
        options: batch size and baselines; the one metric is psnr_float.

    Raises:
        MissingInputError, InputFileError: index, stores, frames or weights are absent or damaged.
        UserError: the index has no test clip, or two files hold weights of one family.
        OutputError: `out` cannot be written.
    """
    sweep = sweep or ThresholdSweepOptions()
    options = (options or EvaluationOptions()).replaced(metrics=(SWEEP_METRIC,))
    cv2.setNumThreads(1)
    contestants = [named_contestant(file, device, options) for file in (None, *weights)]
    if len({name for name, _ in contestants}) < len(contestants):
        raise UserError("two of the weights are of one family: give one of each")
    rows = clip_rows(RowsToMeasure(index), sweep.max_targets)
    conditions = sweep.conditions(simulation)
    with writing(out) as partial:
        partial.mkdir()
        tables, methods = [], []
        for name, contestant in contestants:
            reader = SampleReader(index, needs=contestant.needs)
            found: list[Method] = []
            for contrast, noisy, options_of_clips in conditions:
                log.info("%s: threshold %s, %s noise", name, contrast, "with" if noisy else "without")
                online = OnlineSimulation(options_of_clips, seed)
                table, found = measured_targets(reader, rows, contestant, options, online=online)
                tables.append(table.assign(contrast=contrast, noisy=noisy))
            methods += found
        pd.concat(tables, ignore_index=True).to_parquet(partial / TARGETS_FILE, index=False)
        document = {
            "schema": "evfi.thresholds",
            "algo_version": ALGO_VERSIONS["thresholds"],
            "methods": [method_entry(method) for method in methods],
            "options": sweep.model_dump(mode="json"),
            "simulation": simulation.model_dump(mode="json"),
            "seed": seed,
            "samples": len(rows),
            "index_sha256": digest_file(index),
            "weights_sha256": [digest_file(file) for file in weights],
        }
        write_json(partial / SWEEP_DOCUMENT_FILE, document)
    write_stamp(out)
    log.info("%s: %d methods, %d conditions, %d targets", out, len(methods), len(conditions), len(rows))
    return document


def clip_rows(rows: RowsToMeasure, most: int) -> list[Any]:
    """The rows of clips; of a data set, protocol and skip with more than `most`, that many.

    Raises:
        UserError: there is none.
    """
    outline: Any = rows.outline()
    clips = outline[outline["kind"] == "clip"]
    if clips.empty:
        raise UserError(
            "the index has no test sample of a clip: only clips can be simulated at other thresholds, "
            "a recording's events are those that its camera gave"
        )
    settings = clips.groupby(SETTING, sort=True, observed=True)
    return rows.some(part.index[place] for _, part in settings for place in _spread(len(part), most))


def _spread(count: int, most: int) -> Sequence[int]:
    """At most `most` of `count` places, evenly spaced, the first and the last among them."""
    return [*range(count)] if count <= most else np.linspace(0, count - 1, most).round().astype(int).tolist()
