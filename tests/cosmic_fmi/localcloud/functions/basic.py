"""Handlers that the tests of the Lambda runtime deploy."""

# ruff: noqa: ANN401, ARG001 - a handler takes an event and a context, whatever they are

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import boto3

invocations = 0


def echo(event: Any, context: Any) -> Any:
    """Return the event and what there is to know of this environment."""
    global invocations  # noqa: PLW0603 - tells a warm environment from a cold one
    invocations += 1
    print("echo:", json.dumps(event))
    return {
        "event": event,
        "request_id": context.aws_request_id,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn,
        "pid": os.getpid(),
        "invocations": invocations,
    }


def environment(event: Any, context: Any) -> Any:
    """Return the environment variables and the working directory."""
    return {"variables": dict(os.environ), "cwd": str(Path.cwd()), "python": sys.executable}


def tmp(event: Any, context: Any) -> Any:
    """Write below /tmp and return what is there besides."""
    folder = Path(gettempdir())
    before = sorted(path.name for path in folder.iterdir())
    (folder / event["write"]).write_text("private")
    return {"before": before, "folder": str(folder), "shared": (Path("/tmp") / event["write"]).exists()}


def fail(event: Any, context: Any) -> Any:
    """Raise."""
    print("about to fail")
    raise ValueError("wrong input")


def leave(event: Any, context: Any) -> Any:
    """End the process."""
    print("leaving")
    sys.exit(event.get("status", 3))


def crash(event: Any, context: Any) -> Any:
    """Die as a native library would let it."""
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(event: Any, context: Any) -> Any:
    """Never return; a child of it does not either."""
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    print("child", child.pid)
    threading.Event().wait()


def hog(event: Any, context: Any) -> Any:
    """Take more and more memory."""
    held = []
    while True:
        held.append(b"x" * (16 * 1024 * 1024))


def hog_in_children(event: Any, context: Any) -> Any:
    """Take memory in two child processes that wait, and have none of it in this one."""
    program = f"held = b'x' * ({event['mb']} << 20); print(flush=True); input()"
    pipe = subprocess.PIPE
    children = [subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe) for _ in range(2)]
    for child in children:
        child.stdout.readline()  # type: ignore[union-attr]
    threading.Event().wait(event["seconds"])
    for child in children:
        child.communicate(b"\n")


def end_service(event: Any, context: Any) -> Any:
    """Want no more tasks of the event's service, after longer than it takes to start one."""
    threading.Event().wait(3)
    detail = event["detail"]
    service = detail["group"].removeprefix("service:")
    boto3.client("ecs").update_service(cluster=detail["clusterArn"], service=service, desiredCount=0)


def wait(event: Any, context: Any) -> Any:
    """Return after some seconds."""
    threading.Event().wait(event["seconds"])


def fill(event: Any, context: Any) -> str:
    """Write a file of so many MB below /tmp; how that went."""
    try:
        with (Path(gettempdir()) / event["name"]).open("wb", buffering=0) as file:
            for _ in range(event["mb"]):
                file.write(b"x" * 1024 * 1024)
    except OSError as error:
        return str(error.strerror)
    return "written"


def fill_and_wait(event: Any, context: Any) -> str:
    """Write a file of so many MB below /tmp, and wait."""
    with (Path(gettempdir()) / f"file-{event['mb']}").open("wb") as file:
        file.write(bytes(event["mb"] << 20))
    threading.Event().wait(event["seconds"])
    return "written"


def rights(event: Any, context: Any) -> dict[str, Any]:
    """What this process may do: writing outside /tmp, its user, its capabilities."""
    seen: dict[str, Any] = {"user": os.getuid()}
    for name, folder in {"root": Path("/"), "task": Path(__file__).parent}.items():
        try:
            (folder / "written").touch()
        except OSError as error:
            seen[name] = error.strerror
    status = Path("/proc/self/status").read_text()
    seen["capabilities"] = int(status.split("CapEff:")[1].split()[0], 16)
    return seen


def large(event: Any, context: Any) -> Any:
    """Return a payload of the wanted size."""
    return "x" * event["size"]


def chatter(event: Any, context: Any) -> Any:
    """Print many lines by every way there is, the last one without an end."""
    for number in range(event["lines"]):
        print("python", number)
        print("error", number, file=sys.stderr)
    subprocess.run([sys.executable, "-c", "print('child line')"], check=True)
    os.write(1, b"raw bytes \xff\n")
    library = ctypes.CDLL(None)
    library.write(1, b"no end", 6)


def met(event: Any, context: Any) -> Any:
    """Say that this one runs and wait for the other: a file each in a folder both see."""
    folder = Path(event["folder"])
    (folder / event["mine"]).touch()
    done = threading.Event()
    while not (folder / event["theirs"]).exists():
        done.wait(0.01)
    return os.getpid()


def rank(event: Any, context: Any) -> Any:
    """An item of a Map: fails where it is told to."""
    if event.get("fail"):
        raise RuntimeError(f"rank {event['rank']} failed")
    return {"rank": event["rank"], "pid": os.getpid()}


def record(event: Any, context: Any) -> Any:
    """Keep the event in a file that the test reads."""
    path = Path(os.environ["RECORD"])
    with path.open("a") as file:
        file.write(json.dumps(event) + "\n")


def who_am_i(event: Any, context: Any) -> str:
    """The ARN of the function's own credentials."""
    return str(boto3.client("sts").get_caller_identity()["Arn"])
