"""Compiled inner loops of `interpolate.py`. Images float32 (H, W[, C]), flows float32 (H, W, 2) as (dx, dy)."""

import numpy as np
from numba import njit

_dividing = njit(cache=True, nogil=True, error_model="numpy")
"""For loops that divide: numba's own test for zero would keep them from becoming SIMD. No divisor here is zero."""

_CIRCLE_PX2 = np.float32(1.0)
"""Squared forward-backward error, pixels, at which a match's weight has fallen to 1/e."""
_MISMATCH = np.float32(10.0)
"""Gray levels of difference between matched points at which the weight has fallen to 1/e."""
_LEAST_TRUST = np.float32(1e-6)
_UNMATCHED_TRUST = np.float32(1e-3)
"""Weight of motion that leaves the image: nothing can be checked there."""
_FULL_WEIGHT = np.float32(1e-7)
"""Splatted weight from which on a pixel's own mean is used alone."""
_HIDDEN_PX2 = np.float32(1.0)
_HIDDEN_PART = np.float32(0.02)
"""Two motions are one surface while their squared difference is below _HIDDEN_PX2 + _HIDDEN_PART * motion^2."""
_HIDDEN_SHARE = np.float32(0.3)
"""Weight that a frame keeps where the point seems hidden in it: the flow may be what is wrong."""
_OUTSIDE_SHARE = np.float32(1e-3)
"""Weight of a frame in which the point lies outside."""


@njit(cache=True, nogil=True)
def _corner(position, size):
    """Left neighbour, right neighbour and fraction for linear sampling, clamped to the image.

    Unsigned indices spare a test for negative ones at every use; so in all kernels here.
    """
    position = min(max(position, np.float32(0)), np.float32(size - 1))
    left = np.uint32(position)
    return left, min(left + np.uint32(1), np.uint32(size - 1)), position - np.float32(left)


