"""StartQuery and GetQueryResults of CloudWatch Logs, which in moto 5.2.5 look at the time range only.

A query is answered when it is started, so its status is Complete at once. One that is wrong, or has a part
that is not answered here, is a MalformedQueryException with a sentence.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from moto.logs.exceptions import InvalidParameterException, LogsClientError, ResourceNotFoundException
from moto.logs.responses import LogsResponse

from cosmic_fmi.localcloud.insights.query import MOST_ROWS, Answer, Query
from cosmic_fmi.localcloud.insights.scanner import MalformedQueryError
from cosmic_fmi.localcloud.insights.values import Moment, Row, discovered
from cosmic_fmi.localcloud.moto._untyped import MotoObject

_GROUPS = ("logGroupName", "logGroupNames", "logGroupIdentifiers")


def install() -> None:
    """Put everything of this module into moto's classes."""
    LogsResponse.start_query = _start_query
    LogsResponse.get_query_results = _get_query_results


@dataclass(frozen=True)
class _Finished:
    """A query that was answered, where moto's DescribeQueries looks for its own."""

    query_id: str
    query: str
    log_group_names: list[str]
    created_ms: int
    answer: Answer
    statistics: dict[str, float]
    status: str = "Complete"

    def to_json(self, log_group_name: str) -> dict[str, Any]:
        """One of DescribeQueries' list."""
        return {
            "queryId": self.query_id,
            "queryString": self.query,
            "status": self.status,
            "createTime": self.created_ms,
            "logGroupName": log_group_name,
        }

    def to_result_json(self) -> dict[str, Any]:
        """The answer to GetQueryResults."""
        rows = [[{"field": name, "value": value} for name, value in row.items()] for row in self.answer.rows]
        return {
            "queryLanguage": "CWLI",
            "results": rows,
            "statistics": self.statistics,
            "status": self.status,
        }


def _malformed(error: MalformedQueryError, length: int) -> MotoObject:
    """The exception that says why, and where in the query."""
    answer = LogsClientError("MalformedQueryException", str(error))
    location = {"startCharOffset": error.at, "endCharOffset": length}
    described = {"message": str(error), "location": location}
    answer.description = json.dumps(
        {"__type": "MalformedQueryException", "message": str(error), "queryCompileError": described}
    )
    return answer


def _start_query(self: MotoObject) -> str:
    source = self._get_param("queryString")
    _check_parameters(self)
    try:
        query = Query(source)
    except MalformedQueryError as error:
        raise _malformed(error, len(source)) from error
    groups = [_group(self.logs_backend, name) for name in _named(self)]
    rows = _rows(groups, self._get_int_param("startTime"), self._get_int_param("endTime"))
    answer = query.run(rows, self._get_int_param("limit"))
    query_id = str(uuid.uuid4())
    self.logs_backend.queries[query_id] = _Finished(
        query_id,
        source,
        [group.name for group in groups],
        int(time.time() * 1000),
        answer,
        _statistics(rows, answer),
    )
    return json.dumps({"queryId": query_id})


def _get_query_results(self: MotoObject) -> str:
    query = self.logs_backend.queries.get(self._get_param("queryId"))
    if query is None:
        raise ResourceNotFoundException("The specified query does not exist.")
    return json.dumps(query.to_result_json())


def _check_parameters(self: MotoObject) -> None:
    if sum(bool(self._get_param(name)) for name in _GROUPS) != 1:
        raise InvalidParameterException(f"Give exactly one of {', '.join(_GROUPS)}.")
    if (language := self._get_param("queryLanguage") or "CWLI") != "CWLI":
        raise InvalidParameterException(f"The embedded AWS answers queries in CWLI, not in {language}.")
    if self._get_int_param("startTime") > self._get_int_param("endTime"):
        raise InvalidParameterException("startTime is after endTime; both are seconds since 1970.")
    if not 1 <= self._get_int_param("limit", 1) <= MOST_ROWS:
        raise InvalidParameterException(f"The embedded AWS takes a limit from 1 to {MOST_ROWS}.")


def _named(self: MotoObject) -> list[str]:
    single = self._get_param("logGroupName")
    several = (
        [single] if single else self._get_param("logGroupNames") or self._get_param("logGroupIdentifiers")
    )
    return [name.partition(":log-group:")[2].removesuffix(":*") or name for name in several]


def _group(backend: MotoObject, name: str) -> MotoObject:
    if name not in backend.groups:
        raise ResourceNotFoundException(f"Log group {name!r} does not exist.")
    return backend.groups[name]


def _rows(groups: list[MotoObject], start_s: int, end_s: int) -> list[Row]:
    """The log events of a time range (both ends included) with the fields found in them, the oldest first."""
    rows = [
        _row(group, stream, event)
        for group in groups
        for stream in list(group.streams.values())
        for event in list(stream.events)
        if start_s * 1000 <= event.timestamp <= end_s * 1000
    ]
    return sorted(rows, key=lambda row: float(row["@timestamp"] or 0))


def _row(group: MotoObject, stream: MotoObject, event: MotoObject) -> Row:
    return discovered(event.message) | {
        "@timestamp": Moment(event.timestamp),
        "@ingestionTime": Moment(event.ingestion_time),
        "@message": event.message,
        "@logStream": stream.log_stream_name,
        "@log": f"{group.account_id}:{group.name}",
        "@ptr": str(event.event_id),
    }


def _statistics(rows: list[Row], answer: Answer) -> dict[str, float]:
    return {
        "recordsMatched": float(answer.matched),
        "recordsScanned": float(len(rows)),
        "bytesScanned": float(sum(len(str(row["@message"]).encode()) for row in rows)),
    }
