"""A rank's finished work, kept beside its predictions, so that another attempt need not compute it again.

An attempt is lost for all ranks when one of them is, though most had predicted their share already. The note
in the Parquet file says what it was made from: the executor's WORK_ID, which is the same for the same bundle,
image, partitions (by content) and batch size.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from inference.rank.environment import RankEnvironment
from inference.rank.results import Predictions

if TYPE_CHECKING:
    from cosmic_fmi.common.contract.result import CourseKeys
    from inference.data.sources import CountedS3

NOTE = b"work"
"""Key of the note in the Parquet file's metadata."""


@dataclass(frozen=True)
class Work:
    """What a rank computed before the reduction; ``keys`` are the result's course keys."""

    predictions: Predictions
    keys: "CourseKeys"
    reused: bool = False


def store(s3: "CountedS3", environment: RankEnvironment, work: Work, *, whole: bool) -> None:
    """Write the predictions, and with them, if no partition had to be left out, a note for later attempts."""
    note = {}
    if whole and environment.work_id is not None:
        note = {NOTE: json.dumps({"work_id": environment.work_id, "keys": work.keys}).encode()}
    s3.put(environment.bucket, environment.predictions_key, work.predictions.parquet(environment.rank, note))


def recall(s3: "CountedS3", environment: RankEnvironment) -> Work | None:
    """The work that an attempt which did not finish left for these very orders, or None.

    It is only looked for where Initialize saw something that no finished execution left.
    """
    if environment.work_id is None or not environment.stored_result:
        return None
    content = s3.get(environment.bucket, environment.predictions_key)
    try:
        predictions, metadata = Predictions.from_parquet(content)
        note = json.loads(metadata[NOTE])
        if note["work_id"] == environment.work_id:
            return Work(predictions, cast("CourseKeys", dict(note["keys"])), reused=True)
    except (ValueError, KeyError, TypeError):
        pass  # damaged, or not one of ours: whoever wrote it, it is no work of this rank
    return None
