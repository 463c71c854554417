"""Writes the whole demo data set: a Vimeo90k tree, recordings, the truth between their frames, and demo.json."""

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from multiprocessing import connection
from pathlib import Path
from typing import Any

import cv2

from evfi.demo.options import DEMO_ALGO_VERSION, DemoOptions
from evfi.demo.recordings import RecordingPlan, RecordingResult, plan_recordings, write_recording, write_truth
from evfi.demo.septuplets import ClipPlan, ClipResult, plan_clips, render_clip, write_lists
from evfi.demo.statistics import GOALS, MotionCount, missed_goals, pooled
from evfi.io.atomic import writing
from evfi.progress import tracked
from evfi.provenance import write_json, write_stamp

log = logging.getLogger(__name__)
_CLIPS_PER_TASK = 6

Results = list[ClipResult] | RecordingResult | int
Task = Callable[[], Results]


def write_demo_data(out: Path, options: DemoOptions, *, workers: int = 2) -> dict[str, Any]:
    """Render the demo data set into the folder `out`, which appears only when it is whole.

    Layout: vimeo90k/{sequences/…, sep_trainlist.txt, sep_testlist.txt}, recordings/<name>.aedat4,
    truth/<name>/ (a frame folder with times in microseconds, for test recordings), demo.json.
    Equal options give equal bytes of every file, whatever the number of workers. `<out>.provenance.json` is written
    beside it.

    Args:
        out: the folder; an old one is replaced.
        options: what to render.
        workers: processes that render side by side; 1 renders in this process.

    Returns:
        What demo.json says: options, photographs of each split, motion statistics of each data set (see
        `evfi.demo.statistics` for their definitions), and each clip's and recording's facts.

    Raises:
        OutputError: the place cannot be written, or the disk is full.
        MissingInputError: the installed scikit-image lacks a photograph.
    """
    clips, recordings = plan_clips(options), plan_recordings(options)
    with writing(out) as partial_out:
        (partial_out / "recordings").mkdir(parents=True)
        (partial_out / "vimeo90k").mkdir()
        results = list(_run(_tasks(clips, recordings, options, partial_out), workers))
        write_lists(clips, partial_out / "vimeo90k")
        facts = _facts(options, results)
        write_json(partial_out / "demo.json", facts)
    write_stamp(out, {"workers": workers})
    return facts


def _tasks(clips: list[ClipPlan], recordings: list[RecordingPlan], options: DemoOptions, out: Path) -> list[Task]:
    """Independent pieces of work, the long ones first so that workers end together."""
    recorded: list[Task] = [
        partial(write_recording, plan, options, out / "recordings" / f"{plan.name}.aedat4") for plan in recordings
    ]
    true: list[Task] = [
        partial(write_truth, plan, options, out / "truth" / plan.name) for plan in recordings if plan.split == "test"
    ]
    clipped: list[Task] = [
        partial(_render_clips, clips[first : first + _CLIPS_PER_TASK], options, out / "vimeo90k")
        for first in range(0, len(clips), _CLIPS_PER_TASK)
    ]
    return recorded + true + clipped


def _render_clips(plans: Iterable[ClipPlan], options: DemoOptions, root: Path) -> list[ClipResult]:
    return [render_clip(plan, options, root) for plan in plans]


def _run(tasks: list[Task], workers: int) -> Iterator[Results]:
    if workers <= 1:
        with _one_opencv_thread():
            yield from tracked((task() for task in tasks), total=len(tasks), label="demo data", unit="part")
        return
    with ProcessPoolExecutor(
        max_workers=min(workers, len(tasks)),
        mp_context=multiprocessing.get_context("forkserver"),
        initializer=_start_worker,
    ) as pool:
        try:
            futures = [pool.submit(task) for task in tasks]
            for future in tracked(as_completed(futures), total=len(futures), label="demo data", unit="part"):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _start_worker() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A worker whose parent was killed must not write on: the next run may own the output already."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _facts(options: DemoOptions, results: list[Results]) -> dict[str, Any]:
    clips = sorted((each for part in results if isinstance(part, list) for each in part), key=lambda c: c.plan.clip_id)
    recordings = sorted((part for part in results if isinstance(part, RecordingResult)), key=lambda r: r.plan.start_us)
    statistics = _statistics(clips, recordings)
    missed = {name: lines for name, summary in statistics.items() if (lines := missed_goals(summary))}
    for name, summary in statistics.items():
        log.info("demo data, %s: %s", name, ", ".join(f"{figure} {value:g}" for figure, value in summary.items()))
    for name, lines in missed.items():
        log.warning("demo data, %s: %s", name, "; ".join(lines))
    used = {
        split: sorted({name for each in [*clips, *recordings] if each.plan.split == split for name in each.photographs})
        for split in ("train", "test")
    }
    return {
        "algo_version": DEMO_ALGO_VERSION,
        "options": options.model_dump(mode="json"),
        "photographs": used,
        "statistics": statistics,
        "goals": {figure: list(bounds) for figure, bounds in GOALS.items()},
        "goals_missed": missed,
        "clips": [_clip_facts(clip) for clip in clips],
        "recordings": [_recording_facts(recording) for recording in recordings],
    }


def _statistics(clips: list[ClipResult], recordings: list[RecordingResult]) -> dict[str, dict[str, float | int]]:
    sets: dict[str, list[MotionCount]] = {}
    for split in ("train", "test"):
        sets[f"septuplets/{split}"] = [clip.motion for clip in clips if clip.plan.split == split]
    sets["recordings"] = [recording.motion for recording in recordings]
    return {name: pooled(counts).summary() for name, counts in sets.items() if counts}


def _clip_facts(clip: ClipResult) -> dict[str, Any]:
    return {
        "id": clip.plan.clip_id,
        "split": clip.plan.split,
        "seed": clip.plan.seed,
        "photographs": list(clip.photographs),
        "exposure_us": clip.exposure_us,
        "motion": clip.motion.summary(),
    }


def _recording_facts(recording: RecordingResult) -> dict[str, Any]:
    return {
        "name": recording.plan.name,
        "split": recording.plan.split,
        "seed": recording.plan.seed,
        "start_us": recording.plan.start_us,
        "photographs": list(recording.photographs),
        "events": recording.events,
        "frames": recording.frames,
        "contrast_pos": recording.thresholds[0],
        "contrast_neg": recording.thresholds[1],
        "motion": recording.motion.summary(),
    }
