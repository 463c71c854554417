"""The viewer in a real browser (see tests/reports/test_browser.py)."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evfi.io.recording import RecordingWriter
from evfi.types import Events, Frames, SensorSize
from evfi.viewing.folder import shown_at
from evfi.viewing.server import Server, Viewer, serving
from tests.accessibility import complaints_of_axe

pytestmark = pytest.mark.browser
SIZE = SensorSize(height=90, width=120)
NAMES = ["<img src=x onerror=alert(1)>.zarr", "plain.zarr"]


def write_recording(path: Path) -> None:
    """Half a second of a bright square that moves right, with events at its edges."""
    rng = np.random.default_rng(1)
    t_us = np.sort(rng.integers(0, 500_000, 20_000))
    t_us[0], t_us[-1] = 0, 499_999
    x = (10 + t_us // 10_000 + 30 * (rng.random(len(t_us)) < 0.5)).astype(np.uint16)
    y = rng.integers(30, 60, len(t_us)).astype(np.uint16)
    writer = RecordingWriter(path, SIZE)
    writer.add(Events(x, y, t_us, rng.random(len(t_us)) < 0.5, SIZE))
    times = np.arange(0, 500_000, 25_000)
    images = np.full((len(times), 90, 120), 60, np.uint8)
    for number, time_us in enumerate(times):
        left = 10 + int(time_us) // 10_000
        images[number, 30:60, left : left + 30] = 220
    writer.add(Frames(images, times, times, times))
    writer.finish()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("recordings")
    for name in NAMES:
        write_recording(folder / name)
    with serving(Viewer(shown_at(folder)), 18_642) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def page(browser, server: Server) -> Iterator[object]:
    """The viewer with its first picture; at the end nothing was complained about and only the server was asked."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    opened = context.new_page()
    requests, complaints = [], []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    opened.goto(server.url)
    settled(opened)
    yield opened
    context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith((server.url, "data:"))] == []


def settled(page) -> str:
    """The address of the picture, once one is there."""
    for _ in range(100):
        page.wait_for_timeout(50)
        image = page.locator("#picture")
        if image.evaluate("image => image.complete && image.naturalWidth > 0"):
            return image.get_attribute("src")
    raise AssertionError("no picture came")


def test_the_time_line_moves_the_picture(page, screenshots: Path) -> None:
    first = settled(page)
    page.locator("#time").fill("600")
    second = settled(page)
    assert first != second
    assert "at_us=300000" in second
    assert page.locator("#now").inner_text() == "0.300 of 0.500 s"
    page.screenshot(path=screenshots / "view.png")


def test_playing_moves_on_and_pausing_stays(page) -> None:
    page.locator("#play").click()
    page.wait_for_timeout(700)
    page.locator("#play").click()
    moved = page.locator("#now").inner_text()
    assert not moved.startswith("0.000")
    page.wait_for_timeout(300)
    assert page.locator("#now").inner_text() == moved


def test_arrow_keys_step_from_frame_to_frame(page) -> None:
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#now").inner_text().startswith("0.025 ")


def test_axe_finds_nothing_that_shuts_people_out(page, axe: str) -> None:
    assert complaints_of_axe(page, axe) == []


def test_names_from_files_stay_text_and_another_recording_can_be_chosen(page) -> None:
    options = page.locator("#names option").all_inner_texts()
    assert options == NAMES
    assert page.locator("img").count() == 1
    page.locator("#names").select_option("plain.zarr")
    for _ in range(100):
        page.wait_for_timeout(50)
        if page.title() == "plain.zarr, evfi view":
            break
    assert page.title() == "plain.zarr, evfi view"
    assert "name=plain.zarr" in settled(page)


def test_frames_alone_and_events_alone_are_other_pictures(page) -> None:
    seen = {settled(page)}
    for kind in ("frames", "events"):
        page.locator("#show").select_option(kind)
        page.wait_for_timeout(200)
        seen.add(settled(page))
    assert len(seen) == 3
