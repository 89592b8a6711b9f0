from __future__ import annotations

import json

from cosmic_fmi.experiment.aws.failure import parse_failure


def cause(kind: str, message: str) -> str:
    return json.dumps({"errorType": kind, "errorMessage": message, "stackTrace": ["  File ..."]})


def test_a_failed_rank_gives_a_sentence_and_its_traceback() -> None:
    message = (
        "rank 1 failed: ValueError: no such band\nTraceback (most recent call last):\n  File x.py, line 3"
    )
    failure = parse_failure("FAILED", "RankFailure", cause("RankFailure", message))
    assert failure.sentence == "RankFailure: rank 1 failed: ValueError: no such band"
    assert failure.detail.startswith("Traceback")
    assert str(failure).count("rank 1") == 1


def test_bad_input_is_one_sentence() -> None:
    failure = parse_failure("FAILED", "InputError", cause("InputError", 'There is no bucket "b".'))
    assert str(failure) == 'InputError: There is no bucket "b".'


def test_a_cause_inside_a_cause_is_unwrapped() -> None:
    wrapped = json.dumps({"Error": "InputError", "Cause": cause("InputError", "world_size is 0")})
    assert str(parse_failure("FAILED", "States.TaskFailed", wrapped)) == "InputError: world_size is 0"


def test_plain_text_stays() -> None:
    failure = parse_failure("FAILED", "Lambda.Unknown", "The function did not answer")
    assert str(failure) == "Lambda.Unknown: The function did not answer"


def test_other_ends() -> None:
    assert "time limit" in str(parse_failure("TIMED_OUT", None, None))
    assert str(parse_failure("ABORTED", "Interrupted", "stopped by the user")).endswith("stopped by the user")
    assert "without saying why" in str(parse_failure("FAILED", None, None))
    assert str(parse_failure("FAILED", "States.Runtime", None)) == "States.Runtime"
