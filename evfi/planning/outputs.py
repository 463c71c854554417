"""What a run makes, where each output and its log lie, and how far each one is: read from files alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evfi.config import Config
from evfi.io.atomic import is_locked

State = Literal["done", "running", "failed", "stopped", "waiting"]
_ERROR = "evfi: error:"
_TRACE = "Traceback"
_BUDGET = ("the time budget is used up", "SIGTERM arrived")
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Output:
    """One job's output: a rule, what of it (a shard, a stage), its files, the one that is locked while it is made."""

    rule: str
    name: str
    files: tuple[Path, ...]
    locked: Path
    log: Path


@dataclass(frozen=True, slots=True)
class Found:
    """How far an output is; `says` is the last error line of its log where it failed.

    running: a process holds its lock. failed: its log ends with an error. stopped: it was begun, nothing works on it,
    and its log says no error: killed, or ended by its time budget, or only just starting.
    """

    output: Output
    state: State
    says: str | None = None


def outputs_of(config: Config) -> Iterator[Output]:
    """Every job of a run that leaves an output of its own, in the order of the workflow."""
    results = Path(config.results_dir)
    logs = results / "logs"
    if config.demo is not None:
        raw = results / "demo/raw"
        yield Output("demo_data", "raw", (raw / "demo.json",), raw, logs / "demo_data.log")
    for shard in dict.fromkeys([*config.shards("train"), *config.shards("test")]):
        yield _store("simulate", shard, results / "stores/clips", logs)
    for shard in [*config.scene_shards("train"), *config.scene_shards("test")]:
        yield _store("render_scenes", shard, results / "stores/scenes", logs)
    for recording in config.recordings:
        rule = "simulate_recording" if recording.simulated else "ingest"
        yield _store(rule, recording.name, results / "stores/recordings", logs)
    for part in ("train", "test"):
        if config.has_part(part):
            table = results / f"samples/{part}.parquet"
            files = (table, table.with_suffix(".json"))
            yield Output("index", part, files, table, logs / f"index/{part}.log")
            if config.flow_families(part):
                flows = results / f"samples/{part}-flows.zarr"
                yield Output("flows", part, (flows, flows.with_suffix(".json")), flows, logs / f"flows/{part}.log")
    for family in config.trained_families():
        for stage in config.stages(family):
            folder = results / family / stage.name
            files = (folder / "weights.safetensors", folder / "run.json")
            log = logs / f"train/{family}-{stage.name}.log"
            yield Output("train_stage", f"{family}/{stage.name}", files, folder, log)
    for method in config.methods():
        folder = results / "evaluation" / method
        yield Output("evaluate", method, (folder / "evaluation.json",), folder, logs / f"evaluate/{method}.log")
    if config.threshold_sweep:
        sweep = results / "thresholds"
        yield Output(
            "sweep_thresholds", "thresholds", (sweep / "thresholds.json",), sweep, logs / "sweep_thresholds.log"
        )
    yield Output("report", "report", (results / "report.html",), results / "report.html", logs / "report.log")


def found(output: Output) -> Found:
    """How far an output is."""
    if is_locked(output.locked):
        return Found(output, "running")
    if all(path.exists() for path in output.files):
        return Found(output, "done")
    if not output.log.is_file():
        return Found(output, "waiting")
    says = _last_error(output.log)
    if says is None or any(reason in says for reason in _BUDGET):
        return Found(output, "stopped", says)
    return Found(output, "failed", says)


def _store(rule: str, name: str, folder: Path, logs: Path) -> Output:
    store = folder / f"{name}.zarr"
    return Output(rule, name, (store, store.with_suffix(".json")), store, logs / rule / f"{name}.log")


def _last_error(log: Path) -> str | None:
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.startswith(_ERROR):
            return line.removeprefix(_ERROR).strip()
    return lines[-1] if any(line.startswith(_TRACE) for line in lines) else None
