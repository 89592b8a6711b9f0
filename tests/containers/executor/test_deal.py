"""Properties of the split, whatever the number of files and ranks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.executor.deal import split

names = st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12), max_size=60)


@given(names, st.integers(1, 80))
def test_every_file_goes_to_exactly_one_rank_in_order(files: list[str], world_size: int) -> None:
    shares = split(files, world_size)
    assert len(shares) == world_size
    assert [file for share in shares for file in share] == files


@given(names, st.integers(1, 80))
def test_ranks_differ_by_at_most_one_file(files: list[str], world_size: int) -> None:
    sizes = [len(share) for share in split(files, world_size)]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


def test_more_ranks_than_files_leaves_the_last_without() -> None:
    assert split(["a", "b"], 4) == [["a"], ["b"], [], []]
