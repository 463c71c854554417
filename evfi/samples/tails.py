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
    spans = _spans(reader)
    train: list[int] = []
    tail: list[int] = []
    for position in positions.tolist():
        row = reader.rows[position]
        if row.kind != "recording":
            train.append(position)
            continue
        start_us, end_us = spans[row.store, row.split]
        border_us = end_us - round(share * (end_us - start_us))
        first_us, last_us = reader.times(position).outer_window
        if last_us < border_us:
            train.append(position)
        elif first_us >= border_us:
            tail.append(position)
    return np.array(train, np.intp), np.array(tail, np.intp)


def _spans(reader: SampleReader) -> dict[tuple[str, str], tuple[int, int]]:
    """From when to when the rows of each recording (store) and split reach, microseconds."""
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for _, piece in reader.rows.pieces(["kind", "store", "split", "t0_us", "t1_us"]):
        rows: Any = piece[piece["kind"] == "recording"].groupby(["store", "split"], observed=True)
        for key, start_us, end_us in rows.agg({"t0_us": "min", "t1_us": "max"}).itertuples():
            start, end = spans.get(key, (start_us, end_us))
            spans[key] = min(start, int(start_us)), max(end, int(end_us))
    return spans
