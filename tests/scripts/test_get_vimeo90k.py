"""scripts/get_vimeo90k.py against a server on this machine that breaks off, forgets, and lies."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts.loading import script_named

REPOSITORY = Path(__file__).resolve().parents[2]
CLIPS = {"sep_trainlist.txt": ["00001/0001", "00001/0002"], "sep_testlist.txt": ["00002/0001"]}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_named("get_vimeo90k")


def zipped(without: str = "", extra: str = "") -> bytes:
    """A small Vimeo90k: its top folder, its lists, frames of made-up bytes, a file that nobody needs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("vimeo_septuplet/readme.txt", "hello")
        for name, clips in CLIPS.items():
            archive.writestr(f"vimeo_septuplet/{name}", "".join(f"{clip}\n" for clip in clips))
            for member in (f"sequences/{clip}/im{number}.png" for clip in clips for number in range(1, 8)):
                if member != without:
                    data = hashlib.sha256(member.encode()).digest() * 200
                    archive.writestr(f"vimeo_septuplet/{member}", data)
        if extra:
            archive.writestr(extra, "x")
    return buffer.getvalue()


@dataclass
class Server:
    """What is served, after how many bytes each answer breaks off (None: never), and what was asked."""

    data: bytes
    cuts: list[int | None] = field(default_factory=list)
    tag: str = '"one"'
    status: int = 200
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        if self.status != 200:
            request.send_error(self.status)
            return
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if asked and request.headers.get("If-Range") != self.tag:
            begin = 0
        request.send_response(206 if begin else 200)
        request.send_header("Content-Length", str(len(self.data) - begin))
        request.send_header("ETag", self.tag)
        request.end_headers()
        cut = self.cuts.pop(0) if self.cuts else None
        request.wfile.write(self.data[begin:] if cut is None else self.data[begin : begin + cut])


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server(zipped())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        served.url = f"http://127.0.0.1:{listening.server_port}/vimeo_septuplet.zip"
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield served
        listening.shutdown()


def run(script: ModuleType, out: Path, *more: str, url: str = "") -> int:
    counts = ["--train-clips", "2", "--test-clips", "1"]
    return script.main([str(out), *counts, "--wait", "0", "--tries", "3", *(["--url", url] if url else []), *more])


def test_a_download_that_breaks_off_again_and_again_ends_with_the_same_bytes(
    script: ModuleType, server: Server, tmp_path: Path
) -> None:
    server.cuts = [10_000, 1, 50_000]
    assert run(script, tmp_path, url=server.url) == 0
    assert (tmp_path / "vimeo_septuplet.zip").read_bytes() == server.data
    assert server.ranges == [None, "bytes=10000-", "bytes=10001-", "bytes=60001-"]
    assert (tmp_path / "sequences/00001/0002/im7.png").stat().st_size == 6400
    assert not (tmp_path / "readme.txt").exists()
    assert list(tmp_path.rglob("*.partial")) + list(tmp_path.rglob("*.tag")) == []


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(script: ModuleType, server: Server, tmp_path: Path) -> None:
    server.cuts = [10_000, 0, 0, 0]
    assert run(script, tmp_path, url=server.url) == 2
    assert (tmp_path / "vimeo_septuplet.zip.partial").stat().st_size == 10_000
    server.ranges.clear()
    assert run(script, tmp_path, url=server.url) == 0
    assert server.ranges == ["bytes=10000-"]
    assert (tmp_path / "vimeo_septuplet.zip").read_bytes() == server.data


def test_a_file_that_changed_on_the_server_is_fetched_from_its_start(
    script: ModuleType, server: Server, tmp_path: Path
) -> None:
    server.cuts = [10_000, 0, 0, 0]
    run(script, tmp_path, url=server.url)
    server.data, server.tag = zipped(extra="vimeo_septuplet/more.txt"), '"two"'
    assert run(script, tmp_path, url=server.url) == 0
    assert (tmp_path / "vimeo_septuplet.zip").read_bytes() == server.data


def test_a_finished_download_is_not_fetched_again_and_whole_frames_are_not_unpacked_again(
    script: ModuleType, server: Server, tmp_path: Path
) -> None:
    assert run(script, tmp_path, url=server.url) == 0
    kept, cut = (tmp_path / f"sequences/00001/0001/im{number}.png" for number in (1, 2))
    kept.touch()
    before = kept.stat().st_mtime_ns
    cut.write_bytes(b"half")
    assert run(script, tmp_path, url=server.url) == 0
    assert len(server.ranges) == 1
    assert kept.stat().st_mtime_ns == before
    assert cut.stat().st_size == 6400


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"status": 404}, 2, "the server says 404"),
        ({"status": 503}, 2, "3 times in a row"),
        ({"data": b"<html>no zip</html>"}, 2, "is damaged"),
        ({"data": zipped(without="sequences/00002/0001/im4.png")}, 1, "1 frames of sep_testlist.txt are missing"),
        ({"data": zipped(extra="../../escaped.txt")}, 2, "leads out of its folder"),
    ],
)
def test_what_is_wrong_is_one_line(
    script: ModuleType,
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object],
    code: int,
    says: str,
) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    out = tmp_path / "in/out"
    assert run(script, out, url=server.url) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("get_vimeo90k: error: ")
    assert says in line
    assert not (tmp_path / "escaped.txt").exists()


def test_a_damaged_frame_in_the_zip_is_found_and_not_kept(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(zipped())
    data[data.index(hashlib.sha256(b"sequences/00001/0001/im3.png").digest()) + 40] ^= 1
    archive = tmp_path / "there.zip"
    archive.write_bytes(data)
    assert run(script, tmp_path / "out", "--zip", str(archive)) == 2
    assert "there.zip is damaged" in capsys.readouterr().err
    assert not (tmp_path / "out/sequences/00001/0001/im3.png").exists()


def test_lists_of_another_length_are_refused(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "there.zip"
    archive.write_bytes(zipped())
    assert run(script, tmp_path / "out", "--zip", str(archive), "--train-clips", "64612") == 1
    assert "lists 2 clips, expected 64,612" in capsys.readouterr().err


def test_the_full_size_stands_in_the_configuration_alone(script: ModuleType) -> None:
    assert script.full_size() == {"train": 64_612, "test": 7_824}
