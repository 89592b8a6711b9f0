"""Errors of scripts from elsewhere say what to change in the execution input."""

from __future__ import annotations

import pytest

from containers.executor.script.hints import with_hint


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("Weights only load failed. This file can", '{"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}'),
        ("No module named 'timm'", 'the package that has timm in "requirements"'),
        ("No module named 'timm.models'", "put the folder timm into the bundle"),
        ("operator torchvision::nms does not exist", "PyTorch's index for CPUs"),
        ("Attempting to deserialize object on a CUDA device but", '["--device", "cpu"]'),
        ("An error occurred (NoSuchBucket) when calling the GetObject operation", "S3_BUCKET"),
        ("An error occurred (AccessDenied) when calling the PutObject operation", "extra_buckets"),
    ],
)
def test_what_to_change_stands_behind_the_error(message: str, says: str) -> None:
    shown = with_hint(message)
    assert shown.startswith(f"{message} ")
    assert says in shown


def test_other_errors_stay_as_they_are() -> None:
    assert with_hint("no such band: {u}") == "no such band: {u}"
