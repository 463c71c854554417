"""The viewer's page: one document with its own style and script; everything else it asks of its server."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class ViewerPage:
    """The document, and the content security policy that it is sent with."""

    text: str
    policy: str


@cache
def page_of() -> ViewerPage:
    """The page; it holds no name of any file: its script asks for them and writes them as text."""
    folder = files("evfi.viewing") / "templates"
    style, script, page = (
        (folder / name).read_text(encoding="utf-8") for name in ("view.css", "view.js", "view.html.j2")
    )
    digests = {
        name: "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
        for name, text in (("style", style), ("script", script))
    }
    policy = (
        "default-src 'none'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors 'none'; style-src '{digests['style']}'; script-src '{digests['script']}'"
    )
    return ViewerPage(page.replace("{{ style }}", style).replace("{{ script }}", script), policy)
