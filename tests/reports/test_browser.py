"""The report in a real browser: everything that a person can move on it does something, and nothing leaves the page.

Needs the extra `browser` and Debian's chromium (or EVFI_CHROMIUM); `make browser` installs both and runs these tests.
Screenshots are kept under results/screenshots.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evfi.reports.page import write_report
from tests.accessibility import complaints_of_axe

pytestmark = pytest.mark.browser
REPOSITORY = Path(__file__).resolve().parents[2]
FINISHED = REPOSITORY / "results" / "report.html"
WIDTHS = {"desk": 1200, "phone": 390}


@dataclass
class Watched:
    """A page of a browser, with all that it asked of the network and all that it complained about."""

    page: object
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def made_report(make_run, make_training, make_benchmarks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("browser")
    write_report(
        root / "out",
        evaluations=make_run(root).write().evaluations,
        trainings=[make_training(root / "timelens" / "synthesis")],
        benchmarks=make_benchmarks(root / "benchmarks"),
        outputs={"ingest": [root / "evaluation"]},
    )
    return root / "out" / "report.html"


def reports() -> list[str]:
    """The made-up report, and that of the finished demo where this checkout has one."""
    return ["made up", *(["demo"] if FINISHED.is_file() else [])]


@pytest.fixture(params=reports())
def report(request: pytest.FixtureRequest, made_report: Path) -> Path:
    return made_report if request.param == "made up" else FINISHED


@pytest.fixture
def opened(browser, report: Path) -> Iterator[Watched]:
    """The report, opened from disk; at its end nothing was complained about and nothing left the page."""
    context = browser.new_context(viewport={"width": WIDTHS["desk"], "height": 1000})
    watched = Watched(context.new_page())
    watched.page.on("request", lambda request: watched.requests.append(request.url))
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on("console", lambda message: watched.complaints.append(f"{message.type}: {message.text}"))
    watched.page.goto(report.as_uri())
    yield watched
    context.close()
    assert watched.complaints == []
    assert [url for url in watched.requests if not url.startswith("data:")] == [report.as_uri()]


def gallery(watched: Watched):
    return watched.page.locator(".gallery:not([hidden])")


def kept(watched: Watched, request: pytest.FixtureRequest, name: str) -> None:
    """A screenshot under results/screenshots, where people look for it."""
    folder = request.getfixturevalue("screenshots")
    which = "demo" if "[demo" in request.node.name or "demo]" in request.node.name else "made-up"
    watched.page.screenshot(path=folder / f"{which}-{name}.png")


def test_the_slider_follows_the_mouse_and_the_keyboard(opened: Watched, request: pytest.FixtureRequest) -> None:
    box = gallery(opened).locator(".compare")
    box.scroll_into_view_if_needed()
    frame = box.bounding_box()
    where = "element => getComputedStyle(element).getPropertyValue('--cut')"
    middle = frame["y"] + frame["height"] / 2
    opened.page.mouse.move(frame["x"] + frame["width"] / 2, middle)
    opened.page.mouse.down()
    opened.page.mouse.move(frame["x"] + frame["width"] / 4, middle, steps=4)
    opened.page.mouse.up()
    assert abs(float(box.evaluate(where).rstrip("%")) - 25) <= 1
    handle = gallery(opened).locator(".handle").bounding_box()
    assert abs(handle["x"] - frame["x"] - frame["width"] / 4) < 0.02 * frame["width"]
    gallery(opened).locator(".cut").focus()
    for _ in range(5):
        opened.page.keyboard.press("ArrowRight")
    assert abs(float(box.evaluate(where).rstrip("%")) - 30) <= 1
    kept(opened, request, "slider")


def test_a_table_sorts_both_ways_by_a_click_on_a_heading(opened: Watched, request: pytest.FixtureRequest) -> None:
    table = opened.page.locator("#setting-0 table.sortable").first
    heading = table.locator("thead th").nth(1)

    def values() -> list[float]:
        cells = table.locator("tbody tr > td:nth-of-type(1)").evaluate_all("cells => cells.map(c => c.dataset.sort)")
        return [float(cell) for cell in cells if cell]

    before = values()
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert values() == sorted(before, reverse=True)
    kept(opened, request, "sorted")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert values() == sorted(before)
    assert before not in (sorted(before), sorted(before, reverse=True)), "the order of the page itself is another"


def test_the_keyboard_alone_reaches_the_results_sorts_and_opens_pictures(opened: Watched) -> None:
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.getAttribute('href')") == "#content"
    heading = opened.page.locator("#setting-0 table.sortable").first.locator("thead th").nth(1)
    heading.locator("button").focus()
    opened.page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    thumb = opened.page.locator(".thumbs button").nth(1)
    thumb.focus()
    opened.page.keyboard.press("Space")
    assert thumb.get_attribute("aria-pressed") == "true"
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.matches('button, input, select, summary, a')")


def test_axe_finds_nothing_that_shuts_people_out(opened: Watched, report: Path, axe: str) -> None:
    assert complaints_of_axe(opened.page, axe, unfold=report != FINISHED) == []


def test_scrubbing_through_tau_changes_picture_words_and_events(
    opened: Watched, request: pytest.FixtureRequest
) -> None:
    tau = gallery(opened).locator("input.tau")
    shown = gallery(opened).locator(".compare img.over")
    events = gallery(opened).locator(".compare img.events")
    gallery(opened).locator(".show-events").check()
    seen = []
    for place in range(int(tau.get_attribute("max")) + 1):
        tau.fill(str(place))
        seen.append(
            (shown.get_attribute("src"), events.get_attribute("src"), gallery(opened).locator(".tau-said").inner_text())
        )
        assert events.is_visible()
        assert gallery(opened).locator("[data-said]:not([hidden])").count() == 1
    assert len(seen) >= 3
    for parts in zip(*seen, strict=True):
        assert len(set(parts)) == len(seen)
    kept(opened, request, "events")
    gallery(opened).locator(".show-events").uncheck()
    assert not events.is_visible()


def test_playing_moves_tau_until_it_is_paused(opened: Watched) -> None:
    tau, play = gallery(opened).locator("input.tau"), gallery(opened).locator(".play")
    first = tau.input_value()
    play.click()
    for _ in range(50):  # up to 5 s; the page's policy forbids Playwright's own waiting for an expression
        opened.page.wait_for_timeout(100)
        if tau.input_value() != first:
            break
    assert tau.input_value() != first
    play.click()
    rest = tau.input_value()
    opened.page.wait_for_timeout(800)
    assert tau.input_value() == rest


def test_error_maps_and_another_method_take_the_place_of_the_pictures(
    opened: Watched, request: pytest.FixtureRequest
) -> None:
    shown = gallery(opened).locator(".compare img.over")
    picture = shown.get_attribute("src")
    gallery(opened).locator(".show-errors").check()
    error = shown.get_attribute("src")
    gallery(opened).locator("select.right").select_option(index=1)
    other = shown.get_attribute("src")
    assert len({picture, error, other}) == 3
    kept(opened, request, "errors")


def test_a_thumbnail_opens_its_own_pictures(opened: Watched) -> None:
    thumbs = opened.page.locator(".thumbs button")
    wanted = thumbs.nth(1).get_attribute("data-gallery")
    thumbs.nth(1).click()
    assert gallery(opened).evaluate_all("all => all.map(one => one.id)") == [wanted]


def test_a_method_s_name_unfolds_the_command_that_made_its_row(opened: Watched, request: pytest.FixtureRequest) -> None:
    link = opened.page.locator("#setting-0 table tbody th a").first
    command = opened.page.locator(f"details{link.get_attribute('href')} code")
    assert not command.is_visible()
    link.click()
    command.wait_for(state="visible", timeout=3000)
    assert command.inner_text().strip()
    kept(opened, request, "command")


def test_a_sequence_unfolds(opened: Watched, request: pytest.FixtureRequest) -> None:
    drill = opened.page.locator("#setting-0 .drill")
    drill.locator("> summary").click()
    drill.locator("> details > summary").first.click()
    assert drill.locator("> details table").first.is_visible()
    kept(opened, request, "sequence")


@pytest.mark.parametrize("name", WIDTHS)
def test_the_page_fits_its_window(opened: Watched, request: pytest.FixtureRequest, name: str) -> None:
    opened.page.set_viewport_size({"width": WIDTHS[name], "height": 900})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[name]
    kept(opened, request, f"top-{name}")


def test_the_report_stays_below_25_megabytes(report: Path) -> None:
    assert report.stat().st_size < 25_000_000
