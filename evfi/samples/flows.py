"""Which flows the samples of an index need, computed and stored beside it."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evfi.errors import UserError
from evfi.flow.provider import FlowProvider
from evfi.progress import tracked
from evfi.samples.flow_store import FlowKey, flows_beside, write_flows
from evfi.samples.needs import Needs
from evfi.samples.reader import SampleReader

log = logging.getLogger(__name__)


def compute_flows(index: Path, needs: Sequence[Needs], flow: FlowProvider, *, datasets: Sequence[str] = ()) -> int:
    """Compute the flows that any of the needs asks for; returns their number.

    Flows to a target belong to the rows to train and validate on, those between frames to the rows of the test.

    Args:
        datasets: data sets of the index whose samples are trained on; none = all.

    Raises:
        UserError: no sample needs a flow.
    """
    wanted: set[FlowKey] = set()
    for each in needs:
        reader = SampleReader(index, needs=each, stored=False)
        wanted.update(reader.flow_keys(reader.suitable(_rows(reader, each, datasets))))
    if not wanted:
        raise UserError(
            f"no sample of {index} needs a flow: give the families that need one, and an index of theirs; a "
            "recording must have as many frames in a row as they look at"
        )
    shown = tracked(sorted(wanted), total=len(wanted), label="flows", unit="flow")
    count = write_flows(index, shown, SampleReader(index).frame, flow)
    log.info("%s: %d flows by %s", flows_beside(index), count, flow.name)
    return count


def _rows(reader: SampleReader, needs: Needs, datasets: Sequence[str]) -> NDArray[np.intp]:
    if needs.flows_to_target:
        named = ["split", "dataset"]
        return reader.rows.where(
            named, lambda row: (row["split"] != "test") & (row["dataset"].isin(datasets) if datasets else True)
        )
    return reader.rows.where(["split"], lambda row: (row["split"] == "test") & needs.flows_between)
