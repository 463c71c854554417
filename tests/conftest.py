"""Fixtures shared by all tests."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
# What a shell starts in the background ignores SIGINT, and so do its children; tests that send one mean a terminal's.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings (EVFI_REAL_DATA, default ../shared/data); absent: skipped with the reason."""
    folder = Path(os.environ.get("EVFI_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs real recordings: no folder {folder} (set EVFI_REAL_DATA)")
    return folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """Numerical oracles; tests/golden/SOURCES.md says where each comes from."""
    return REPOSITORY / "tests" / "golden"


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium without a window, driven by Playwright; skipped with the reason where one of the two is absent."""
    reason = "needs the extra `browser`: pip install -e '.[browser]'"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    program = os.environ.get("EVFI_CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium, or set EVFI_CHROMIUM to one")
    with playwright.sync_playwright() as running:
        # as root (in CI's container) Chromium starts only without its sandbox
        started = running.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which finds what a page withholds from people who do not see it or use no mouse.

    It is no part of this repository: `make browser` fetches it where npm reaches a registry.
    """
    path = os.environ.get("EVFI_AXE", "")
    if not Path(path).is_file():
        pytest.skip("needs axe-core: npm pack axe-core, unpack it, and set EVFI_AXE to its axe.min.js")
    return Path(path).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of pages are kept for people: results/screenshots."""
    folder = REPOSITORY / "results" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
