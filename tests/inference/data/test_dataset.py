"""The course's .pt files: round trips, clear errors, and nothing in a file is ever executed."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import TensorDataset

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.dataset import read
from inference.data.partitions import default_ids, encode, partition_files, write, write_partitions


def tensors(count: int = 3, size: int = 32) -> list[torch.Tensor]:
    return [torch.rand(count, 5, size, size), 15 + torch.rand(count, 5).double(), torch.rand(count).double()]


def saved(path: Path, *content: torch.Tensor) -> Path:
    torch.save(TensorDataset(*content), path)
    return path


def test_a_file_of_something_else_is_refused_in_a_short_sentence(tmp_path: Path) -> None:
    """Such as a checkpoint, which has hundreds of names; and the names are the file's."""
    names = [f"blocks.{number}.weight" for number in range(300)] + ["\x1b[2J"]
    torch.save({name: torch.ones(1) for name in names}, tmp_path / "1.pt")
    with pytest.raises(DataError, match=r"has no image .* and 293 more\.") as caught:
        read(tmp_path / "1.pt")
    assert len(str(caught.value)) < 600 + len(str(tmp_path))
    assert str(caught.value).isprintable()


def test_round_trip(survey: Galaxies, tmp_path: Path) -> None:
    path = tmp_path / "some.pt"
    write(path, survey[10:20])
    back = read(path)
    for field in ("image", "magnitude", "redshift", "object_id"):
        assert np.array_equal(getattr(back, field), getattr(survey, field)[10:20])
    assert path.stat().st_size < 10 * (5 * 32 * 32 * 4 + 56) + 5_000  # not the whole array behind the slice


def test_the_course_reads_our_files(survey: Galaxies, tmp_path: Path) -> None:
    path = tmp_path / "some.pt"
    write(path, survey[:5])
    data = torch.load(path, weights_only=False)
    image, magnitude, redshift = data[:][0], data[:][1], data[:][2]
    assert image.shape == (5, 5, 32, 32)
    assert magnitude.dtype == redshift.dtype == torch.float64


def test_a_course_file_from_bytes(tmp_path: Path) -> None:
    image, magnitude, redshift = tensors()
    path = saved(tmp_path / "7.pt", image, magnitude, redshift.unsqueeze(1))
    galaxies = read(path.read_bytes(), name="s3://bucket/25MB/7.pt")
    assert np.array_equal(galaxies.image, image.numpy())
    assert np.array_equal(galaxies.redshift, redshift.numpy())
    assert galaxies.object_id.tolist() == [(7 << 32) + row for row in range(3)]


def test_a_dictionary_of_tensors(tmp_path: Path) -> None:
    image, magnitude, redshift = tensors()
    content = {"Images": image, "mag": magnitude, "z": redshift, "objid": torch.tensor([5, 6, 7])}
    torch.save(content, tmp_path / "1.pt")
    galaxies = read(tmp_path / "1.pt")
    assert np.array_equal(galaxies.redshift, redshift.numpy())
    assert galaxies.object_id.tolist() == [5, 6, 7]
    torch.save({"pictures": image, "mag": magnitude}, tmp_path / "2.pt")
    with pytest.raises(
        DataError, match=r"2\.pt: has no image \(called image or .*\); it has mag, pictures\."
    ):
        read(tmp_path / "2.pt")
    torch.save({"image": "text", "mag": magnitude}, tmp_path / "3.pt")
    with pytest.raises(DataError, match=r"3\.pt: its image is a str"):
        read(tmp_path / "3.pt")


def test_safetensors(survey: Galaxies, tmp_path: Path) -> None:
    path = tmp_path / "4.safetensors"
    write(path, survey[10:20])
    back = read(path)
    for field in ("image", "magnitude", "redshift", "object_id"):
        assert np.array_equal(getattr(back, field), getattr(survey, field)[10:20])
    for damaged in (path.read_bytes()[:-1], path.read_bytes()[:20], b"", b"\xff" * 30):
        with pytest.raises(DataError, match=r"^4\.safetensors: is damaged or not"):
            read(damaged, "4.safetensors")


def test_the_same_galaxies_are_the_same_bytes(survey: Galaxies) -> None:
    for suffix in (".pt", ".safetensors"):
        assert encode(survey[:9], suffix) == encode(survey[:9], suffix)


def test_images_share_memory_that_can_be_written_to(survey: Galaxies) -> None:
    content = bytearray(encode(survey[:3]))
    assert np.shares_memory(read(content, "1.pt").image, np.frombuffer(content, np.uint8))
    assert read(bytes(content), "1.pt").image.flags.writeable


def test_large_images_are_cropped_and_redshifts_may_be_unknown(tmp_path: Path) -> None:
    image, magnitude, _ = tensors(size=64)
    galaxies = read(saved(tmp_path / "a.pt", image, magnitude.float()))
    assert np.array_equal(galaxies.image, image[:, :, 16:48, 16:48].numpy())
    assert galaxies.magnitude.dtype == np.float64
    assert np.isnan(galaxies.redshift).all()


