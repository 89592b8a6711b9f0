"""statemachine.asl.json in tools that share no code with moto's interpreter; `make setup-asl` installs them.

moto's interpreter was taken from LocalStack, so localstack-core would find what moto finds. asl-validator and
aws-local-stepfunctions are TypeScript, written from the specification of the Amazon States Language.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).parents[4] / ".venv-asl"
Task = Callable[[Any], Any]
PATIENCE_S = 60.0


class TaskError(Exception):
    """A task ends with this error and cause, as Step Functions words them."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


def needed() -> None:
    """Skip the test where the tools are not installed, unless they have to be."""
    if not (TOOLS / ".ready").exists():
        assert "COSMIC_REQUIRE_ASL" not in os.environ, "make setup-asl installs what is needed"
        pytest.skip("make setup-asl installs the other interpreter; it needs Node.js")


def complaints(definition: Mapping[str, Any]) -> str:
    """What asl-validator says is wrong with a state machine; empty when nothing is."""
    done = subprocess.run(
        ["node", TOOLS / "validate.mjs"],
        input=json.dumps(definition),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def interpret(
    definition: Mapping[str, Any], given: object, context: Mapping[str, Any], tasks: Mapping[str, Task]
) -> dict[str, Any]:
    """Run an execution whose tasks are functions of this process.

    Returns its `status` with its `output`, or with `error` and `cause`.
    """
    first = {"definition": definition, "input": given, "context": context, "tasks": list(tasks)}
    with _node() as process, ThreadPoolExecutor(8) as pool:
        assert process.stdin
        assert process.stdout
        _say(process, first)
        for line in process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "status" in message:
                return message
            pool.submit(_answer, process, message, tasks[message["state"]])
        assert process.stderr
        pytest.fail(f"the interpreter ended: {process.stderr.read()}")


@contextmanager
def _node() -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    command = ["node", str(TOOLS / "interpret.mjs")]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _answer(process: subprocess.Popen[str], message: Mapping[str, Any], task: Task) -> None:
    answer: dict[str, Any] = {"call": message["call"]}
    try:
        answer["result"] = task(message["input"])
    except TaskError as failure:
        answer |= {"error": failure.error, "cause": failure.cause}
    _say(process, answer)


def _say(process: subprocess.Popen[str], message: Mapping[str, Any]) -> None:
    assert process.stdin
    process.stdin.write(json.dumps(message) + "\n")  # one write a line: other threads write, too
    process.stdin.flush()
