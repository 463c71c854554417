"""Options of the demo data set."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from evfi.demo.options import DemoOptions


def test_the_default_demo_is_as_large_as_promised():
    options = DemoOptions()
    assert options.train_clips >= 48
    assert options.test_clips >= 24
    assert (options.train_recordings, options.test_recordings) == (2, 1)
    assert options.recording_seconds >= 6
    assert (options.exposure_min_us, options.exposure_max_us) == (1_000, 10_000)


def test_the_smoke_demo_has_every_kind_of_file():
    options = DemoOptions.smoke()
    assert options.train_clips >= 1
    assert options.test_clips >= 1
    assert options.train_recordings >= 1
    assert options.test_recordings >= 1


def test_exposures_in_the_wrong_order_are_refused():
    with pytest.raises(ValidationError, match="exposure_min_us 9000 exceeds exposure_max_us 8000"):
        DemoOptions(exposure_min_us=9_000, exposure_max_us=8_000)


def test_an_exposure_longer_than_half_a_frame_period_is_refused():
    with pytest.raises(ValidationError, match="half a frame period"):
        DemoOptions(fps=60, exposure_max_us=10_000)


def test_an_unknown_option_is_refused():
    with pytest.raises(ValidationError, match="clip_widht"):
        DemoOptions.model_validate({"clip_widht": 128})


def test_reading_the_options_imports_nothing_heavy():
    code = (
        "import sys, evfi.demo.options; heavy = {'torch', 'numpy', 'numba', 'pandas', 'zarr', 'cv2', 'skimage'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
