"""StartQuery and GetQueryResults of the embedded AWS, over what functions have logged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import Function, Json, client

Deploy = Callable[..., Function]
GROUP = "/insights/test"
# Old events are refused, so theirs are of a minute ago.
BEGAN = int(time.time()) - 60
MESSAGES = ["rank 0 began\n", "rank 1 began\n", '{"event": "paired", "wait_s": 0.5}\n']


@pytest.fixture
def logs(cloud: EmbeddedAWS) -> Iterator[Json]:
    """A client, and a log group whose events are 1 s apart."""
    logs = client(cloud, "logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="stream")
    events = [{"timestamp": (BEGAN + at) * 1000, "message": each} for at, each in enumerate(MESSAGES)]
    logs.put_log_events(logGroupName=GROUP, logStreamName="stream", logEvents=events)
    yield logs
    logs.delete_log_group(logGroupName=GROUP)


def ask(logs: Json, query: str, start: int = -10, end: int = 70, **options: Json) -> Json:
    """The whole answer to a query of the group, or of those that the options name; times are after BEGAN."""
    groups = {} if any(name.startswith("logGroup") for name in options) else {"logGroupName": GROUP}
    started = logs.start_query(
        queryString=query, startTime=BEGAN + start, endTime=BEGAN + end, **groups, **options
    )
    return logs.get_query_results(queryId=started["queryId"])


def messages(answer: Json) -> list[str]:
    rows = [{each["field"]: each["value"] for each in row} for row in answer["results"]]
    return [row["@message"] for row in rows]


def refusal(logs: Json, query: str, **options: Json) -> Json:
    with pytest.raises(ClientError) as error:
        ask(logs, query, **options)
    return error.value.response["Error"]


def test_a_query_is_obeyed_and_its_answer_complete(logs: Json) -> None:
    answer = ask(
        logs, "fields @timestamp, @message, @log | filter @message like /began/ | sort @timestamp asc"
    )
    assert answer["status"] == "Complete"
    assert messages(answer) == MESSAGES[:2]
    assert [each["field"] for each in answer["results"][0]] == ["@timestamp", "@message", "@log", "@ptr"]
    assert answer["results"][0][0]["value"] == datetime.fromtimestamp(BEGAN, tz=UTC).strftime("%F %T.000")
    assert answer["results"][0][2]["value"] == f"123456789012:{GROUP}"
    scanned = sum(len(message) for message in MESSAGES)
    wanted = {"recordsMatched": 2.0, "recordsScanned": 3.0, "bytesScanned": float(scanned)}
    assert {name: answer["statistics"][name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [(0, 1, 2), (1, 1, 1), (3, 70, 0), (-BEGAN, 70, 3)],
    ids=["two", "one", "none", "all since 1970"],  # BEGAN differs between the processes that run tests
)
def test_both_ends_of_the_time_are_in_it(logs: Json, start: int, end: int, found: int) -> None:
    assert len(ask(logs, "fields @message", start, end)["results"]) == found


def test_statistics_come_without_a_pointer(logs: Json) -> None:
    answer = ask(logs, "filter event = 'paired' | stats count(*) as pairs, avg(wait_s) as wait")
    assert answer["results"] == [[{"field": "pairs", "value": "1"}, {"field": "wait", "value": "0.5"}]]


def test_a_limit_beside_the_query_and_several_groups(logs: Json) -> None:
    logs.create_log_group(logGroupName=f"{GROUP}/other")
    try:
        logs.create_log_stream(logGroupName=f"{GROUP}/other", logStreamName="s")
        event = {"timestamp": BEGAN * 1000 + 1500, "message": "other"}
        logs.put_log_events(logGroupName=f"{GROUP}/other", logStreamName="s", logEvents=[event])
        both = [GROUP, f"{GROUP}/other"]
        answer = ask(logs, "fields @message", logGroupNames=both, limit=2)
        assert messages(answer) == [MESSAGES[2], "other"]
        arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}/other"
        assert messages(ask(logs, "fields @message", logGroupIdentifiers=[arn])) == ["other"]
    finally:
        logs.delete_log_group(logGroupName=f"{GROUP}/other")


def test_finished_queries_are_listed(logs: Json) -> None:
    ask(logs, "fields @message # once")
    listed = logs.describe_queries(logGroupName=GROUP, status="Complete")["queries"]
    assert [each["queryString"] for each in listed].count("fields @message # once") == 1


def test_what_a_function_left_is_found(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.echo", MemorySize=256)
    ids = [function.invoke(number).payload["request_id"] for number in (1, 2)]
    query = "fields @requestId, @memorySize, @initDuration | filter @type = 'REPORT' | sort @timestamp"
    now = int(time.time()) - BEGAN
    group = f"/aws/lambda/{function.name}"
    results = ask(client(cloud, "logs"), query, end=now + 1, logGroupName=group)["results"]
    rows = [{each["field"]: each["value"] for each in row} for row in results]
    assert [row["@requestId"] for row in rows] == ids
    assert [row["@memorySize"] for row in rows] == ["256000000"] * 2
    assert ["@initDuration" in row for row in rows] == [True, False]


def test_a_query_that_is_none_is_refused_with_a_sentence(logs: Json) -> None:
    described = refusal(logs, "fields @message | dedup @message")
    assert described["Code"] == "MalformedQueryException"
    assert described["Message"].startswith("'dedup' is not answered here; the embedded AWS knows fields,")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"logGroupName": "/no/such"}, "ResourceNotFoundException", "Log group '/no/such' does not exist"),
        ({"logGroupName": GROUP, "logGroupNames": [GROUP]}, "InvalidParameterException", "exactly one of"),
        ({"start": 71}, "InvalidParameterException", "startTime is after endTime"),
        ({"limit": 20_000}, "InvalidParameterException", "a limit from 1 to 10000"),
        ({"queryLanguage": "SQL"}, "InvalidParameterException", "in CWLI, not in SQL"),
    ],
)
def test_what_else_is_refused(logs: Json, options: dict[str, Json], code: str, message: str) -> None:
    described = refusal(logs, "fields @message", **options)
    assert described["Code"] == code
    assert message in described["Message"]


def test_an_unknown_query_has_no_results(logs: Json) -> None:
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_query_results(queryId="00000000-0000-0000-0000-000000000000")
