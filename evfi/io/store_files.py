"""Digests of a store's files as they lie on the disk. They find what decoded values hide: any flipped byte."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from evfi.provenance import digest_file

REST = "zarr.json of groups"
"""Name of what belongs to no array: the metadata of groups, with the attributes of the store."""


def digests_of_files(store: Path, arrays: Iterable[str]) -> dict[str, str]:
    """SHA-256 over names and contents of the files of each array, and of `REST`.

    Hidden files do not count: Snakemake leaves a time stamp in a folder that a rule wrote.

    Args:
        store: its folder.
        arrays: names such as "events/x"; one that has no files has the digest of nothing.
    """
    names = set(arrays)
    totals = {name: hashlib.sha256() for name in (*names, REST)}
    for path in sorted(path for path in store.rglob("*") if path.is_file() and not path.name.startswith(".")):
        relative = path.relative_to(store)
        owner = next((str(parent) for parent in relative.parents if str(parent) in names), REST)
        totals[owner].update(f"{relative.as_posix()} {digest_file(path)}\n".encode())
    return {name: total.hexdigest() for name, total in totals.items()}
