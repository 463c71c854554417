"""HS-ERGB and BS-ERGB folders: does file n hold the events of the interval that it should, and in order?"""

import numpy as np

from evfi.doctor.findings import Finding
from evfi.io.importers.ergb_folders import ErgbFolder
from evfi.io.importers.image_files import TimedImages
from evfi.io.importers.time_units import US_PER_UNIT, TimeUnit

_SHIFTS = (-2, -1, 0, 1, 2)


def is_in_order(folder: ErgbFolder) -> bool:
    """Whether no file's events lie wholly before those of a file with a smaller number."""
    latest = -np.inf
    for file in sorted(folder.spans, key=lambda path: int(path.stem)):
        _, last = folder.spans[file]
        if last < latest:
            return False
        latest = max(latest, last)
    return True


def file_order(folder: ErgbFolder) -> Finding:
    """The order of the event files."""
    if is_in_order(folder):
        return Finding("order of event files", f"{len(folder.spans)} files with events, in order")
    return Finding(
        "order of event files", "a file's events lie before those of an earlier file", "repaired",
        "read in order of time (--order-by-time)",
    )  # fmt: skip


def interval_shift(folder: ErgbFolder, images: TimedImages, unit: TimeUnit, first_of_file: int) -> Finding:
    """By how many intervals the files of events lie beside the images that they should lie between.

    Args:
        first_of_file: number of the image that file n's interval begins with, less n: -1 for HS-ERGB, 0 for BS-ERGB.
    """
    numbers = np.array([int(path.stem) for path in images.paths])
    times = dict(zip(numbers.tolist(), images.t_us.tolist(), strict=True))
    factor = US_PER_UNIT[unit]
    inside = dict.fromkeys(_SHIFTS, 0)
    for file, (first, last) in folder.spans.items():
        middle = (first + last) / 2 * factor
        for shift in _SHIFTS:
            begin = int(file.stem) + first_of_file + shift
            inside[shift] += begin in times and begin + 1 in times and times[begin] < middle <= times[begin + 1]
    best = max(_SHIFTS, key=lambda shift: (inside[shift], -abs(shift)))
    values = {"intervals": best, "files": inside[best]}
    if not inside[best]:
        return Finding("files against images", "no file's events lie between two images", "wrong", "check the units")
    if best:
        said = f"file n holds the events {best:+d} interval beside the one that it is named for ({inside[best]} files)"
        return Finding("files against images", said, "repaired", "the store goes by times, not by numbers", values)
    return Finding(
        "files against images", f"{inside[0]} of {len(folder.spans)} files lie where they should", values=values
    )
