"""The reader of a process's output: whole lines, and a flush that misses nothing."""

import os
from collections.abc import Iterator

import pytest

from cosmic_fmi.localcloud.sandbox.output import OutputReader
from tests.cosmic_fmi.localcloud.conftest import wait_for


class Pipe:
    """A pipe with a reader at its end and the lines that came out of it."""

    def __init__(self) -> None:
        reading, self.writing = os.pipe()
        self.lines: list[str] = []
        self.reader = OutputReader(reading, self.lines.extend)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Closed at both ends afterwards."""
    pipe = Pipe()
    yield pipe
    pipe.reader.close()
    os.close(pipe.writing)


def test_flush_passes_on_everything_written_before_it(pipe: Pipe) -> None:
    for number in range(2000):
        os.write(pipe.writing, b"line %d\n" % number)
        if number % 97 == 0:
            pipe.reader.flush()
            assert pipe.lines[-1] == f"line {number}\n"
    pipe.reader.flush()
    assert pipe.lines == [f"line {number}\n" for number in range(2000)]


def test_flush_passes_on_a_line_without_an_end(pipe: Pipe) -> None:
    os.write(pipe.writing, "caf\u00e9".encode())
    pipe.reader.flush()
    assert pipe.lines == ["caf\u00e9"]


def test_lines_arrive_without_a_flush(pipe: Pipe) -> None:
    os.write(pipe.writing, b"one\ntw")
    wait_for(lambda: pipe.lines, "the first line")
    assert pipe.lines == ["one\n"]


def test_line_longer_than_an_event_may_be_is_cut(pipe: Pipe) -> None:
    for _ in range(8):
        os.write(pipe.writing, b"x" * 60_000)
        pipe.reader.flush()
    assert sum(map(len, pipe.lines)) == 480_000
    assert max(map(len, pipe.lines)) <= 256 * 1024


def test_writer_that_never_pauses_does_not_hold_a_flush_up(pipe: Pipe) -> None:
    pid = os.fork()
    if pid == 0:
        while True:
            os.write(pipe.writing, b"busy\n" * 1000)
    try:
        pipe.reader.flush()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_close_may_come_after_the_end_of_the_pipe() -> None:
    pipe = Pipe()
    os.write(pipe.writing, b"last")
    os.close(pipe.writing)
    wait_for(lambda: pipe.lines, "the end")
    pipe.reader.close()
    pipe.reader.close()
    assert pipe.lines == ["last"]
