"""How many frames go into one piece."""

import numpy as np
import pytest

from evfi.io.frame_pieces import stacked


@pytest.mark.parametrize(
    ("shape", "sizes"), [((4, 6), [64, 64, 2]), ((1280, 1280, 3), [6, 6, 1]), ((6000, 6000), [1, 1])]
)
def test_a_piece_has_64_frames_or_32_megabytes_and_at_least_one(shape, sizes):
    image = np.broadcast_to(np.uint8(7), shape)
    pieces = list(stacked((image, 10 * k, 10 * k - 1, 10 * k + 1) for k in range(sum(sizes))))
    assert [len(piece) for piece in pieces] == sizes
    assert [piece.image.shape[1:] for piece in pieces] == [shape] * len(sizes)
    t_us = np.concatenate([piece.t_us for piece in pieces])
    np.testing.assert_array_equal(t_us, 10 * np.arange(sum(sizes)))
    np.testing.assert_array_equal(np.concatenate([piece.exposure_start_us for piece in pieces]), t_us - 1)
    np.testing.assert_array_equal(np.concatenate([piece.exposure_end_us for piece in pieces]), t_us + 1)
