"""Progress: a log line every ten seconds without a terminal, a bar on one, with the rate of what is made."""

import io
import logging
import sys

import pytest

from evfi import progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.made = 0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_without_a_terminal_a_line_every_ten_seconds_says_how_far_and_how_fast(clock, caplog):
    shown = progress.tracked(
        ["abcd"] * 8,
        total=32,
        label="simulating v.mp4",
        unit="frame",
        size=len,
        made=lambda: clock.made,
        made_unit="events",
    )
    with caplog.at_level(logging.INFO, "evfi"):
        for piece in shown:
            assert piece == "abcd"
            clock.now += 4
            clock.made += 40_000
    assert [record.message for record in caplog.records] == [
        "simulating v.mp4: 12 of 32 frame, 1.0 frame/s, 10,000 events/s",
        "simulating v.mp4: 24 of 32 frame, 1.0 frame/s, 10,000 events/s",
    ]


def test_without_anything_made_the_line_is_the_plain_one(clock, caplog):
    with caplog.at_level(logging.INFO, "evfi"):
        for _ in progress.tracked(range(3), label="reading", unit="packet"):
            clock.now += 20
    assert caplog.records[0].message == "reading: 1 of 3 packet, 0.1 packet/s"


def test_on_a_terminal_there_is_a_bar_with_the_rate(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    shown = progress.tracked(
        [1, 2, 3], total=6, label="simulating", unit="frame", size=int, made=lambda: 5, made_unit="events"
    )
    items = list(shown)
    assert items == [1, 2, 3]
    assert "simulating: 100%" in terminal.getvalue()
    assert "6/6" in terminal.getvalue()
    assert "events/s" in terminal.getvalue()
