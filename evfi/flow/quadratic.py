"""Motion between two frames from flows to their neighbours: constant acceleration (quadratic video interpolation).

Xu et al., "Quadratic Video Interpolation", NeurIPS 2019; WEVI uses it at test time. Flows are in pixels, of any
layout; times count in frame intervals.
"""

import numpy as np
from numpy.typing import NDArray

Flow = NDArray[np.float32]


def flow_at(tau: float, to_previous: Flow | None, to_next: Flow) -> Flow:
    """Flow from a frame to the moment `tau` intervals after it, given the flows to both its neighbours.

    Position is a tau² + b tau with a = (to_next + to_previous)/2, b = (to_next - to_previous)/2. Without a previous
    frame the velocity is constant: tau * to_next. For the frame after the moment, time runs backwards: call it with
    1 - tau, its later neighbour as the previous frame and its earlier one as the next.
    """
    if to_previous is None:
        return np.multiply(to_next, tau, dtype=np.float32)
    bent = (to_next + to_previous) * (tau * tau / 2)
    straight = (to_next - to_previous) * (tau / 2)
    return np.add(bent, straight, dtype=np.float32)
