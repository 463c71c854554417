"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


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
