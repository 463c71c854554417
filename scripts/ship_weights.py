"""Puts a finished run's weights into the package: half precision, receipt, SHA-256, model card.

    python scripts/ship_weights.py results/open_weights --also results/open_weights_real

Nothing is shipped where half precision costs more than 0.02 dB on the run's own test samples, or where all shipped
files together would be larger than 12 MB.
"""

import argparse
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evfi.errors import CheckFailed, EvfiError, MissingInputError
from evfi.evaluation.options import EvaluationOptions
from evfi.evaluation.rows import RowsToMeasure
from evfi.evaluation.targets import measured_targets, named_contestant
from evfi.models.family import Family
from evfi.models.registry import family_named
from evfi.models.shipped import FOLDER, MOST_BYTES, MOST_COST_DB, write_half, write_shipped_receipt
from evfi.models.weights import load_weights
from evfi.reports.model_card import model_card
from evfi.samples.reader import SampleReader
from evfi.scenes.pictures import SCENE_PHOTOGRAPHS

CARD = "README.md"


def main() -> int:
    """Ship, and say what was shipped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="the results of a finished run, such as results/open_weights")
    parser.add_argument("--family", default="timelens")
    parser.add_argument(
        "--also", type=Path, nargs="*", default=(), help="results of runs whose figures the card has, too"
    )
    parser.add_argument("--samples", type=int, default=200, help="test samples that half precision is measured on")
    parser.add_argument("--command", default="snakemake --cores 2 --configfile config/open_weights.yaml")
    parser.add_argument("--hardware", default="", help="in words; default: this machine's processor")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args()
    try:
        receipt = shipped(
            given.results,
            family_named(given.family),
            given.out,
            also=given.also,
            samples=given.samples,
            command=given.command,
            hardware=given.hardware or f"{platform.machine()}, {platform.processor() or 'processor unknown'}",
        )
    except EvfiError as error:
        print(f"ship_weights: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{given.out / given.family}.safetensors: {receipt['bytes']:,} bytes, SHA-256 {receipt['sha256']}")
    print(f"half precision costs {receipt['half_precision']['cost_db']:.4f} dB")
    return 0


def shipped(
    results: Path,
    family: Family,
    out: Path,
    *,
    samples: int,
    command: str,
    hardware: str,
    also: Sequence[Path] = (),
) -> dict[str, Any]:
    """Write weights, receipt and card into `out`; returns the receipt. `also`: results of runs that only measured.

    Raises:
        MissingInputError: the run is not finished.
        CheckFailed: half precision costs too much, or the files are too large. Nothing is written.
    """
    source = results / family.name / family.last_stage.name / "weights.safetensors"
    stages = [_stage_facts(results / family.name / stage.name) for stage in family.stages_of()]
    with tempfile.TemporaryDirectory() as folder:
        half = Path(folder) / f"{family.name}.safetensors"
        write_half(source, half)
        cost = half_precision(source, half, results / "samples/test.parquet", samples)
        if cost["cost_db"] > MOST_COST_DB:
            raise CheckFailed(f"half precision costs {cost['cost_db']:.4f} dB, more than {MOST_COST_DB}: not shipped")
        others = [path for path in out.glob("*.safetensors") if path.name != half.name]
        size = half.stat().st_size + sum(path.stat().st_size for path in others)
        if size > MOST_BYTES:
            raise CheckFailed(f"the shipped files would be {size:,} bytes, more than {MOST_BYTES:,}: not shipped")
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(half, out / half.name)
    meta, state = load_weights(source)
    receipt = write_shipped_receipt(
        out / f"{family.name}.safetensors",
        {
            "family": family.name,
            "licence": "Apache-2.0",
            "model": meta["model"],
            "parameters": int(sum(tensor.numel() for tensor in state.values())),
            "half_precision": cost,
            "data": _data(results, stages[-1]),
            "stages": stages,
            "command": command,
            "hardware": hardware,
            "figures": [figure for run in (results, *also) for figure in _figures(run)],
        },
    )
    receipts = [json.loads(path.read_text()) for path in sorted(out.glob("*.json"))]
    (out / CARD).write_text(model_card(receipts))
    return receipt


def half_precision(single: Path, half: Path, index: Path, samples: int) -> dict[str, Any]:
    """Mean PSNR of both files on test samples that are spread evenly over the index, and the difference."""
    options = EvaluationOptions(metrics=("psnr_float",))
    found = {}
    for name, path in (("float32", single), ("float16", half)):
        method, contestant = named_contestant(path, "cpu", options)
        reader = SampleReader(index, needs=contestant.needs)
        rows = RowsToMeasure(index)
        chosen = rows.some(np.linspace(0, len(rows) - 1, samples).astype(int))
        table, _ = measured_targets(reader, chosen, contestant, options)
        found[name] = float(np.mean(table.loc[table["method"] == method, "value"].to_numpy()))
    return {
        "samples": len(chosen),
        "psnr_float32": found["float32"],
        "psnr_float16": found["float16"],
        "cost_db": found["float32"] - found["float16"],
    }


def _stage_facts(folder: Path) -> dict[str, Any]:
    run, journal = folder / "run.json", folder / "metrics.jsonl"
    if not run.is_file() or not journal.is_file():
        raise MissingInputError(f"no finished stage at {folder}: let the run end first")
    facts = json.loads(run.read_text())
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    seconds = sum(line["data_s"] + line["step_s"] for line in lines if line["kind"] == "train")
    kept = ("stage", "steps", "recipe", "validation", "samples", "weights_sha256", "fingerprint")
    return {**{key: facts[key] for key in kept}, "hours": seconds / 3600}


def _data(results: Path, stage: dict[str, Any]) -> dict[str, Any]:
    receipts = [json.loads(path.read_text()) for path in sorted((results / "stores/scenes").glob("train-?????.json"))]
    return {
        "scenes": sum(len(receipt["scene_ids"]) for receipt in receipts),
        "samples": stage["samples"]["train"],
        "photographs": list(SCENE_PHOTOGRAPHS["train"]),
        "held_out_photographs": [*SCENE_PHOTOGRAPHS["validation"], *SCENE_PHOTOGRAPHS["test"]],
    }


def _figures(results: Path) -> list[dict[str, Any]]:
    """PSNR over all targets of every method, as the run's report has it."""
    document = results / "metrics.json"
    if not document.is_file():
        raise MissingInputError(f"no {document}: let the run end first")
    rows = json.loads(document.read_text())["rows"]
    kept = ("dataset", "skip", "method", "value", "low", "high")
    return [
        {key: row[key] for key in kept}
        for row in rows
        if row["metric"] == "psnr_float" and row["target"] == "all" and "/" not in row["method"]
    ]


if __name__ == "__main__":
    sys.exit(main())
