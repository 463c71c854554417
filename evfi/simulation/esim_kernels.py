"""Compiled kernels of the simulator; `reference.py` is the same arithmetic written plainly.

Pixels are visited in order, a stretch of them (or a row) through all intervals, so that its state stays in the cache.
A kernel that fills keys (`event_keys`) stops when they may be full and says where to go on: `position` is
(first pixel of the stretch or y, interval, used). `by_level` is True for the law esim_torch and None for esim_py.
"""

import numpy as np
from numba import njit, uint64

from evfi.simulation.event_keys import key_of
from evfi.simulation.intensity import bin_of
from evfi.simulation.noise import MAX_SHOTS
from evfi.simulation.random_bits import NORMAL_BITS, fraction, mixed
from evfi.simulation.set_flags import BLOCK, SPARE, set_flags
from evfi.units import NS_PER_US

STRETCH = 2048
"""Pixels that `fill_quiet` takes through all intervals together: their state stays in the first-level cache, and frames
are read in pieces so long that the processor fetches ahead."""


@njit(cache=True, nogil=True)
def _key(start_us, after_us, dt_us, y, x, p):
    """Key of an event `after_us` (unrounded) after an interval's start; it stays within the interval's dt_us."""
    return key_of(start_us + min(np.int64(after_us), dt_us - 1), y, x, p)


@njit(cache=True, nogil=True)
def _tick(from_us, after_us, by_level):
    """An event's time in ticks of the law's clock: whole nanoseconds or unrounded microseconds."""
    if by_level is not None:
        return from_us * NS_PER_US + np.floor(after_us * NS_PER_US)
    return from_us + after_us


@njit(cache=True, nogil=True)
def _crosses(crossing, prev, new, rising, by_level):
    """Whether the next crossing lies on the way to `new`, and (law esim_py) not on the way to `prev`."""
    if rising:
        return crossing <= new and (by_level is not None or prev < crossing)
    return new <= crossing and (by_level is not None or crossing < prev)


@njit(cache=True, nogil=True)
def _quiet(level, step_pos, step_neg, ladder, entries_below, bins_per_log):
    """The first and the last gray value g with level - C_neg < ladder[g] < level + C_pos.

    What shares the bin is looked through; one comparison without a branch comes first, as one is nearly always enough.
    """
    below, above, last = level - step_neg, level + step_pos, entries_below.size - 1
    low = np.uint64(entries_below[bin_of(below, ladder[0], bins_per_log, last)])
    low += ladder[low] <= below
    while ladder[low] <= below:
        low += np.uint64(1)
    high = np.uint64(entries_below[bin_of(above, ladder[0], bins_per_log, last)])
    high += ladder[high] < above
    while ladder[high] < above:
        high += np.uint64(1)
    return np.int64(low), np.int64(high) - 1


@njit(cache=True, nogil=True)
def quiet_range(level, contrast_pos, contrast_neg, ladder, entries_below, bins_per_log, low, high):
    """For each pixel the smallest and the largest gray value at which it stays silent, into low and high (H, W)."""
    for y in range(level.shape[0]):
        for x in range(level.shape[1]):
            low[y, x], high[y, x] = _quiet(
                level[y, x], contrast_pos[y, x], contrast_neg[y, x], ladder, entries_below, bins_per_log
            )


@njit(cache=True, nogil=True)
def entries_range(level, first, contrast_pos, contrast_neg, ladder, entries_below, bins_per_log, low, high):
    """As `quiet_range` where every pixel stands at its entry of the ladder: one search for each entry.

    first: (H, W) index of each pixel; the thresholds are numbers. Returns False where a level is no such entry.
    """
    lowest, highest = np.empty(ladder.size - 1, low.dtype), np.empty(ladder.size - 1, low.dtype)
    for g in range(lowest.size):
        lowest[g], highest[g] = _quiet(ladder[g], contrast_pos, contrast_neg, ladder, entries_below, bins_per_log)
    for y in range(first.shape[0]):
        for x in range(first.shape[1]):
            g = first[y, x]
            if level[y, x] != ladder[g]:
                return False
            low[y, x], high[y, x] = lowest[g], highest[g]
    return True


