"""Random numbers from counters: the same for the same event, whatever backend or chunk it is computed in."""

from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

NORMAL_BITS = 12
"""Random bits that choose a normal number."""


@lru_cache(maxsize=1)
def normal_quantiles() -> NDArray[np.float64]:
    """4096 equally likely numbers that are distributed as N(0, 1), sorted; the largest is 3.7."""
    steps = 1 << NORMAL_BITS
    quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / steps) for i in range(steps)])
    quantiles.flags.writeable = False
    return quantiles


@njit(cache=True, nogil=True)
def mixed(value):
    """The finaliser of splitmix64 (Steele et al. 2014): 64 well-mixed bits of a counter."""
    value = (value ^ (value >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> uint64(27))) * uint64(0x94D049BB133111EB)
    return value ^ (value >> uint64(31))


@njit(cache=True, nogil=True)
def fraction(bits):
    """The upper 53 bits as a number in [0, 1)."""
    return np.float64(bits >> uint64(11)) * 2.0**-53
