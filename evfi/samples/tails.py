"""The end of each recording, held out to validate on: an index holds out whole clips, but of a recording nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evfi.samples.reader import SampleReader

Positions = NDArray[np.intp]


def without_tails(reader: SampleReader, positions: Positions, share: float) -> tuple[Positions, Positions]:
    """Rows of an index apart: those to train on, and those in the last `share` of each recording's time.

    The border follows from the recording's rows alone, so that stages with different needs share it. A row whose frames
    (context frames included) or events lie on both sides of it belongs to neither. Rows of clips are all trained on.
    """
    table: Any = reader.table
    spans = table[table["kind"] == "recording"].groupby(["store", "split"]).agg({"t0_us": "min", "t1_us": "max"})
    train: list[int] = []
    tail: list[int] = []
    for position in positions.tolist():
        row = table.iloc[position]
        if row["kind"] != "recording":
            train.append(position)
            continue
        start_us, end_us = (int(spans.loc[(row["store"], row["split"]), name]) for name in ("t0_us", "t1_us"))
        border_us = end_us - round(share * (end_us - start_us))
        first_us, last_us = reader.times(position).outer_window
        if last_us < border_us:
            train.append(position)
        elif first_us >= border_us:
            tail.append(position)
    return np.array(train, np.intp), np.array(tail, np.intp)
