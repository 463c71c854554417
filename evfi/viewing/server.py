"""A local page for recordings: on 127.0.0.1 alone, read-only, behind a random token.

Only GET is answered. The Host header must name this machine and port (a web page of a foreign name that resolves to
127.0.0.1 is refused), the path must begin with the token, and recordings lie inside the folder (`folder.Shown`).
"""

import json
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from evfi.errors import EvfiError, UserError
from evfi.io.opening import open_path
from evfi.viewing.folder import Shown
from evfi.viewing.page import page_of
from evfi.viewing.scene import Scene

log = logging.getLogger(__name__)
ADDRESS = "127.0.0.1"
_PORTS_TRIED = 50
_KEPT_OPEN = 4
_SECONDS_A_REQUEST = 30
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets."""

    status: HTTPStatus
    kind: str
    body: bytes
    policy: str = "default-src 'none'"


class Viewer:
    """Answers questions about recordings; a few stay open. Safe to ask from several threads."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self._scenes: OrderedDict[str, Scene] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        """The answer to a path after the token.

        Raises:
            EvfiError: a value is missing or wrong, or the recording cannot be read.
        """
        if path == "":
            page = page_of()
            return Answer(HTTPStatus.OK, "text/html; charset=utf-8", page.text.encode(), page.policy)
        if path == "list":
            return _json({"recordings": list(self.shown.names)})
        if path == "facts":
            with self._lock:
                return _json(self._scene(query).facts())
        if path == "picture":
            at_us, window_us = (_whole(query, name) for name in ("at_us", "window_us"))
            with self._lock:
                drawn = self._scene(query).picture(at_us, window_us, query.get("show", "both"))  # pyright: ignore
            return Answer(HTTPStatus.OK, "image/png", drawn)
        return _plain(HTTPStatus.NOT_FOUND, "there is no such page")

    def _scene(self, query: dict[str, str]) -> Scene:
        name = query.get("name", "")
        path = self.shown.path_of(name)
        if name not in self._scenes:
            self._scenes[name] = Scene.of(open_path(path))
            if len(self._scenes) > _KEPT_OPEN:
                self._scenes.popitem(last=False)
        self._scenes.move_to_end(name)
        return self._scenes[name]


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1, on the first port from `port` on that is free; `url` holds the token."""

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, viewer: Viewer, port: int) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.viewer = viewer
        self.token = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_address[1]}/{self.token}/"


def serving(viewer: Viewer, port: int) -> Server:
    """A server on the first free port from `port` on.

    Raises:
        UserError: none of 50 ports is free.
    """
    last = min(port + _PORTS_TRIED, 1 << 16)
    for candidate in range(port, last):
        try:
            return Server(viewer, candidate)
        except OSError as error:
            log.debug("port %d: %s", candidate, error.strerror)
    raise UserError(f"no port from {port} to {last - 1} is free on {ADDRESS}: give another --port")


class _Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    server_version, sys_version = "evfi", ""
    timeout: ClassVar[int] = _SECONDS_A_REQUEST

    def do_GET(self) -> None:
        self._send(self._answer())

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Every other method, known or made up, is refused alike."""
        if name.startswith("do_"):
            return lambda: self._send(_plain(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is answered"))
        raise AttributeError(name)

    def _answer(self) -> Answer:
        if not self._is_for_this_machine():
            return _plain(HTTPStatus.FORBIDDEN, "this address is not served")
        parts = urlsplit(self.path)
        token, _, rest = parts.path.removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            return _plain(HTTPStatus.FORBIDDEN, "the address lacks the token that `evfi view` printed")
        try:
            query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            return self.server.viewer.answer(unquote(rest), query)
        except EvfiError as error:
            return _plain(HTTPStatus.BAD_REQUEST, " ".join(str(error).split()))
        except Exception:
            log.exception("a request could not be answered")
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a bug in evfi: see its terminal")

    def _is_for_this_machine(self) -> bool:
        hosts = self.headers.get_all("Host") or []
        port = self.server.server_address[1]
        return len(hosts) == 1 and hosts[0] in (f"{ADDRESS}:{port}", f"localhost:{port}")

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = {
            **_HEADERS,
            "Content-Type": answer.kind,
            "Content-Length": str(len(answer.body)),
            "Content-Security-Policy": answer.policy,
        }
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: the terminal is for the address, and lines would show the token."""


def _whole(query: dict[str, str], name: str) -> int:
    try:
        return int(query[name])
    except (KeyError, ValueError) as error:
        raise UserError(f"{name} must be a whole number of µs") from error


def _json(value: dict[str, Any]) -> Answer:
    return Answer(HTTPStatus.OK, "application/json", json.dumps(value).encode())


def _plain(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"evfi: {text}\n".encode())
