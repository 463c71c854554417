"""Unit factors: the only place where a million is spelled."""

US_PER_S = 1_000_000
US_PER_MS = 1_000
MS_PER_S = 1_000
NS_PER_US = 1_000
BYTES_PER_MB = 1_000_000


def seconds_to_us(seconds: float) -> int:
    """Nearest whole microsecond of a time in seconds."""
    return round(seconds * US_PER_S)


def us_to_seconds(t_us: int) -> float:
    """A time in microseconds as seconds, for printing only (never for arithmetic on times)."""
    return t_us / US_PER_S
