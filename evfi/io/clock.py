"""Files that a clock, since set back, has dated in the future."""

import os
import time
from pathlib import Path


def set_back_future_times(folder: Path) -> list[Path]:
    """Date everything under `folder` (which need not exist) that lies in the future to now; what was changed, sorted.

    Links are dated themselves, never what they point to. Passed over: what vanishes meanwhile, and what belongs to
    somebody else.
    """
    changed: list[Path] = []
    for place, folders, files in os.walk(folder):
        for path in (Path(place, name) for name in (*folders, *files)):
            try:
                if path.lstat().st_mtime > time.time():
                    os.utime(path, follow_symlinks=False)
                    changed.append(path)
            except OSError:
                continue
    return sorted(changed)
