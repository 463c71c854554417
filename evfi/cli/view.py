"""`evfi view`: look at a recording in a browser."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

_FIRST_PORT = 8642


def run(
    path: Annotated[Path, typer.Argument(help="A recording, or a folder of recordings.")],
    port: Annotated[
        int, typer.Option(min=1024, max=65535, help="Port to listen on; the next free one if it is taken.")
    ] = _FIRST_PORT,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in this machine's browser.")] = False,
) -> None:
    """Serve a local page with a recording's frames, events and time line, until Ctrl-C.

    It listens on 127.0.0.1 only, answers GET only, and needs the random token in the address that it prints.

    Example: `evfi view my.aedat4`
    """
    import webbrowser

    from evfi.viewing.folder import shown_at
    from evfi.viewing.server import Viewer, serving

    with serving(Viewer(shown_at(path)), port) as server:
        print(f"Look at {server.url} (Ctrl-C ends it)", flush=True)
        if open_browser:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
