"""`evfi doctor`: what is wrong with a recording, and a repaired copy of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evfi.cli.import_flags import (
    ByTime,
    Columns,
    FramesPath,
    FrameTimeUnit,
    Scale,
    SensorSize,
    Shift,
    TimeUnit,
    import_options,
)

if TYPE_CHECKING:
    from evfi.doctor.findings import Finding


def run(
    path: Annotated[Path, typer.Argument(help="A recording store, or anything that `evfi ingest` takes.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
    fix: Annotated[Path | None, typer.Option(metavar="OUT", help="Write a repaired recording store.")] = None,
    columns: Columns = "",
    time_unit: TimeUnit = "",
    frame_time_unit: FrameTimeUnit = "",
    sensor_size: SensorSize = "",
    coordinate_scale: Scale = 0,
    frames: FramesPath = None,
    frame_shift_us: Shift = 0,
    order_by_time: ByTime = False,
) -> None:
    """Check files, units, order, rates, pixels, clocks and contrast thresholds. Exit 1: something is wrong.

    Example: `evfi doctor recording.aedat4`

    Example: `evfi doctor hs_ergb/rocket --fix rocket.zarr`
    """
    from evfi.doctor.examine import examined
    from evfi.doctor.fix import write_repaired
    from evfi.errors import CheckFailed, InputFileError

    options = import_options(
        columns, time_unit, frame_time_unit, sensor_size, coordinate_scale, frames, frame_shift_us, order_by_time
    )
    with examined(path, options) as result:
        repairs = None
        if fix is not None and result.recording is not None:
            repairs = write_repaired(result.recording, fix)
    wrong = [finding.check for finding in result.findings if finding.is_wrong]
    if as_json:
        findings = [finding.plain() for finding in result.findings]
        print(json.dumps({"path": str(path), "wrong": wrong, "findings": findings, "repairs": repairs}, sort_keys=True))
    else:
        _print_table([("check", "found", "verdict", "what to do"), *map(_row, result.findings)])
        if repairs is not None:
            done = ", ".join(f"{count} {name}" for name, count in repairs.items() if count) or "nothing to repair"
            print(f"\n{fix}: {done}")
    if fix is not None and result.recording is None:
        raise InputFileError(f"{path} cannot be read, so {fix} was not written: {result.findings[-1].found}")
    if wrong:
        findings = "1 finding" if len(wrong) == 1 else f"{len(wrong)} findings"
        raise CheckFailed(f"{path}: {findings}: {', '.join(wrong)}")


def _row(finding: "Finding") -> tuple[str, str, str, str]:
    return finding.check, finding.found, finding.verdict, finding.advice


def _print_table(rows: list[tuple[str, str, str, str]]) -> None:
    widths = [min(80, max(len(row[k]) for row in rows)) for k in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
        print("  ".join([*cells, row[3]]).rstrip())