@njit(cache=True, nogil=True)
def _leaving(now, low, high, flags, hits):
    """Pixels whose gray value left [low, high], into hits; returns their number. The loop compiles to SIMD."""
    for i in range(now.size):
        flags[i] = (now[i] > high[i]) | (now[i] < low[i])
    return set_flags(flags, hits)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_quiet(
    gray, width, t_us, origin_us, ladder, entries_below, bins_per_log, contrast_pos, contrast_neg, by_level,
    refractory_ticks, level, last_tick, low, high, keys, room, position,
):  # fmt: skip
    """Events of sensors without leak and shot noise: only pixels that leave their quiet range are looked at.

    gray: (n + 1, H * W) uint8 or uint16, indices of ladder; width: W; all of a pixel is flat, (H * W,). room: what one
    stretch may need in one interval. Returns True when all is done, False when fewer than `room` places are left in
    `keys`.
    """
    intervals, pixels = gray.shape[0] - 1, gray.shape[1]
    flags = np.empty((min(STRETCH, pixels) + BLOCK - 1) // BLOCK * BLOCK, np.uint8)
    hits = np.empty(flags.size + SPARE, np.uint32)
    first_k, used = position[1], position[2]
    for first in range(position[0], pixels, STRETCH):
        end = min(first + STRETCH, pixels)
        flags[:] = 0
        for k in range(first_k, intervals):
            if used + room > keys.size:
                position[0], position[1], position[2] = first, k, used
                return False
            start_us, dt_us = t_us[k] - t_us[0], t_us[k + 1] - t_us[k]
            after_origin_us = np.float64(t_us[k] - origin_us)
            for hit in range(_leaving(gray[k + 1, first:end], low[first:end], high[first:end], flags, hits)):
                i = np.uint32(first) + hits[hit]
                y = i // np.uint32(width)
                prev, new, here, last = ladder[gray[k, i]], ladder[gray[k + 1, i]], level[i], last_tick[i]
                rising = new > here if by_level is not None else new > prev
                step = contrast_pos[i] if rising else contrast_neg[i]
                # falling is rising upside down, to the last bit: no branch that depends on the picture
                sign = 1.0 if rising else -1.0
                prev, new, here = sign * prev, sign * new, sign * here
                us_per_log = dt_us / (new - prev) if new != prev else 0.0
                crossing = here + step
                while _crosses(crossing, prev, new, True, by_level):
                    after_us = max((crossing - prev) * us_per_log, 0.0)
                    at = _tick(after_origin_us, after_us, by_level)
                    if at - last >= refractory_ticks:
                        keys[used] = _key(start_us, after_us, dt_us, y, i - y * np.uint32(width), rising)
                        used += 1
                        last = at
                    here = crossing
                    crossing = here + step
                level[i], last_tick[i] = sign * here, last
                low[i], high[i] = _quiet(
                    level[i], contrast_pos[i], contrast_neg[i], ladder, entries_below, bins_per_log
                )
        first_k = 0
    position[0], position[1], position[2] = pixels, 0, used
    return True


@njit(cache=True, nogil=True)
def fill_noisy(
    gray, t_us, origin_us, log_table, contrast_pos, contrast_neg, by_level, refractory_ticks, noise, first_interval,
    gray_shift, level, last_tick, filtered, leaked, keys, room, position,
):  # fmt: skip
    """Events of sensors with leak, shot noise or a low-pass; arguments as in fill_quiet.

    noise: `noise.NoiseTables`. first_interval: number of intervals before these. gray_shift: from an index of the table
    to an 8-bit gray value. filtered, leaked: as in PixelState, where it is not None; else anything.
    """
    intervals, height, width = gray.shape[0] - 1, gray.shape[1], gray.shape[2]
    shots = np.empty(MAX_SHOTS, np.uint64)
    filtering, jittering, shooting = noise.low_pass.size > 0, noise.leak_factor.size > 0, noise.shot_mean.size > 0
    first_k, used = position[1], position[2]
    for y in range(position[0], height):
        for k in range(first_k, intervals):
            if used + room > keys.size:
                position[0], position[1], position[2] = y, k, used
                return False
            from_us, to_us = np.float64(t_us[k] - origin_us), np.float64(t_us[k + 1] - origin_us)
            shot_bits = mixed(uint64(noise.shot_seed) + uint64(first_interval + k))
            leak_bits = mixed(uint64(noise.leak_seed) + uint64(first_interval + k))
            for x in range(width):
                prev, new = log_table[gray[k, y, x]], log_table[gray[k + 1, y, x]]
                if filtering:
                    prev = filtered[y, x]
                    new = prev + noise.low_pass[k, gray[k + 1, y, x] >> gray_shift] * (new - prev)
                    filtered[y, x] = new
                if jittering:
                    factor = noise.leak_factor[mixed(leak_bits + uint64(y * width + x)) >> uint64(64 - NORMAL_BITS)]
                    prev += leaked[y, x]
                    leaked[y, x] += noise.drift_per_us[y, x] * factor * (to_us - from_us)
                    new += leaked[y, x]
                else:
                    prev += noise.drift_per_us[y, x] * from_us
                    new += noise.drift_per_us[y, x] * to_us
                number = 0
                if shooting:
                    bits = mixed(shot_bits + uint64(y * width + x))
                    value = gray[k, y, x] >> gray_shift
                    if fraction(bits) >= noise.shot_none[k, value]:
                        number = _shots(bits, noise.shot_mean[k, value], noise.shot_none[k, value], shots)
                if number == 0 and level[y, x] - contrast_neg[y, x] < new < level[y, x] + contrast_pos[y, x]:
                    continue
                used = _merged_events(
                    keys, used, y, x, prev, new, contrast_pos[y, x], contrast_neg[y, x], by_level, t_us[k] - t_us[0],
                    t_us[k + 1] - t_us[k], from_us, refractory_ticks, level, last_tick, shots[:number],
                )  # fmt: skip
        first_k = 0
    position[0], position[1], position[2] = height, 0, used
    return True


@njit(cache=True, nogil=True)
def _shots(bits, mean, none, shots):
    """Number of shot events (Poisson, by inversion); their random bits, sorted, into `shots`.

    The upper 53 bits of one are its time as a part of the interval, the lowest is its polarity.
    """
    number, term, total = 0, none, none
    while fraction(bits) >= total and number < MAX_SHOTS:
        number += 1
        term *= mean / number
        total += term
    for i in range(number):
        drawn = mixed(bits + uint64(i + 1))
        j = i
        while j > 0 and shots[j - 1] > drawn:
            shots[j] = shots[j - 1]
            j -= 1
        shots[j] = drawn
    return number


@njit(cache=True, nogil=True)
def _merged_events(
    keys, used, y, x, prev, new, contrast_pos, contrast_neg, by_level, start_us, dt_us, from_us, refractory_ticks,
    level, last_tick, shots,
):  # fmt: skip
    """Crossings and shot events of one pixel in one interval, in the order of time (a crossing first)."""
    here, last, shot = level[y, x], last_tick[y, x], 0
    rising = new > here if by_level is not None else new > prev
    step = contrast_pos if rising else -contrast_neg
    us_per_log = dt_us / (new - prev) if new != prev else 0.0
    while True:
        crossing = here + step
        crossed = _crosses(crossing, prev, new, rising, by_level)
        if not crossed and shot == shots.size:
            break
        after_us = max((crossing - prev) * us_per_log, 0.0) if crossed else np.inf
        p = rising
        if shot < shots.size and fraction(shots[shot]) * dt_us < after_us:
            after_us = fraction(shots[shot]) * dt_us
            p = (shots[shot] & uint64(1)) == uint64(1)
            shot += 1
        else:
            here = crossing
        at = _tick(from_us, after_us, by_level)
        if at - last >= refractory_ticks:
            keys[used] = _key(start_us, after_us, dt_us, y, x, p)
            used += 1
            last = at
    level[y, x], last_tick[y, x] = here, last
    return used