def damaged(index: int, value: float) -> list[torch.Tensor]:
    content = tensors()
    content[index][1] = value
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tensors()[:1], "1 tensors"),
        ([t[:0] for t in tensors()], "no galaxies"),
        (tensors(size=31), r"\[3, 5, 31, 31\]"),
        ([tensors()[0], *tensors()[1:2], torch.rand(3, 2)], "redshifts have shape"),
        ([tensors()[0], torch.rand(3, 4)], "magnitudes have shape"),
        ([tensors()[0].int(), tensors()[1]], "int32"),
        (damaged(0, float("nan")), "galaxy 1 has an image"),
        (damaged(1, float("inf")), "galaxy 1 has a magnitude"),
        (damaged(2, float("nan")), "galaxy 1 has a redshift"),
        (damaged(2, -1.5), "impossible redshift -1.5"),
        ([*tensors(), torch.rand(3)], "object ids"),
        ([tensors()[0], tensors()[1].int()], "magnitudes are int32"),
        ([*damaged(0, float("inf")), torch.tensor([7, 123, 9])], r"galaxy 1 \(id 123\) has an image"),
        ([tensors()[0].double() * 1e300, tensors()[1]], "galaxy 0 has an image"),
    ],
)
def test_unusable_arrays(tmp_path: Path, content: list[torch.Tensor], message: str) -> None:
    path = tmp_path / "9.pt"
    # TensorDataset itself would refuse lengths that differ, so they are written as a plain tuple.
    torch.save(tuple(content), path)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert "9.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    whole = saved(tmp_path / "1.pt", *tensors()).read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not a file of ours", whole[:-30]):
        with pytest.raises(DataError, match=r"x/1\.pt"):
            read(content, name="x/1.pt")
    with pytest.raises(DataError, match=r"missing\.pt"):
        read(tmp_path / "missing.pt")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path)


@given(st.integers(0, 200_000), st.integers(1, 255))
def test_a_flipped_byte_never_escapes_as_another_error(place: int, flip: int) -> None:
    buffer = io.BytesIO()
    torch.save(TensorDataset(*tensors(1)), buffer)
    content = bytearray(buffer.getvalue())
    content[place % len(content)] ^= flip
    try:
        read(bytes(content), name="1.pt")
    except DataError as error:
        assert str(error).startswith("1.pt: ")  # most flips hit pixels and are no error


class Malicious:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, legacy: bool) -> None:
    path, marker = tmp_path / "1.pt", tmp_path / "owned"
    torch.save([tensors()[0], Malicious(marker)], path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(DataError, match=r"1\.pt"):
        read(path)
    assert not marker.exists()


def test_a_plain_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, marker = tmp_path / "1.pt", tmp_path / "owned"
    path.write_bytes(pickle.dumps(Malicious(marker)))
    with pytest.raises(DataError, match=r"1\.pt"):
        read(path)
    assert not marker.exists()


def test_a_whole_model_is_not_data(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(DataError, match=r"model\.pt"):
        read(path)


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "1.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match=r"1\.pt"):
        read(path)


@settings(max_examples=25)  # each writes files
@given(st.integers(1, 12), st.integers(1, 12))
def test_partitions_cover_all_in_order(total: int, parts: int) -> None:
    import tempfile

    ids = np.arange(total)
    galaxies = Galaxies(np.zeros((total, 5, 32, 32), np.float32), np.ones((total, 5)), np.ones(total), ids)
    with tempfile.TemporaryDirectory() as folder:
        if parts > total:
            with pytest.raises(ValueError, match="cannot be cut"):
                write_partitions(Path(folder), galaxies, count=parts)
            return
        files = write_partitions(Path(folder), galaxies, count=parts)
        assert files == partition_files(Path(folder))
        read_back = [read(file) for file in files]
    sizes = [len(part) for part in read_back]
    assert max(sizes) - min(sizes) <= 1
    assert np.array_equal(np.concatenate([part.object_id for part in read_back]), ids)


def test_partitions_of_a_size(survey: Galaxies, tmp_path: Path) -> None:
    files = write_partitions(tmp_path / "p", survey[:25], size=10)
    assert [file.name for file in files] == ["1.pt", "2.pt", "3.pt"]
    assert [len(read(file)) for file in files] == [10, 10, 5]
    with pytest.raises(ValueError, match="either"):
        write_partitions(tmp_path, survey, size=1, count=1)
    with pytest.raises(ValueError, match="cannot be cut"):
        write_partitions(tmp_path, survey, size=0)


def test_ids() -> None:
    ids = np.concatenate(
        [default_ids(f"25MB/{n}.pt", 100) for n in range(5)] + [default_ids("resized.pt", 100)]
    )
    assert len(set(ids.tolist())) == 600
    assert ids.min() >= 0


@pytest.mark.parametrize("other", ["01", "001", "٣", "2147483649", "4294967297"])
def test_ids_of_two_files_differ_however_their_numbers_are_written(other: str) -> None:
    same = {"٣": "3"}.get(other, "1")
    assert not set(default_ids(f"{same}.pt", 9).tolist()) & set(default_ids(f"{other}.pt", 9).tolist())
    assert default_ids(f"{other}.pt", 9).min() >= 0


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.pt or \.safetensors files"):
        partition_files(tmp_path)


@given(st.integers(0, 50), st.integers(1, 60))
def test_shares_cover_all_once(total: int, world_size: int) -> None:
    galaxies = Galaxies(
        np.zeros((total, 5, 1, 1), np.float32), np.ones((total, 5)), np.ones(total), np.arange(total)
    )
    shares = [galaxies.share(rank, world_size) for rank in range(world_size)]
    assert np.concatenate([share.object_id for share in shares]).tolist() == list(range(total))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
