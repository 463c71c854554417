"""Numbers as a person reads them: a true minus sign, intervals, durations, memory."""

import math

from evfi.units import BYTES_PER_MB

NOTHING = "–"
_MINUS = "\N{MINUS SIGN}"
_MB_PER_GB = 1024
_MINUTE, _HOUR = 60, 3600


def number(value: float, decimals: int) -> str:
    """A figure without its unit; a dash for NaN; never a negative zero."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", _MINUS)


def signed(value: float, decimals: int) -> str:
    """A difference, with its sign."""
    text = number(value, decimals)
    return f"+{text}" if text[0].isdigit() and float(text) > 0 else text


def interval(low: float, high: float, decimals: int) -> str:
    """Both ends of an interval, in brackets; empty where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{number(low, decimals)}, {number(high, decimals)}]"


def with_unit(text: str, unit: str) -> str:
    """A number and its unit, kept on one line."""
    return f"{text}\N{NO-BREAK SPACE}{unit}" if unit else text


def count(value: int, singular: str) -> str:
    """A number of things: "1 frame", "2,400 frames"."""
    return f"{value:,} {singular if value == 1 else singular + 's'}"


def duration(seconds: float | None) -> str:
    """A duration in its two largest units: "0.8 s", "42 s", "3 min 05 s", "2 h 04 min"; a dash for None."""
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


def memory(megabytes: float | None) -> str:
    """Memory in MB, or GB from 1 GB on; a dash where it was not measured."""
    if megabytes is None:
        return NOTHING
    return f"{megabytes / _MB_PER_GB:.2f} GB" if megabytes >= _MB_PER_GB else f"{megabytes:.0f} MB"


def disk(size: int | None) -> str:
    """Disk in kB, MB or GB, thousands of bytes as disks are sold; a dash where it is unknown."""
    if size is None:
        return NOTHING
    megabytes = size / BYTES_PER_MB
    if megabytes >= 1000:
        return f"{megabytes / 1000:.2f} GB"
    return f"{megabytes:.1f} MB" if megabytes >= 1 else f"{1000 * megabytes:.0f} kB"
