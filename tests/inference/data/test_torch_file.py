"""Reading torch.save files without torch: what torch.load gives, byte for byte, and nothing is run."""

import io
import os
import pickle
import pickletools
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import TensorDataset

from inference.core.errors import DataError
from inference.data.torch_file import TensorDataset as ReadDataset
from inference.data.torch_file import load

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
]


def saved(content: object, **options: Any) -> bytes:  # noqa: ANN401
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def same(array: object, tensor: torch.Tensor) -> bool:
    """Shape, type, and every byte."""
    assert isinstance(array, np.ndarray)
    expected = tensor.detach().numpy()
    assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
    assert array.size < 2 or array.strides == expected.strides
    return array.tobytes() == expected.tobytes()


@st.composite
def views(draw: st.DrawFn) -> torch.Tensor:
    """A tensor of any type and shape whose strides are those of a slice, a permutation or a whole."""
    shape = draw(st.lists(st.integers(0, 5), max_size=4))
    size = int(np.prod(shape))
    content = torch.from_numpy(np.frombuffer(os.urandom(size), np.uint8).copy()).reshape(shape)
    tensor = content.to(draw(st.sampled_from(DTYPES)))
    for axis, length in enumerate(shape):
        start, step = draw(st.integers(0, length)), draw(st.integers(1, 3))
        tensor = tensor[(slice(None),) * axis + (slice(start, None, step),)]
    return tensor.permute(draw(st.permutations(range(len(shape)))))


@given(st.lists(views(), min_size=1, max_size=4), st.sampled_from([2, 3, 4, 5]))
def test_reads_what_torch_reads(tensors: list[torch.Tensor], protocol: int) -> None:
    content = saved(tensors, pickle_protocol=protocol)
    with torch.serialization.safe_globals([TensorDataset]):
        by_torch = torch.load(io.BytesIO(saved(tensors)), weights_only=True)
    read = load(content, "1.pt")
    assert isinstance(read, list)
    assert all(same(array, tensor) for array, tensor in zip(read, by_torch, strict=True))


def test_every_container() -> None:
    image, magnitude = torch.rand(4, 5, 32, 32), torch.rand(4, 5).double()
    dataset = load(saved(TensorDataset(image, magnitude)), "1.pt")
    assert isinstance(dataset, ReadDataset)
    assert same(dataset.tensors[0], image)
    assert same(dataset.tensors[1], magnitude)
    pair: Any = load(saved((image, [magnitude, 3, "text", None])), "1.pt")
    assert same(pair[1][0], magnitude)
    assert pair[1][1:] == [3, "text", None]
    named: Any = load(saved({"image": image, "n": {"magnitude": magnitude}}), "1.pt")
    assert same(named["n"]["magnitude"], magnitude)


def test_a_state_dict_with_shared_storage() -> None:
    layer = nn.Linear(3, 4)
    state = OrderedDict(layer.state_dict(), first_row=layer.weight[0], parameter=layer.weight)
    read: Any = load(saved(state), "model.pt")
    assert list(read) == list(state)
    assert all(same(read[name], tensor) for name, tensor in state.items())
    assert np.shares_memory(read["first_row"], read["weight"])


def test_arrays_are_views_that_can_be_written_to_if_the_bytes_can() -> None:
    content = saved(torch.zeros(1000))
    assert not load(content, "1.pt").flags.writeable  # type: ignore[attr-defined]
    buffer = bytearray(content)
    array: Any = load(buffer, "1.pt")
    array[:] = 1.0
    assert b"\x00\x00\x80\x3f" * 1000 in buffer


def test_numbers_of_the_other_byte_order() -> None:
    tensor = torch.arange(6, dtype=torch.int32).reshape(2, 3)
    content = rewritten(saved(tensor), "byteorder", b"big")
    content = rewritten(content, "data/0", tensor.numpy().astype(">i4").tobytes())
    assert np.array_equal(load(content, "1.pt"), tensor.numpy())  # type: ignore[arg-type]


def test_reading_imports_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "1.pt"
    torch.save(TensorDataset(torch.rand(2, 5, 32, 32), torch.rand(2, 5)), path)
    look = (
        "import sys, pathlib; from inference.data.dataset import read;"
        f"read(pathlib.Path({str(path)!r})); print(*{{'torch', 'safetensors'}} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""


# What is refused.


def rewritten(
    content: bytes, record: str, replacement: bytes, compression: int = zipfile.ZIP_STORED
) -> bytes:
    """The archive with another record of that name, and checksums that fit."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for info in old.infolist():
            is_it = info.filename.endswith("/" + record)
            new.writestr(info.filename, replacement if is_it else old.read(info))
    return buffer.getvalue()


def with_pickle(content: object, protocol: int = 2) -> bytes:
    """A file of torch.save whose pickle is that of another object."""
    return rewritten(saved(torch.zeros(3)), "data.pkl", pickle.dumps(content, protocol))


class Calls:
    """Unpickling this calls a function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:  # noqa: ANN401
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_is_refused_by_name_and_not_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "owned"
    builtins = "__builtin__" if protocol < 3 else "builtins"  # what pickle calls it there
    for function, named in ((os.mkdir, "posix.mkdir"), (eval, f"{builtins}.eval")):
        with pytest.raises(DataError, match=rf"^x/1\.pt: .*refused {named}; nothing from it was run\.$"):
            load(with_pickle([1, Calls(function, str(marker))], protocol), "x/1.pt")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (nn.Linear(2, 2), r"torch\.nn\.modules\.linear\.Linear"),
        ({"model": nn.DataParallel(nn.Linear(2, 2))}, r"torch\.nn\.parallel\.data_parallel\.DataParallel"),
        (np.zeros(3), r"numpy\._core\.multiarray\._reconstruct"),
        ([torch.zeros(2, dtype=torch.bfloat16)], r"torch\.BFloat16Storage"),
        ([torch.zeros(1, 2).expand(1000, 2)], "repeats its numbers"),
        ([Path("x")], r"pathlib\..*PosixPath"),
        ({10**5000: torch.zeros(1)}, "more than 64 bits"),
    ],
)
def test_other_objects_are_refused_by_name(content: object, named: str) -> None:
    with pytest.raises(DataError, match=rf"^1\.pt: .*{named}.*\.$"):
        load(saved(content), "1.pt")


