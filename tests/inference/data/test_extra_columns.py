"""Ids of any kind and further columns, through a partition and back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.dataset import read
from inference.data.partitions import write
from tests.inference.data.test_dataset import saved, tensors


def test_ids_and_further_columns_come_back_as_they_were(survey: Galaxies, tmp_path: Path) -> None:
    part = survey[:3]
    further = {
        "ra": np.array([180.1, np.nan, 0.25]),
        "name": np.array(["NGC 1", "", "UGC 5 é"]),
        "colour_outlier": np.array([True, False, False]),
        "plate": np.array([2**63 + 5, 1, 2], np.uint64),
    }
    for number, ids in enumerate(
        (
            np.array([1, -5, 7]),
            np.array([11289096837541398528, 2, 3], np.uint64),
            np.array(["J0001", "J0002", "x"]),
        )
    ):
        for suffix in (".pt", ".safetensors"):
            path = tmp_path / f"{number}{suffix}"
            write(path, replace(part, object_id=ids, extra=further))
            back = read(path)
            assert back.object_id.dtype.kind == ids.dtype.kind
            assert back.object_id.tolist() == ids.tolist()
            assert list(back.extra) == list(further)
            for name, column in further.items():
                assert back.extra[name].dtype.kind == column.dtype.kind
                np.testing.assert_array_equal(back.extra[name], column)


def test_further_columns_that_are_none(tmp_path: Path) -> None:
    image, magnitude, redshift = tensors()
    for content in (b"[1]", b"{}x", b'{"a": [1]}', b'{"a": %d}' % 2**64, b"\xff"):
        bad = torch.tensor([list(content)] * 3, dtype=torch.uint8)
        saved(tmp_path / "7.pt", image, magnitude, redshift, torch.arange(3), bad)
        with pytest.raises(DataError, match=r"7\.pt: its"):
            read(tmp_path / "7.pt")
