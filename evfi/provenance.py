"""Canonical JSON, digests, item seeds, and the stamp that says where an output came from."""

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest_bytes(data: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_folder(folder: Path) -> str:
    """SHA-256 over names and contents of a folder's files, those of its folders included."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder).as_posix()} {digest_file(path)}\n" for path in files]
    return digest_bytes("".join(lines).encode())


def digest_array(array: NDArray) -> str:
    """SHA-256 over dtype, shape and little-endian C-order bytes of an array."""
    plain = np.ascontiguousarray(array)
    plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    head = canonical_json([plain.dtype.str, list(plain.shape)]).encode()
    return hashlib.sha256(head + plain.tobytes()).hexdigest()


def item_seed(seed: int, *item: object) -> int:
    """A 63-bit seed of an item (its id, a step, …), the same in every process, order and sharding."""
    text = canonical_json([seed, *[str(part) for part in item]]).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def write_json(path: Path, value: Any) -> None:
    """Pretty, sorted JSON with a final newline; the same bytes for the same value."""
    path.write_text(json.dumps(value, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_stamp(output: Path, extra: Mapping[str, Any] | None = None) -> None:
    """Write `<output stem>.provenance.json`: version, git hash, command, host, time, use. No rule reads it."""
    write_json(
        output.with_name(output.stem + ".provenance.json"),
        {
            "evfi": package_version(),
            "git": git_hash(),
            "command": sys.argv,
            "host": platform.node(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "use": used(),
            **(extra or {}),
        },
    )


def used() -> dict[str, float]:
    """What this process has used so far: CPU-seconds (those of ended children too) and its peak memory in MB."""
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_seconds": cpu_seconds(), "peak_memory_mb": round(kib * 1.024 / 1000, 1)}


def cpu_seconds() -> float:
    """CPU-seconds of this process and of its children that have ended."""
    times = os.times()
    return round(times.user + times.system + times.children_user + times.children_system, 2)


def package_version() -> str:
    """The installed version of evfi, or "unknown" when it runs from a bare folder."""
    try:
        return version("evfi")
    except PackageNotFoundError:
        return "unknown"


def git_hash() -> str | None:
    """The commit this source lies in; None in a wheel or where git is absent."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