def test_old_and_foreign_files_say_what_they_are() -> None:
    with pytest.raises(DataError, match=r"from before 1\.6; write it anew with torch\.save\(torch\.load"):
        load(saved([torch.zeros(2)], _use_new_zipfile_serialization=False), "1.pt")
    with pytest.raises(DataError, match=r"not a file written by torch\.save"):
        load(pickle.dumps([1]), "1.pt")
    with pytest.raises(DataError, match=r"lacks the record data\.pkl"):
        buffer = io.BytesIO()
        np.savez(buffer, image=np.zeros(3))
        load(buffer.getvalue(), "1.pt")
    with pytest.raises(DataError, match="compressed"):
        load(rewritten(saved(torch.zeros(9)), "x", b"", zipfile.ZIP_DEFLATED), "1.pt")


def edited(change: dict[str, str]) -> bytes:
    """A saved [2, 3] float32 tensor, opcodes of whose pickle are replaced: text as pickletools shows it."""
    content = saved(torch.arange(6, dtype=torch.float32).reshape(2, 3))
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        pickled = file.read("archive/data.pkl")
    for old, new in change.items():
        before, after = bytes.fromhex(old), bytes.fromhex(new)
        assert before in pickled
        pickled = pickled.replace(before, after)
    pickletools.dis(pickled, io.StringIO())  # still a pickle
    return rewritten(content, "data.pkl", pickled)


# The pickle says: offset K0, shape (K2 K3), strides (K3 K1), storage of K6 numbers.
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"4b024b0386": "4b024b0486"}, "reaches number 6 of a storage of 6"),
        ({"514b00": "514b01"}, "reaches number 6 of a storage of 6"),
        ({"4b034b0186": "4b044b0186"}, "reaches number 6 of a storage of 6"),
        ({"4b034b0186": "4affffffff4b0186"}, "no count"),
        ({"514b00": "514affffffff"}, "no count"),
        ({"4b034b0186": "4b0185"}, "more dimensions than strides"),
        ({"4b067471": "4b077471"}, "24 bytes, not 7 numbers"),
        ({"4b024b0386": "8a08ffffffffffffff7f4b0386"}, "reaches number"),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(change: dict[str, str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        load(edited(change), "1.pt")


def test_a_truncated_file_is_refused_wherever_it_ends() -> None:
    content = saved(TensorDataset(torch.rand(2, 5, 8, 8), torch.rand(2, 5)))
    for end in [*range(0, 200), *range(200, len(content), 37)]:
        with pytest.raises(DataError, match=r"^1\.pt: "):
            load(content[:end], "1.pt")


def test_every_flipped_byte_of_the_numbers_is_noticed() -> None:
    tensor = torch.rand(40)
    content = saved(tensor)
    place = content.index(tensor.numpy().tobytes())
    for offset in range(160):
        damaged = bytearray(content)
        damaged[place + offset] ^= 1
        with pytest.raises(DataError, match="checksum"):
            load(damaged, "1.pt")


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_pickle_ends_in_another_error(noise: bytes, place: int) -> None:
    content = saved(TensorDataset(torch.rand(2, 3), torch.rand(2)))
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        pickled = file.read("archive/data.pkl")
    for damaged in (
        noise,
        pickled[: place % len(pickled)] + noise,
        pickled[:place] + noise + pickled[place:],
    ):
        try:
            load(rewritten(content, "data.pkl", damaged), "1.pt")
        except DataError as error:
            assert str(error).startswith("1.pt: ")
            assert "\n" not in str(error)


@pytest.mark.timeout(20)
def test_small_pickles_do_not_take_long_or_much_memory() -> None:
    nested: tuple[Any, ...] = ()
    for _ in range(300):
        nested = (nested, nested)
    load(with_pickle(nested), "1.pt")
    bombs = {
        "key": b"\x80\x02})" + b"q\x00h\x00\x86" * 300 + b"K\x01s.",
        "name": b"\x80\x04)" + b"q\x00h\x00\x86" * 300 + b"q\x00h\x00\x93.",
        "text": b"\x80\x04" + b"X\x00\x00\x10\x00" + b"\n" * 2**20 + b"q\x00h\x00\x93.",
        "memo": b"\x80\x02Nr\xff\xff\xff\xff.",
        "length": b"\x80\x02\x8d" + b"\xff" * 7 + b"\x0f.",
        "buffer": b"\x80\x05\x96" + b"\xff" * 4 + b"\x00" * 4 + b".",
    }
    for name, bomb in bombs.items():
        content = rewritten(saved(torch.zeros(3)), "data.pkl", bomb)
        if name == "memo":
            assert load(content, "1.pt") is None
            continue
        with pytest.raises(DataError, match=r"^1\.pt: .{,400}$"):
            load(content, "1.pt")


def test_a_pickle_beyond_what_names_and_shapes_need_is_not_read() -> None:
    """Of 6 MB each cost 450 to 670 MB of memory and 6 to 17 s."""
    content = pickle.dumps([float(number) for number in range(200_000)], protocol=2)
    assert 2**20 < len(content) < 2 * 2**20
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", content)
    with pytest.raises(DataError, match="far more than names and shapes need"):
        load(buffer.getvalue(), "1.pt")
