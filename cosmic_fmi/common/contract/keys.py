"""Where an execution keeps what in S3.

In the deployment's bucket:

    executions/<id>/                  `Execution`
        payload.json                  what the course's scripts read, of this execution alone
        results/                      the result path of an input that names none
        map/                          what Step Functions writes about the Map
        ranks.json                    `Attempt`: the manifest, an item a rank
        outcomes/<rank>.json          how a rank ended
        failures/<rank>.json          the service's error where a rank could not say so itself
        files/<rank>/                 what the rank's script left in OUTPUT_PATH
        attempts/<n>/                 the last four once more, of attempt n when that is not the first

In the bucket of the results, below the result path:

    <rank>.json  <rank>.parquet       `Results`: of one rank
    combined_data.json                all ranks' results; there once the execution is finished
    predictions.parquet               all ranks' predictions

In the bucket that the input names, `COURSE_PAYLOAD`, the archives of packages below `REQUIREMENTS`, and the
programs and folders of data that `cosmic-fmi run` uploads below `UPLOADS`.

The state machine spells two of these itself (statemachine.asl.json), Terraform the first folder (in policies
and the lifecycle of the bucket); tests hold them to this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

COURSE_PAYLOAD = "payload.json"
"""Where the course's data-parallel scripts read what their rank has to do, whichever execution is theirs."""

REQUIREMENTS = "requirements"
"""Prefix of archives of packages that the functions lack."""

UPLOADS = "uploads"
"""Prefix of what users run and of what it reads, each below a name with a digest of its content. No script
can write there (Terraform), or it would become what a later execution runs.
"""


@dataclass(frozen=True)
class Attempt:
    """Where one attempt at a world keeps its state; ``folder`` has no slash at its end."""

    folder: str

    @property
    def manifest(self) -> str:
        """What each rank is told, a JSON list that the Map reads."""
        return f"{self.folder}/ranks.json"

    @property
    def outcomes(self) -> str:
        """Prefix of the ranks' outcomes, without a slash at its end."""
        return f"{self.folder}/outcomes"

    @property
    def failures(self) -> str:
        """Prefix of the failures that the state machine records, without a slash at its end."""
        return f"{self.folder}/failures"

    def outcome(self, rank: int) -> str:
        """The :class:`~cosmic_fmi.common.contract.outcome.Outcome` of a rank."""
        return f"{self.outcomes}/{rank}.json"

    def failure(self, rank: int) -> str:
        """The service's error with which a rank's invocation ended."""
        return f"{self.failures}/{rank}.json"

    def files(self, rank: int) -> str:
        """Prefix of what a rank's script left in OUTPUT_PATH, with a slash at its end."""
        return f"{self.folder}/files/{rank}/"


@dataclass(frozen=True)
class Execution:
    """Where one execution keeps its state; ``id`` is the name of the Step Functions execution."""

    id: str

    @property
    def folder(self) -> str:
        """Everything of the execution, without a slash at its end."""
        return f"executions/{self.id}"

    @property
    def payload(self) -> str:
        """The execution's own copy of :data:`COURSE_PAYLOAD`."""
        return f"{self.folder}/{COURSE_PAYLOAD}"

    @property
    def result_path(self) -> str:
        """Where results go when the input does not say."""
        return f"{self.folder}/results"

    @property
    def map(self) -> str:
        """Prefix of what Step Functions writes about the Map."""
        return f"{self.folder}/map"

    def attempt(self, number: int = 1) -> Attempt:
        """The state of an attempt, of which the first has number 1.

        Later ones have folders of their own, so that nothing of an earlier one can pass for theirs.
        """
        return Attempt(self.folder if number == 1 else f"{self.folder}/attempts/{number}")

    def attempts(self, keys: Iterable[str]) -> list[Attempt]:
        """The first attempt, and the later ones that ``keys`` are of, in order."""
        before = f"{self.folder}/attempts/"
        numbers = {key.removeprefix(before).partition("/")[0] for key in keys if key.startswith(before)}
        later = sorted(int(number) for number in numbers if number.isdecimal())
        return [self.attempt(), *map(self.attempt, later)]


@dataclass(frozen=True)
class Results:
    """What is written below a result path; slashes at its ends do not count."""

    path: str

    @property
    def prefix(self) -> str:
        """The result path with one slash at its end."""
        return f"{self.path.strip('/')}/"

    @property
    def combined(self) -> str:
        """All results as a JSON list. The execution is finished when Summarize has written it."""
        return f"{self.prefix}combined_data.json"

    @property
    def combined_predictions(self) -> str:
        """All predictions as one Parquet file."""
        return f"{self.prefix}predictions.parquet"

    def result(self, rank: int) -> str:
        """The :mod:`result <cosmic_fmi.common.contract.result>` of a rank."""
        return f"{self.prefix}{rank}.json"

    def predictions(self, rank: int) -> str:
        """The predictions of a rank, a Parquet file."""
        return f"{self.prefix}{rank}.parquet"


def by_rank(keys: Iterable[str], key_of: Callable[[int], str]) -> dict[int, str]:
    """Those of ``keys`` that ``key_of`` gives for a rank, such as ``Attempt.outcome``, by rank in order."""
    found = {}
    for key in keys:
        name = key.rpartition("/")[2].partition(".")[0]
        if name.isdecimal() and key_of(int(name)) == key:
            found[int(name)] = key
    return dict(sorted(found.items()))
