"""The viewer against hostile input: only this machine, only GET, only with the token, only what it was started on."""

import http.client
import io
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from PIL import Image

from evfi.errors import MissingInputError, UserError
from evfi.io.recording import RecordingWriter
from evfi.representation.drawing import OFF_COLOUR, ON_COLOUR
from evfi.types import Events, Frames, SensorSize
from evfi.viewing.folder import shown_at
from evfi.viewing.server import ADDRESS, Server, Viewer, serving

SIZE = SensorSize(height=20, width=30)
START_US, FRAME_US = 1_700_000_000_000_000, 10_000
SCRIPT = "<script>alert(1)</script>"


def write_recording(path: Path, level: int = 100) -> Path:
    """40 ms: five frames of one gray level, an ON event at (x 3, y 2), 20 ms later an OFF one at (x 9, y 8)."""
    writer = RecordingWriter(path, SIZE)
    t_us = np.array([START_US + 1, START_US + 20_001], np.int64)
    x, y = np.array([3, 9], np.uint16), np.array([2, 8], np.uint16)
    writer.add(Events(x, y, t_us, np.array([True, False]), SIZE))
    times = START_US + FRAME_US * np.arange(5, dtype=np.int64)
    writer.add(Frames(np.full((5, 20, 30), level, np.uint8), times, times, times))
    writer.finish()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings in a folder, one of them with a script for a name; secrets beside it, and links that lead to them."""
    inside = tmp_path / "shown"
    (inside / "day").mkdir(parents=True)
    write_recording(inside / "day" / "a.zarr")
    write_recording(inside / f"{SCRIPT.replace('/', '_')}.zarr")
    write_recording(tmp_path / "secret.zarr", level=7)
    (inside / "notes.txt").write_text("no recording")
    (inside / "link.zarr").symlink_to(tmp_path / "secret.zarr")
    (inside / "up").symlink_to(tmp_path)
    return inside


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with serving(Viewer(shown_at(folder)), free_port()) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        return taken.getsockname()[1]


def asked(
    server: Server, path: str, *, method: str = "GET", host: str | None = None, token: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a request; `host` and `token` are the right ones unless told."""
    port = server.server_address[1]
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=20)
    given = server.token if token is None else token
    connection.putrequest(method, f"/{given}/{path}" if given else f"/{path}", skip_host=True)
    if host != "":
        connection.putheader("Host", host or f"{ADDRESS}:{port}")
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), body


def picture(server: Server, name: str, at_us: int = 0, **more: str) -> tuple[int, bytes]:
    values = {"name": name, "at_us": at_us, "window_us": 10_000, **more}
    status, _, body = asked(server, f"picture?{urlencode(values)}")
    return status, body


def test_the_page_and_its_data_are_served_with_the_token(server: Server) -> None:
    status, headers, body = asked(server, "")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<title>evfi view</title>" in body
    status, _, body = asked(server, "facts?name=day/a.zarr")
    facts = json.loads(body)
    assert status == 200
    assert (facts["width"], facts["height"], facts["events"]) == (30, 20, 2)
    assert facts["frames_us"] == [0, 10_000, 20_000, 30_000, 40_000]
    assert sum(facts["rate"]) * facts["bin_us"] / 1_000_000 == pytest.approx(2, abs=0.1)


def test_a_picture_shows_the_events_around_its_moment_and_no_others(server: Server) -> None:
    for at_us, here, colour, elsewhere in ((0, (2, 3), ON_COLOUR, (8, 9)), (20_000, (8, 9), OFF_COLOUR, (2, 3))):
        status, body = picture(server, "day/a.zarr", at_us)
        image = np.asarray(Image.open(io.BytesIO(body)).convert("RGB"))
        assert status == 200
        assert tuple(image[here]) == colour
        assert tuple(image[elsewhere]) == (55, 55, 55)
    plain = np.asarray(Image.open(io.BytesIO(picture(server, "day/a.zarr", show="frames")[1])).convert("RGB"))
    assert (plain == 100).all()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "[::1]:80", ""])
def test_a_foreign_host_header_is_refused(server: Server, host: str) -> None:
    status, _, body = asked(server, "list", host=host)
    assert status == 403
    assert b"recordings" not in body


def test_two_host_headers_are_refused(server: Server) -> None:
    port = server.server_address[1]
    with socket.create_connection((ADDRESS, port), timeout=20) as line:
        line.sendall(
            f"GET /{server.token}/list HTTP/1.1\r\nHost: {ADDRESS}:{port}\r\nHost: evil.example\r\n\r\n".encode()
        )
        assert b" 403 " in line.recv(1000).splitlines()[0]


