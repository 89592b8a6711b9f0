"""The query language of CloudWatch Logs Insights over a few log events."""

from __future__ import annotations

import pytest

from cosmic_fmi.localcloud.insights.query import Query
from cosmic_fmi.localcloud.insights.scanner import MalformedQueryError
from cosmic_fmi.localcloud.insights.values import Moment, Row, discovered

NOON = 1_769_860_800_000.0
FIRST, SECOND = "11111111-aaaa-bbbb-cccc-222222222222", "33333333-aaaa-bbbb-cccc-444444444444"
MESSAGES = [
    (0, f"START RequestId: {FIRST} Version: $LATEST\n"),
    (10, "rank 0 of 2: 1279 galaxies\n"),
    (10, "rank 1 of 2: 1280 galaxies\n"),
    (20, '{"event": "pairs", "pairs": 3, "wait": {"longest_s": 0.25}}\n'),
    (30, f"[ERROR]\t2026-01-31T12:00:00.030Z\t{FIRST}\tno such file\n"),
    (40, f"END RequestId: {FIRST}\n"),
    (
        40,
        f"REPORT RequestId: {FIRST}\tDuration: 6434.80 ms\tBilled Duration: 7381 ms\t"
        "Memory Size: 10240 MB\tMax Memory Used: 645 MB\tInit Duration: 945.56 ms\t\n",
    ),
    (
        400_000,
        f"REPORT RequestId: {SECOND}\tDuration: 100.00 ms\tBilled Duration: 100 ms\t"
        "Memory Size: 10240 MB\tMax Memory Used: 600 MB\t\n",
    ),
]


def rows() -> list[Row]:
    return [
        discovered(message)
        | {"@timestamp": Moment(NOON + after), "@message": message, "@ptr": str(index), "@logStream": "s"}
        for index, (after, message) in enumerate(MESSAGES)
    ]


def ask(query: str, limit: int | None = None) -> list[dict[str, str]]:
    return Query(query).run(rows(), limit).rows


def found(condition: str) -> list[int]:
    """Numbers of the messages that a filter lets through, the oldest first."""
    return [int(row["@ptr"]) for row in ask(f"filter {condition} | sort @timestamp")]


def test_fields_and_their_order() -> None:
    assert ask("fields @timestamp, @message | limit 1") == [
        {"@timestamp": "2026-01-31 12:06:40.000", "@message": MESSAGES[7][1], "@ptr": "7"}
    ]
    assert list(ask("fields @duration, @timestamp | filter ispresent(@initDuration)")[0].items()) == [
        ("@duration", "6434.8"),
        ("@timestamp", "2026-01-31 12:00:00.040"),
        ("@ptr", "6"),
    ]


def test_what_a_report_line_says() -> None:
    names = "@type, @requestId, @duration, @billedDuration, @memorySize, @maxMemoryUsed, @initDuration"
    reports = ask(f"fields {names} | filter @type = 'REPORT'")
    assert [list(row.values())[:-1] for row in reports] == [
        ["REPORT", SECOND, "100", "100", "10240000000", "600000000"],
        ["REPORT", FIRST, "6434.8", "7381", "10240000000", "645000000", "945.56"],
    ]


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        ("@message like /REPORT/", [6, 7]),
        ('@message like "REPORT"', [6, 7]),
        ("@message like 'report'", []),
        ("@message like /(?i)report RequestId:\\s+3/", [7]),
        ("@message =~ /rank [01] of/", [1, 2]),
        ("@message not like /RequestId/", [1, 2, 3, 4]),
        ("@duration > 1000", [6]),
        ("@duration <= 100 and @type = 'REPORT'", [7]),
        ("@type != 'REPORT'", [0, 5]),
        ("not @type = 'REPORT'", [0, 1, 2, 3, 4, 5]),
        ("@type in ['START', 'END']", [0, 5]),
        ("@type not in ['START', 'END'] and ispresent(@type)", [6, 7]),
        ("@type = 'END' or @type = 'START' and @message like /nothing/", [5]),
        ("(@type = 'END' or @type = 'START') and not @message like /nothing/", [0, 5]),
        (f"@requestId = '{FIRST}'", [0, 4, 5, 6]),
        ("event = 'pairs' and pairs >= 3 and wait.longest_s < 0.5", [3]),
        ("@maxMemoryUsed / @memorySize * 100 > 6", [6]),
        ("@billedDuration - @duration > 1 + 2 * 3", [6]),
        ("strcontains(@message, 'galaxies') # and so on\n", [1, 2]),
        ("tolower(@type) = 'end'", [5]),
        ("@duration / 0 > 1", []),
    ],
)
def test_conditions(condition: str, numbers: list[int]) -> None:
    assert found(condition) == numbers


def test_sorting() -> None:
    def order(query: str) -> list[int]:
        return [int(row["@ptr"]) for row in ask(query)]

    assert order("fields @message") == [7, 6, 5, 4, 3, 2, 1, 0]
    assert order("sort @timestamp") == [0, 1, 2, 3, 4, 5, 6, 7]
    assert order("sort by @timestamp desc | limit 3") == [7, 6, 5]
    assert order("filter ispresent(@type) | sort @type asc, @duration desc") == [5, 6, 7, 0]
    assert order("sort @duration desc | limit 2") == [6, 7]
    assert order("sort @duration | filter ispresent(@duration)") == [7, 6]


def test_limits() -> None:
    assert len(ask("fields @message | limit 2", limit=5)) == 2
    assert len(ask("fields @message", limit=5)) == 5
    assert len(ask("fields @message")) == len(MESSAGES)


