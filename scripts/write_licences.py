"""Writes docs/licences.md: under which licence each package stands that `pip install evfi` brings.

Licences are what the packages themselves say, in their metadata or the first lines of their licence file. Run it in an
environment that constraints.txt made.

Example: python scripts/write_licences.py
"""

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

PAGE = Path(__file__).resolve().parents[1] / "docs" / "licences.md"
HEAD = """# Licences

evfi is Apache-2.0, and so are its weights. What `pip install evfi` brings along, as packages say of themselves. Bold:
what evfi asks for by name; the rest comes with those. Written by `python scripts/write_licences.py`; a test keeps the
bold ones in step.

Wheels also contain libraries of others, under licences of their own. To know before you pass on an environment: that
of `av` holds FFmpeg with x264 and x265 (GPL-2.0-or-later), that of `opencv-python-headless` FFmpeg (LGPL-2.1), that of
`hdf5plugin` the HDF5 filters that its licence file lists.

| package | licence |
|---|---|
"""
# Said in other words by metadata; what their licence file's text is.
_SPDX = {
    "MIT License": "MIT",
    "Apache License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "ISC License": "ISC",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0 style (matplotlib's own)",
    "GNU General Public License (GPL)": "GPL",
}


def page() -> str:
    """The whole page."""
    own = {_key(Requirement(line).name) for line in distribution("evfi").requires or [] if "extra ==" not in line}
    found: dict[str, Distribution] = {}
    for name in sorted(own):
        _walk(name, frozenset(), found)
    lines = [
        f"| {'**' * (key in own)}{one.metadata['Name']}{'**' * (key in own)} | {licence(one)} |"
        for key, one in sorted(found.items())
    ]
    return HEAD + "\n".join(lines) + "\n"


def licence(one: Distribution) -> str:
    """What a package says its licence is: an SPDX expression where it gives one."""
    about: Any = one.metadata
    if about.get("License-Expression"):
        return about["License-Expression"]
    said = (about.get("License") or "").strip().split("\n")[0]
    if said in _SPDX or re.fullmatch(r"[\w.+-]+( (AND|OR) [\w.+-]+)*", said):
        return _SPDX.get(said, said)
    classes: list[str] = [
        line.split(" :: ")[-1] for line in about.get_all("Classifier", []) if line.startswith("License")
    ]
    if classes:
        return ", ".join(_SPDX.get(each, each) for each in classes)
    return _of_file(one)


def _of_file(one: Distribution) -> str:
    files = [file for file in one.files or [] if re.match("licen[sc]e", file.name.lower())]
    text = "".join(Path(str(file.locate())).read_text(encoding="utf-8") for file in files)
    for words, name in (("MIT license", "MIT"), ("Apache License", "Apache-2.0"), ("BSD", "BSD-3-Clause")):
        if words.lower() in text[:500].lower():
            return name
    sys.exit(f"{one.name} says nowhere what its licence is: look it up")


def _walk(name: str, extras: frozenset[str], found: dict[str, Distribution]) -> None:
    try:
        one = distribution(name)
    except PackageNotFoundError:
        return  # of another platform, or of another build of torch
    if _key(name) in found:
        return
    found[_key(name)] = one
    for line in one.requires or []:
        needed = Requirement(line)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            _walk(needed.name, frozenset(needed.extras), found)


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
