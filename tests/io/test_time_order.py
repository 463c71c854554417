"""Packets in time order: small disorder is sorted, a broken time stamp falls out alone, and memory is constant."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.io.time_order import LOOK_AHEAD, TimeOrder
from evfi.types import Events, Frames, SensorSize

SIZE = SensorSize(height=18, width=24)
HOUR_US = 3_600_000_000


def events_at(times: list[int]) -> Events:
    """Events whose x says where in its packet each stood."""
    n = len(times)
    return Events(
        np.arange(n, dtype=np.uint16), np.zeros(n, np.uint16), np.array(times, np.int64), np.ones(n, bool), SIZE
    )


def ordered(packets: list[list[int]]) -> tuple[list[int], Counter]:
    counts: Counter[str] = Counter()
    order = TimeOrder("events", counts)
    pieces = [piece for packet in packets for piece in order.push(events_at(packet))]
    pieces += order.finish()
    return [int(t) for piece in pieces for t in piece.t], counts


def flat(packets: list[list[int]]) -> list[int]:
    return [t for packet in packets for t in packet]


def steady(packets: int = 12, each: int = 10) -> list[list[int]]:
    """Packets of 10 ms."""
    return [[10_000 * number + 1000 * k for k in range(each)] for number in range(packets)]


def test_what_is_in_order_passes_unchanged():
    packets = steady()
    times, counts = ordered(packets)
    assert times == flat(packets)
    assert not counts


@pytest.mark.parametrize("where", [0, 5, 10])
def test_swapped_packets_are_put_in_order_and_nothing_is_lost(where):
    packets = steady()
    packets[where], packets[where + 1] = packets[where + 1], packets[where]
    times, counts = ordered(packets)
    assert times == flat(steady())
    assert counts == {"events_sorted": 10}


@pytest.mark.parametrize("ahead_us", [200_000, HOUR_US, 1 << 60])
@pytest.mark.parametrize("packet", [0, 5, 8])
@pytest.mark.parametrize("place", [0, 4, 9])
def test_one_time_stamp_in_the_future_falls_out_alone(packet, place, ahead_us):
    packets = steady()
    broken = packets[packet][place]
    packets[packet][place] += ahead_us
    times, counts = ordered(packets)
    assert times == [t for t in flat(steady()) if t != broken]
    assert counts["events_wrong_time"] == 1
    assert counts["events_late"] == 0


@pytest.mark.parametrize("packet", [1, 5, 11])
@pytest.mark.parametrize("place", [0, 4, 9])
def test_one_time_stamp_in_the_past_falls_out_alone(packet, place):
    packets = [[HOUR_US + t for t in each] for each in steady()]
    broken = packets[packet][place]
    packets[packet][place] = 0
    times, counts = ordered(packets)
    assert times == [HOUR_US + t for t in flat(steady()) if HOUR_US + t != broken]
    assert counts["events_wrong_time"] + counts["events_late"] == 1


@pytest.mark.parametrize("packet", [0, 5])
def test_a_whole_packet_in_the_future_falls_out_alone(packet):
    packets = steady()
    packets[packet] = [t + HOUR_US for t in packets[packet]]
    times, counts = ordered(packets)
    assert times == flat([each for number, each in enumerate(steady()) if number != packet])
    assert counts["events_wrong_time"] == 10


def test_a_pause_of_an_hour_is_no_broken_time():
    packets = steady()
    packets = packets[:6] + [[t + HOUR_US for t in each] for each in packets[6:]]
    times, counts = ordered(packets)
    assert times == flat(packets)
    assert not counts


def test_a_packet_that_comes_far_too_late_is_dropped_and_counted():
    packets = steady()
    late = packets.pop(1)
    packets.insert(9, late)
    times, counts = ordered(packets)
    assert times == flat(packets[:9] + packets[10:])
    assert counts == {"events_late": 10}


def test_frames_of_one_time_are_kept_once():
    counts: Counter[str] = Counter()
    order = TimeOrder("frames", counts, strictly=True)
    times = [0, 40, 40, 120, 80, 160, 200, 240, 240]
    frames = [
        Frames.without_exposure(np.full((1, 2, 2), number, np.uint8), np.array([t], np.int64))
        for number, t in enumerate(times)
    ]
    pieces = [piece for frame in frames for piece in order.push(frame)] + list(order.finish())
    assert [int(t) for piece in pieces for t in piece.t_us] == [0, 40, 80, 120, 160, 200, 240]
    assert [int(image[0, 0]) for piece in pieces for image in piece.image] == [0, 1, 4, 3, 5, 6, 7]
    assert counts["frames_late"] == 2


def test_no_more_than_a_few_packets_wait():
    order = TimeOrder("events", Counter())
    for packet in steady(50):
        list(order.push(events_at(packet)))
        assert len(order._waiting) <= LOOK_AHEAD


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=6), max_size=12))
def test_whatever_comes_in_the_times_that_come_out_do_not_decrease_and_all_are_counted(packets):
    times, counts = ordered(packets)
    assert times == sorted(times)
    assert len(times) + counts["events_late"] + counts["events_wrong_time"] == sum(map(len, packets))
