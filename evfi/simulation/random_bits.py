"""Random numbers from counters: the same for the same event, whatever backend or chunk it is computed in."""

import numpy as np
from numba import njit, uint64


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
