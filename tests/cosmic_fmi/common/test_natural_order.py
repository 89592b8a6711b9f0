"""Natural order, whatever the names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cosmic_fmi.common.natural_order import natural_key

names = st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12), max_size=60)


@given(st.permutations([f"100MB/{number}.pt" for number in range(1, 31)]))
def test_numbers_sort_by_value(files: list[str]) -> None:
    assert sorted(files, key=natural_key) == [f"100MB/{number}.pt" for number in range(1, 31)]


@given(st.data(), names)
def test_any_names_sort_the_same_way_from_any_order(data: st.DataObject, files: list[str]) -> None:
    shuffled = data.draw(st.permutations(files))
    assert sorted(shuffled, key=natural_key) == sorted(files, key=natural_key)


def test_natural_order_by_example() -> None:
    assert sorted(["10.pt", "2.pt", "a10b2", "a2b10", "1", "01"], key=natural_key) == [
        "01",
        "1",
        "2.pt",
        "10.pt",
        "a2b10",
        "a10b2",
    ]
