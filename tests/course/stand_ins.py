"""The two large files of the course's folder, of the same form, for a clone that lacks them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from inference.data.partitions import write
from inference.survey.synthetic import SAMPLE_SIZE, sample_set
from tests.course.folder import GALAXIES, MODEL, Course

TIMM = "timm==0.4.12"
TORCHVISION = (
    "torchvision/__init__.py",
    "torchvision/transforms/__init__.py",
    "torchvision/transforms/functional.py",
)
"""Empty files in the place of torchvision, which timm imports and the course never calls (docs/course.md)."""

# The sizes that the published model has, and weights as they are before training.
_MAKE_MODEL = """
import sys
import torch
from torch import nn
from blocks.model_vit_inception import ViT_Astro
from NormalCell import NormalCell, get_sinusoid_encoding
from timm.models.vision_transformer import PatchEmbed

WIDTH, PATCHES = 192, 16
layers = {
    "cls_token": nn.Parameter(torch.zeros(1, 1, WIDTH)),
    "pos_embed": nn.Parameter(get_sinusoid_encoding(PATCHES + 1, WIDTH)),
    "patch_embed": PatchEmbed(32, 8, 5, WIDTH),
    "blocks": nn.ModuleList(
        NormalCell(WIDTH, 3, qkv_bias=True, class_token=True, group=48, kernel=1) for _ in range(12)
    ),
}
torch.manual_seed(0)
torch.save(nn.DataParallel(ViT_Astro(WIDTH, layers)), sys.argv[1])
"""


def complete_bundle(course: Course, target: Path, packages: Path) -> list[str]:
    """Copy the course's folder to ``target``; what it lacks is made there. Returns a line for each such file.

    ``packages`` is a folder with timm, as :func:`install_timm` makes it.
    """
    shutil.copytree(course.bundle, target)
    for name in TORCHVISION:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).touch()
    made = []
    if not course.has(MODEL):
        make_model(target, target / MODEL, packages)
        made.append(f"{MODEL} is not in {course.root}: a stand-in with untrained weights takes its place")
    if not course.has(GALAXIES):
        write(target / GALAXIES, sample_set(SAMPLE_SIZE))
        made.append(f"{GALAXIES} is not in {course.root}: {SAMPLE_SIZE:,} synthetic galaxies take its place")
    return made


def install_timm(target: Path) -> None:
    """The version of timm that the course names, without what it would bring along."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), TIMM]
    subprocess.run(command, check=True, timeout=300)


def make_model(bundle: Path, path: Path, packages: Path) -> None:
    """A model of the course's own classes, pickled whole inside DataParallel, as the published one is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    places = os.pathsep.join(map(str, (bundle, packages)))
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _MAKE_MODEL, str(path)],
        env={**os.environ, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        timeout=300,
    )