def test_statistics() -> None:
    assert ask("stats count(*)") == [{"count(*)": "8"}]
    assert ask("stats count() as n, count(@duration), count_distinct(@requestId)") == [
        {"n": "8", "count(@duration)": "2", "count_distinct(@requestId)": "2"}
    ]
    assert ask("stats min(@duration), max(@duration), avg(@duration) as mean, sum(@billedDuration)") == [
        {
            "min(@duration)": "100",
            "max(@duration)": "6434.8",
            "mean": "3267.4",
            "sum(@billedDuration)": "7481",
        }
    ]
    assert ask("stats pct(@duration, 50) as half, pct(@duration, 99) as most, median(@duration)") == [
        {"half": "100", "most": "6434.8", "median(@duration)": "3267.4"}
    ]
    assert ask("filter @type = 'none' | stats count(*), max(@duration)") == [{"count(*)": "0"}]


def test_groups() -> None:
    by_type = ask("filter ispresent(@type) | stats count(*) as n by @type | sort n desc, @type | limit 2")
    assert by_type == [{"@type": "REPORT", "n": "2"}, {"@type": "END", "n": "1"}]
    assert ask("stats count(*) by bin(5m) | sort bin(5m)") == [
        {"bin(5m)": "2026-01-31 12:00:00.000", "count(*)": "7"},
        {"bin(5m)": "2026-01-31 12:05:00.000", "count(*)": "1"},
    ]
    assert ask("stats count(*) by bin(5m) as t | sort count(*) | limit 1 | display t") == [
        {"t": "2026-01-31 12:05:00.000"}
    ]


def test_the_query_that_aws_shows_for_lambdas_memory() -> None:
    query = """
        filter @type = "REPORT"
        | stats max(@memorySize / 1000 / 1000) as provisionedMB,
            max(@maxMemoryUsed / 1000 / 1000) as usedMB,
            provisionedMB - usedMB as overMB
    """
    assert ask(query) == [{"provisionedMB": "10240", "usedMB": "645", "overMB": "9595"}]


def test_parsing() -> None:
    query = "{} | filter ispresent(galaxies) | sort rank | display rank, galaxies"
    wanted = [
        {"rank": "0", "galaxies": "1279", "@ptr": "1"},
        {"rank": "1", "galaxies": "1280", "@ptr": "2"},
    ]
    assert ask(query.format('parse @message "rank * of 2: * galaxies" as rank, galaxies')) == wanted
    assert ask(query.format(r"parse /rank (?<rank>\d) of 2: (?<galaxies>\d+)/")) == wanted
    parsed = ask('parse "rank * of *" as rank, rest | filter rest like /1280/ | stats max(rank)')
    assert parsed == [{"max(rank)": "1"}]


def test_what_filters_let_through_is_counted_before_the_limit() -> None:
    assert Query("filter @type = 'REPORT' | limit 1").run(rows()).matched == 2
    assert Query("filter @type = 'REPORT' | stats count(*) as n | filter n > 5").run(rows()).matched == 2
    assert Query("fields @message | limit 1").run(rows()).matched == len(MESSAGES)


@pytest.mark.parametrize(
    "message",
    [
        "REPORT RequestId: x\tDuration: none\tMemory Size:\n",
        '{"unfinished": ',
        '{"a": NaN, "b": 1e999, "c": null}',
        '{"a": 1' + "0" * 400 + "}",
        '{"a": ' + "[" * 100_000,
        "",
    ],
)
def test_messages_that_only_look_like_something_are_found_as_text(message: str) -> None:
    row = discovered(message)
    assert {name: value for name, value in row.items() if isinstance(value, float)} == {}
    asked = Query("filter ceil(a) > 1 or @message like /./ or 1 = 1").run([row | {"@message": message}])
    assert asked.rows == [{"@message": message}]


def test_a_query_of_parentheses_is_refused() -> None:
    with pytest.raises(MalformedQueryError, match="too many parentheses"):
        Query("filter " + "(" * 9000)


@pytest.mark.parametrize(
    ("query", "at", "message"),
    [
        (
            "fields @message | dedup @message",
            18,
            "'dedup' is not answered here; the embedded AWS knows fields",
        ),
        ("select *", 0, "'select' is no command; the embedded AWS knows fields"),
        ("filter @message like REPORT", 21, "expected a string or a regular expression between slashes"),
        ("filter @message like /(/", 21, "not a regular expression"),
        ("filter", 6, "the query ends where a field"),
        ("fields @message limit 3", 16, "expected '|', found 'limit 3'"),
        ("limit 0", 6, "limit takes a whole number from 1 to 10000"),
        ("limit 10001", 6, "limit takes a whole number"),
        ("stats latest(@message)", 13, "the function 'latest' is not answered by the embedded AWS"),
        ("stats count(*) by bin(1y)", 23, "expected a period in ms, s, m, h, d, w"),
        ("stats pct(@duration, 101)", 24, "expected a percentage from 0 to 100"),
        ('parse @message "a * b *" as one', 31, "2 stars, and 1 names"),
        ("filter @duration not > 3", 21, "expected like or in"),
        ("filter strlen(@message, 2) = 3", 14, "strlen takes 1 arguments, not 2"),
        ("fields @message |", 17, "the query ends where a command should be"),
    ],
)
def test_what_is_not_answered_is_refused_by_name(query: str, at: int, message: str) -> None:
    with pytest.raises(MalformedQueryError) as error:
        Query(query)
    assert message in str(error.value)
    assert error.value.at == at