@pytest.mark.parametrize("token", ["", "wrong", "é", "%00", "../"])
def test_a_wrong_token_is_refused(server: Server, token: str) -> None:
    status, _, body = asked(server, "list", token=quote(token) or None if token else "x")
    assert status == 403
    assert server.token.encode() not in body


def test_the_token_is_long_and_new_each_time(folder: Path) -> None:
    tokens = set()
    for _ in range(3):
        with serving(Viewer(shown_at(folder)), free_port()) as running:
            tokens.add(running.token)
            assert running.url == f"http://127.0.0.1:{running.server_address[1]}/{running.token}/"
    assert len(tokens) == 3
    assert min(map(len, tokens)) >= 32


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "MADEUP"])
def test_only_get_is_answered(server: Server, method: str) -> None:
    status, headers, body = asked(server, "list", method=method)
    assert (status, headers["Allow"]) == (405, "GET")
    assert b"recordings" not in body


@pytest.mark.parametrize(
    "name",
    [
        "../secret.zarr",
        "day/../../secret.zarr",
        "link.zarr",
        "up/secret.zarr",
        "/etc/passwd",
        "notes.txt",
        "",
        ".",
        "day",
        "day/a.zarr/../a.zarr",
        "a\0b",
        "x" * 5000,
        SCRIPT,
    ],
)
def test_a_name_outside_the_folder_or_of_no_recording_is_refused(server: Server, name: str) -> None:
    status, headers, body = asked(server, f"facts?{urlencode({'name': name})}")
    assert status == 400
    assert headers["Content-Type"].startswith("text/plain")
    assert body.startswith(b"evfi: no recording is named ")
    assert picture(server, name)[0] == 400


def test_links_that_lead_out_are_not_listed_and_a_name_with_a_script_is_data(server: Server) -> None:
    _, headers, body = asked(server, "list")
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(body)["recordings"] == [f"{SCRIPT.replace('/', '_')}.zarr", "day/a.zarr"]
    assert b"<script>alert" not in asked(server, "")[2]


def test_a_folder_that_becomes_a_link_to_the_outside_is_refused(server: Server, folder: Path) -> None:
    (folder / "day").rename(folder / "moved")
    write_recording(folder.parent / "a.zarr", level=7)
    (folder / "day").symlink_to(folder.parent)
    assert asked(server, "facts?name=day/a.zarr")[0] == 400


def test_one_recording_shows_itself_and_nothing_beside_it(folder: Path) -> None:
    shown = shown_at(folder / "day" / "a.zarr")
    assert shown.names == ("a.zarr",)
    write_recording(folder / "day" / "b.zarr")
    with pytest.raises(UserError, match="no recording is named"):
        shown.path_of("b.zarr")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "name=day/a.zarr",
        "name=day/a.zarr&at_us=x&window_us=1",
        "name=day/a.zarr&at_us=0&window_us=0",
        "name=day/a.zarr&at_us=0&window_us=99999999999",
        "name=day/a.zarr&at_us=0&window_us=1&show=<script>",
    ],
)
def test_a_picture_of_nothing_sensible_is_one_line(server: Server, query: str) -> None:
    status, _, body = asked(server, f"picture?{query}")
    assert status == 400
    assert body.startswith(b"evfi: ")
    assert body.count(b"\n") == 1


def test_nothing_else_is_served(server: Server) -> None:
    for path in ("favicon.ico", "day/a.zarr/zarr.json", "..%2f..%2fetc%2fpasswd", "view.js"):
        assert asked(server, path)[0] == 404


def test_a_page_may_load_only_from_its_server_and_is_never_kept(server: Server) -> None:
    headers = asked(server, "")[1]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_taken_port_gives_the_next_one(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving(Viewer(shown_at(folder)), port) as running:
            assert port < running.server_address[1] < port + 50


def test_it_listens_on_this_machine_alone(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_folder_without_recordings_and_a_path_to_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds none"):
        shown_at(tmp_path)
    with pytest.raises(MissingInputError, match="check the path"):
        shown_at(tmp_path / "absent")


def test_no_free_port_is_one_line(folder: Path) -> None:
    last = (1 << 16) - 1
    with socket.socket() as taken:
        taken.bind((ADDRESS, last))
        taken.listen()
        with pytest.raises(UserError, match="give another --port"):
            serving(Viewer(shown_at(folder)), last)
