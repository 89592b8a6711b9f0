"""A whole preparation: what is in its files, and that it is the same each time."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.dataset import read
from inference.preparation.blocks import Block, Reason
from inference.preparation.prepare import File, Options, Preparation
from inference.preparation.scale import MagnitudeScale
from inference.preparation.survey import split

SMALL = [("1MB", 2**20), ("512KB", 2**19)]


class Given:
    """A source of these galaxies, in blocks of 100."""

    name = "given"

    def __init__(self, galaxies: Galaxies) -> None:
        self.galaxies = galaxies
        self.most = 0

    def blocks(self) -> Iterator[Block]:
        for start in range(0, len(self.galaxies), 100):
            part = self.galaxies[start : start + 100]
            yield Block(part, np.zeros(len(part), np.int8))


def copy(galaxies: Galaxies) -> Galaxies:
    return Galaxies.concatenate([galaxies])


def by_folder(files: Iterator[File]) -> dict[str, list[Galaxies]]:
    found: dict[str, list[Galaxies]] = {}
    for file in files:
        folder, _, name = file.name.rpartition("/")
        found.setdefault(folder, []).append(read(file.content, name))
        assert int(Path(name).stem) == len(found[folder])
    return found


def test_the_parts_are_all_that_was_kept_once(survey: Galaxies) -> None:
    dirty = copy(survey[:500])
    dirty.image[3, 0, 0, 0] = np.nan
    dirty.magnitude[7, 0] = -9999
    dirty.redshift[11] = -5
    dirty.object_id[13] = dirty.object_id[12]
    preparation = Preparation(Given(dirty), Options(SMALL, drop_outliers=False))
    folders = by_folder(preparation.partitions())
    assert set(folders) == {
        f"{part}/{size}" for part in ("train", "validation", "test") for size in ("1MB", "512KB")
    }
    assert preparation.count == sum(map(len, folders.values()))
    sizes = []
    for size, rows in (("1MB", 52), ("512KB", 26)):
        parts = [Galaxies.concatenate(folders[f"{part}/{size}"]) for part in ("train", "validation", "test")]
        ids = np.concatenate([part.object_id for part in parts])
        assert sorted(ids) == sorted(set(range(500)) - {3, 7, 11, 13})
        assert all((np.diff(part.object_id) > 0).all() for part in parts)  # the order of the source
        assert all(len(piece) == rows for piece in folders[f"train/{size}"][:-1])
        sizes.append([len(part) for part in parts])
    assert sizes[0] == sizes[1] == [347, 75, 74]
    test = Galaxies.concatenate(folders["test/1MB"])
    assert np.array_equal(test.image, survey.image[test.object_id])
    summary = preparation.summary()
    assert (summary["read"], summary["kept"]) == (500, 496)
    reasons = ["pixels that are not finite", "missing photometry", "impossible redshift", "duplicate id"]
    dropped = preparation.survey.dropped()
    assert [dropped[reason] for reason in reasons] == [1, 1, 1, 1]
    assert sum(dropped.values()) == 4


def test_reports(survey: Galaxies) -> None:
    dirty = copy(survey[:200])
    dirty.magnitude[7, 0] = np.nan
    reports = {
        file.name: file.content.decode() for file in Preparation(Given(dirty), Options(SMALL)).reports()
    }
    summary = json.loads(reports["summary.json"])
    assert summary["dropped"]["missing photometry"] == 1
    assert summary["folders"]["test/1MB"]["files"] == 1
    assert "7,7,missing photometry" in reports["dropped.csv"].splitlines()
    scale = json.loads(reports["normalisation.json"])
    assert len(scale["magnitude_mean"]) == len(scale["magnitude_scale"]) == 5


def test_normalisation_is_of_the_training_part_alone(survey: Galaxies, tmp_path: Path) -> None:
    options = Options([("1MB", 2**20)], normalise=True, drop_outliers=False)
    first = Preparation(Given(survey), options)
    folders = by_folder(first.partitions())
    train = Galaxies.concatenate(folders["train/1MB"])
    assert train.magnitude.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-9)
    assert train.magnitude.std(axis=0) == pytest.approx(np.ones(5))
    rows = Galaxies.concatenate(folders["test/1MB"]).object_id
    changed = copy(survey)
    changed.magnitude[rows] += 3.0  # whatever the test part says
    second = Preparation(Given(changed), options)
    assert first.scale is not None
    assert second.scale is not None
    assert np.array_equal(first.scale.mean, second.scale.mean)
    assert np.array_equal(first.scale.deviation, second.scale.deviation)
    # Data for inference are normalised by what the training data said.
    saved = tmp_path / "normalisation.json"
    saved.write_bytes(next(file.content for file in first.reports() if file.name == saved.name))
    options = replace(options, shares=None, scale=MagnitudeScale.read(saved))
    alone = Galaxies.concatenate(by_folder(Preparation(Given(survey), options).partitions())["1MB"])
    assert np.array_equal(alone.magnitude[train.object_id], train.magnitude)


def test_magnitudes_stay_as_they_are_by_default(survey: Galaxies) -> None:
    options = Options([("1MB", 2**20)], shares=None, drop_outliers=False)
    folders = by_folder(Preparation(Given(survey[:60]), options).partitions())
    assert np.array_equal(Galaxies.concatenate(folders["1MB"]).magnitude, survey.magnitude[:60])


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_two_preparations_are_the_same_bytes(survey: Galaxies, suffix: str) -> None:
    options = Options(SMALL, suffix=suffix, seed=5)
    runs = [list(Preparation(Given(survey[:90]), options).partitions()) for _ in range(2)]
    assert runs[0] == runs[1]
    other = list(Preparation(Given(survey[:90]), replace(options, seed=6)).partitions())
    assert runs[0] != other


def test_the_course_reads_the_partitions(survey: Galaxies) -> None:
    file = next(Preparation(Given(survey[:90]), Options(SMALL, shares=None)).partitions())
    data = torch.load(io.BytesIO(file.content), weights_only=False)
    image, magnitude, redshift = data[:][0], data[:][1], data[:][2]
    assert image.shape[1:] == (5, 32, 32)
    assert len(image) == len(magnitude) == len(redshift)


def test_copies_fill_a_size(survey: Galaxies) -> None:
    options = Options([("512KB", 2**19)], shares=None, repeat_to=3 * 2**20, drop_outliers=False)
    preparation = Preparation(Given(survey[:60]), options)
    folders = by_folder(preparation.partitions())
    everything = Galaxies.concatenate(folders["512KB"])
    assert preparation.count == len(folders["512KB"]) == 6
    assert len(everything) == 154  # the fewest rows of 20,512 bytes in 3 MB
    assert np.array_equal(everything.object_id, np.arange(154) % 60)
    assert np.array_equal(everything.image, survey.image[np.arange(154) % 60])


def test_a_terabyte_is_made_as_it_is_asked_for(survey: Galaxies) -> None:
    options = Options([("25MB", 25 * 2**20)], shares=None, repeat_to=2**40)
    preparation = Preparation(Given(survey[:60]), options)
    assert preparation.count == 41_911
    assert len(read(next(preparation.partitions()).content)) == 1279


def test_galaxies_without_redshifts(survey: Galaxies) -> None:
    unknown = copy(survey[:60])
    unknown.redshift[:] = np.nan
    folders = by_folder(Preparation(Given(unknown), Options(SMALL, shares=None)).partitions())
    assert np.isnan(folders["1MB"][0].redshift).all()


def test_nothing_left(survey: Galaxies) -> None:
    bad = copy(survey[:5])
    bad.magnitude[:] = np.nan
    with pytest.raises(DataError, match="given: nothing is left of 5 objects: 5 missing photometry"):
        Preparation(Given(bad), Options(SMALL))
    with pytest.raises(DataError, match="given: holds no galaxies"):
        Preparation(Given(survey[:0]), Options(SMALL))


def test_a_source_that_changes_is_noticed(survey: Galaxies) -> None:
    for later in (survey[:150], survey[:250], survey[50:250]):
        source = Given(survey[:200])
        preparation = Preparation(source, Options(SMALL))
        source.galaxies = later
        with pytest.raises(DataError, match="changed while it was read"):
            list(preparation.partitions())


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"magnitude_mean": [1], "magnitude_scale": [1], "galaxies": 1}']
)
def test_a_scale_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "n.json").write_text(content)
    with pytest.raises(DataError, match=r"n\.json: is not the normalisation\.json of a preparation"):
        MagnitudeScale.read(tmp_path / "n.json")


@given(
    st.lists(st.booleans(), max_size=60),
    st.tuples(st.integers(1, 90), st.integers(0, 90), st.integers(0, 90)),
    st.integers(0, 3),
)
def test_a_split_deals_out_what_is_kept(kept: list[bool], shares: tuple[int, int, int], seed: int) -> None:
    part = split(np.array(kept, bool), shares, seed)
    assert ((part >= 0) == np.array(kept, bool)).all()
    assert np.array_equal(part, split(np.array(kept, bool), shares, seed))
    for number, share in enumerate(shares):
        assert abs((part == number).sum() - share / sum(shares) * sum(kept)) <= 1


class Fading(Given):
    """A source of which a galaxy cannot be read the second time, or has gone."""

    def __init__(self, galaxies: Galaxies, gone: bool) -> None:
        super().__init__(galaxies)
        self.gone = gone
        self.turn = 0

    def blocks(self) -> Iterator[Block]:
        self.turn += 1
        for block in super().blocks():
            if self.turn == 1:
                yield block
            elif self.gone:
                yield replace(block, galaxies=block.galaxies[::-1])
            else:
                yield replace(block, reason=np.full(len(block), Reason.UNREADABLE, np.int8))


@pytest.mark.parametrize("gone", [False, True])
def test_a_source_that_changes_while_it_is_read_is_refused(survey: Galaxies, gone: bool) -> None:
    preparation = Preparation(Fading(survey[:60], gone), Options(SMALL, shares=None, drop_outliers=False))
    with pytest.raises(DataError, match="changed while it was read"):
        list(preparation.partitions())


def test_a_given_scale_is_what_is_stored_beside_the_data(survey: Galaxies) -> None:
    given = MagnitudeScale.of(survey.magnitude[:50] + 3)
    preparation = Preparation(Given(survey[:200]), Options(SMALL, normalise=True, scale=given))
    stored = {file.name: file.content for file in preparation.reports()}["normalisation.json"]
    assert json.loads(stored) == given.as_dict()


@pytest.mark.parametrize("count", [1, 2])
def test_a_scale_is_only_needed_to_normalise(survey: Galaxies, count: int) -> None:
    """Of so few galaxies training gets one at most."""
    reports = {file.name for file in Preparation(Given(survey[:count]), Options(SMALL)).reports()}
    assert reports == {"summary.json", "dropped.csv"}
    with pytest.raises(DataError, match="1 galaxies in the training part do not give magnitudes a scale"):
        Preparation(Given(survey[:count]), Options(SMALL, normalise=True))
