"""What comes out of a container: frames in any pieces, whole lines, marks taken out."""

from __future__ import annotations

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cosmic_fmi.localcloud.sandbox.docker_stream import Frames, MarkedOutput

streams = st.sampled_from([1, 2])
contents = st.lists(st.tuples(streams, st.binary(max_size=40)), max_size=12)


def frame(stream: int, content: bytes) -> bytes:
    """As the engine sends it."""
    return struct.pack(">BxxxL", stream, len(content)) + content


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data cut at these places."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


@given(contents, st.lists(st.integers(0, 600), max_size=8))
def test_frames_come_whole_however_they_are_cut(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    frames = Frames()
    data = b"".join(frame(*one) for one in sent)
    assert [one for piece in pieces(data, cuts) for one in frames.feed(piece)] == sent


@given(
    st.lists(st.tuples(streams, st.text("ab\n", max_size=20)), max_size=10),
    st.lists(st.integers(0, 900), max_size=8),
)
def test_lines_of_each_stream_keep_their_order_and_marks_vanish(
    written: list[tuple[int, str]], cuts: list[int]
) -> None:
    output = MarkedOutput()
    number, mark = output.next_mark()
    data = b"".join(frame(stream, text.encode()) for stream, text in written)
    data += frame(1, mark) + frame(2, mark)
    assert not output.wait_for(number, 0)
    found = b"".join(output.decode(piece) for piece in pieces(data, cuts))
    assert output.wait_for(number, 0)
    assert not output.wait_for_end(0)
    whole = ["".join(text for stream, text in written if stream == wanted) for wanted in (1, 2)]
    # A last line without an end got one from the mark.
    expected = [text if not text or text.endswith("\n") else text + "\n" for text in whole]
    assert sorted(found.decode().splitlines(keepends=True)) == sorted(
        line for text in expected for line in text.splitlines(keepends=True)
    )
    assert output.end() == b""
    assert output.wait_for_end(0)


def test_what_has_no_end_of_line_comes_at_the_end() -> None:
    output = MarkedOutput()
    assert output.decode(frame(1, b"one\ntwo")) == b"one\n"
    assert output.decode(frame(2, b"else\n")) == b"else\n"
    assert output.end() == b"two"


def test_very_long_line_does_not_wait_for_its_end() -> None:
    output = MarkedOutput()
    assert output.decode(frame(1, b"x" * 300_000)).startswith(b"xxx")