@njit(cache=True, nogil=True)
def _sampled(flow, x, y):
    """Bilinear vector at (x, y), clamped to the image."""
    left, right, a = _corner(x, flow.shape[1])
    top, bottom, b = _corner(y, flow.shape[0])
    w00, w01, w10, w11 = (1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b
    dx = w00 * flow[top, left, 0] + w01 * flow[top, right, 0] + w10 * flow[bottom, left, 0]
    dy = w00 * flow[top, left, 1] + w01 * flow[top, right, 1] + w10 * flow[bottom, left, 1]
    return dx + w11 * flow[bottom, right, 0], dy + w11 * flow[bottom, right, 1]


@njit(cache=True, nogil=True)
def _sampled_gray(gray, x, y):
    """Bilinear gray value at (x, y), clamped to the image."""
    left, right, a = _corner(x, gray.shape[1])
    top, bottom, b = _corner(y, gray.shape[0])
    upper = (1 - a) * gray[top, left] + a * gray[top, right]
    lower = (1 - a) * gray[bottom, left] + a * gray[bottom, right]
    return (1 - b) * upper + b * lower


@njit(cache=True, nogil=True)
def _outside(x, y, height, width):
    """Whether a position lies more than half a pixel beyond the image."""
    return x < -0.5 or y < -0.5 or x > width - 0.5 or y > height - 0.5


@njit(cache=True, nogil=True)
def match_trust(flow, flow_back, gray, gray_other):
    """How well each pixel's match holds, (H, W) in (0, 1]: there and back is a circle, gray values agree."""
    height, width = gray.shape
    trust = np.empty((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            to_x, to_y = np.float32(x) + flow[y, x, 0], np.float32(y) + flow[y, x, 1]
            if _outside(to_x, to_y, height, width):
                trust[y, x] = _UNMATCHED_TRUST
                continue
            error_x, error_y = _sampled(flow_back, to_x, to_y)
            error_x, error_y = error_x + flow[y, x, 0], error_y + flow[y, x, 1]
            mismatch = abs(_sampled_gray(gray_other, to_x, to_y) - gray[y, x])
            badness = (error_x * error_x + error_y * error_y) / _CIRCLE_PX2 + mismatch / _MISMATCH
            trust[y, x] = max(np.float32(np.exp(-badness)), _LEAST_TRUST)
    return trust


@njit(cache=True, nogil=True)
def has_holes(sums):
    """Whether anywhere in sums (H, W, C) so little was splatted that a coarser mean is needed."""
    for y in range(sums.shape[0]):
        for x in range(sums.shape[1]):
            if sums[y, x, 2] < _FULL_WEIGHT:
                return True
    return False


@njit(cache=True, nogil=True)
def halve(sums, out):
    """Means of 2x2 cells of sums (H, W, 3 or more), H and W even, into out (H / 2, W / 2, 3).

    Bit for bit what cv2.resize gives with INTER_AREA, without a copy in three channels.
    """
    quarter = np.float32(0.25)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            for channel in range(3):
                upper = sums[2 * y, 2 * x, channel] + sums[2 * y, 2 * x + 1, channel]
                left = upper + sums[2 * y + 1, 2 * x, channel]
                out[y, x, channel] = (left + sums[2 * y + 1, 2 * x + 1, channel]) * quarter


@njit(cache=True, nogil=True)
def without_padding(sums, out):
    """Copy sums (H, W, 3 or more) into out (H, W, 3)."""
    for y in range(sums.shape[0]):
        for x in range(sums.shape[1]):
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = sums[y, x, 0], sums[y, x, 1], sums[y, x, 2]


@_dividing
def fill_holes(sums, coarse):
    """Give cells with little in them, partly or wholly, the coarse motion (H, W, 2), with a weight of 1."""
    for y in range(sums.shape[0]):
        for x in range(sums.shape[1]):
            weight = sums[y, x, 2]
            if weight < _FULL_WEIGHT:
                share = weight / _FULL_WEIGHT
                for channel in range(2):
                    own = sums[y, x, channel] / weight if weight > 0 else np.float32(0)
                    sums[y, x, channel] = share * own + (1 - share) * coarse[y, x, channel]
                sums[y, x, 2] = np.float32(1)


@_dividing
def mean_motion(sums):
    """Means (H, W, 2) of splatted sums (H, W, 3) without holes."""
    height, width = sums.shape[:2]
    motion = np.empty((height, width, 2), np.float32)
    for y in range(height):
        for x in range(width):
            weight = sums[y, x, 2]
            motion[y, x, 0], motion[y, x, 1] = sums[y, x, 0] / weight, sums[y, x, 1] / weight
    return motion


@_dividing
def sampling(sums, flow01, flow10, tau, places, share1):
    """Where each pixel of the frame at tau lies in both frames, into places, and the share of frame 1, into share1.

    sums (H + 2, W + 2, 4): splatted motion without holes, with its margin. places (4, H, W): x and y in frame 0, x and
    y in frame 1; share1 (H, W). Row by row in loops that compile to SIMD, apart from the one that looks flows up.
    """
    height, width = share1.shape
    rest = np.float32(1) - tau
    move, found0, found1 = (
        np.empty((2, width), np.float32),
        np.empty((2, width), np.float32),
        np.empty((2, width), np.float32),
    )
    nearest0, nearest1 = np.empty(width, np.int32), np.empty(width, np.int32)
    for y in range(height):
        _divide(sums[y + 1].reshape(-1)[4:], move)
        _place(move, y, -tau, height, places[0, y], places[1, y], nearest0)
        _place(move, y, rest, height, places[2, y], places[3, y], nearest1)
        _look_up(flow01, nearest0, np.float32(1), found0)
        _look_up(flow10, nearest1, np.float32(-1), found1)
        _weigh(places[0, y], places[1, y], height, move, rest, found0)
        _weigh(places[2, y], places[3, y], height, move, tau, found1)
        for x in range(width):
            share1[y, x] = found1[0, x] / (found0[0, x] + found1[0, x])


@_dividing
def _divide(row, move):
    """Means (2, W) of a row of splatted sums, flat. Two loops with steps of four in sight: both compile to SIMD."""
    dx, dy = move[0], move[1]
    for x in range(dx.size):
        cell = np.uint64(4) * np.uint64(x)
        dx[x], dy[x] = row[cell], row[cell + np.uint64(1)]
    for x in range(dx.size):
        weight = row[np.uint64(4) * np.uint64(x) + np.uint64(2)]
        dx[x], dy[x] = dx[x] / weight, dy[x] / weight


@njit(cache=True, nogil=True)
def _place(move, y, part, height, to_x, to_y, nearest):
    """A row's positions moved by `part` of the motion, and the number of the pixel nearest to each."""
    width = to_x.size
    half, nothing = np.float32(0.5), np.float32(0)
    last_x, last_y = np.float32(width - 1), np.float32(height - 1)
    for x in range(width):
        to_x[x] = np.float32(x) + part * move[0, x]
        to_y[x] = np.float32(y) + part * move[1, x]
    for x in range(width):
        column = np.int32(min(max(to_x[x] + half, nothing), last_x))
        row = np.int32(min(max(to_y[x] + half, nothing), last_y))
        nearest[x] = row * np.int32(width) + column


@njit(cache=True, nogil=True)
def _look_up(flow, nearest, sign, found):
    """The flow at the pixels of these numbers, times sign, into found (2, W)."""
    flat = flow.reshape(-1, 2)
    for x in range(nearest.size):
        pixel = np.uint32(nearest[x])
        found[0, x], found[1, x] = sign * flat[pixel, 0], sign * flat[pixel, 1]


@_dividing
def _weigh(to_x, to_y, height, move, nearness, found):
    """Weight of a frame in which a row's points should lie at to_x, to_y and move by `move`, into found[0].

    found (2, W): the motion that is there. The points count by nearness in time and by whether the motions agree.
    """
    width = to_x.size
    low, right, bottom = np.float32(-0.5), np.float32(width - 0.5), np.float32(height - 0.5)
    for x in range(width):
        dx, dy = move[0, x], move[1, x]
        error_x, error_y = found[0, x] - dx, found[1, x] - dy
        scale = _HIDDEN_PX2 + _HIDDEN_PART * (dx * dx + dy * dy)
        fit = scale / (scale + error_x * error_x + error_y * error_y)
        found[0, x] = _HIDDEN_SHARE + fit * fit
    for x in range(width):
        inside = (to_x[x] >= low) & (to_x[x] <= right) & (to_y[x] >= low) & (to_y[x] <= bottom)
        found[0, x] = nearness * (found[0, x] if inside else _OUTSIDE_SHARE)


@njit(cache=True, nogil=True)
def blend(sample0, sample1, share1, out):
    """Mix two samplings (H, W, C) by the share of the second, clamped to [0, 255], into out (H, W, C)."""
    height, width, channels = sample0.shape
    if channels == 1:
        _blend_gray(sample0.reshape(-1), sample1.reshape(-1), share1.reshape(-1), out.reshape(-1))
        return
    black, white = np.float32(0), np.float32(255)
    for y in range(height):
        for x in range(width):
            for channel in range(channels):
                first = sample0[y, x, channel]
                value = first + share1[y, x] * (sample1[y, x, channel] - first)
                out[y, x, channel] = min(max(value, black), white)


@njit(cache=True, nogil=True)
def _blend_gray(sample0, sample1, share1, out):
    """The same for one channel, flat: compiles to SIMD."""
    black, white = np.float32(0), np.float32(255)
    for i in range(out.size):
        value = sample0[i] + share1[i] * (sample1[i] - sample0[i])
        out[i] = min(max(value, black), white)


@njit(cache=True, nogil=True)
def disagreement(sample0, sample1, share1):
    """Mean absolute difference over the channels of two samplings (H, W, C), less where one of them has no share."""
    height, width, channels = sample0.shape
    out = np.empty((height, width), np.float32)
    one, four = np.float32(1), np.float32(4)
    for y in range(height):
        for x in range(width):
            total = np.float32(0)
            for channel in range(channels):
                total += abs(sample0[y, x, channel] - sample1[y, x, channel])
            out[y, x] = four * share1[y, x] * (one - share1[y, x]) * total / np.float32(channels)
    return out


@njit(cache=True, nogil=True)
def hedge(frame, image0, image1, disagreement, largest, scale, tau):
    """Move frame (H, W, C) towards the plain blend of both images where the two samplings disagreed."""
    for y in range(frame.shape[0]):
        for x in range(frame.shape[1]):
            ratio = disagreement[y, x] / scale
            part = largest * (np.float32(1) - np.float32(1) / (np.float32(1) + ratio * ratio))
            for channel in range(frame.shape[2]):
                first = image0[y, x, channel]
                plain = first + tau * (image1[y, x, channel] - first)
                frame[y, x, channel] += part * (plain - frame[y, x, channel])
