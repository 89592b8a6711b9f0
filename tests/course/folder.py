"""A clone of the course's repository: which of its files are used, and what stands written in them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLONE = "git clone https://github.com/UVA-MLSys/AI-for-Astronomy"
MODEL = "Fine_Tune_Model/Mixed_Inception_z_VITAE_Base_Img_Full_New_Full.pt"
GALAXIES = "Inference/resized_inference.pt"
_NEEDED = (
    "aws/lambda/inference.py",
    "aws/lambda/inference_FMI.py",
    "aws/demo input.json",
    "aws/stats.py",
    "aws/collect_logs.ipynb",
    "code/Anomaly Detection/NormalCell.py",
    "code/Anomaly Detection/blocks/model_vit_inception.py",
)
_PAYLOAD_BUCKET = re.compile(r"get_object\(Bucket='([^']+)', Key='payload\.json'\)")
_POINTER = b"version https://git-lfs"


class CourseError(ValueError):
    """The folder is not the course's. The message is one sentence that says what to do."""


@dataclass(frozen=True)
class Course:
    """A clone. ``root`` has the folders ``aws`` and ``code`` in it."""

    root: Path

    @property
    def bundle(self) -> Path:
        """The folder that goes into the bucket."""
        return self.root / "code" / "Anomaly Detection"

    @property
    def programs(self) -> Path:
        """The folder of the helper programs, and of the scripts for Lambda in ``lambda``."""
        return self.root / "aws"

    def script(self, name: str) -> Path:
        """A script for Lambda, ``inference`` or ``inference_FMI``."""
        return self.programs / "lambda" / f"{name}.py"

    def payload(self) -> dict[str, Any]:
        """The sample input."""
        found: dict[str, Any] = json.loads((self.programs / "demo input.json").read_text())
        return found

    def payload_bucket(self, name: str) -> str:
        """The bucket that stands in a script, from which it reads payload.json."""
        found = _PAYLOAD_BUCKET.search(self.script(name).read_text())
        if found is None:
            raise CourseError(f"{self.script(name)} names no bucket of payload.json: was it changed?")
        return found[1]

    def has(self, name: str) -> bool:
        """Whether a file of the bundle is there with its content, which git may keep elsewhere."""
        path = self.bundle / name
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_POINTER)) not in (b"", _POINTER)


def find(folder: str | None) -> Course:
    """The course in this folder. Raises :class:`CourseError`."""
    if not folder:
        raise CourseError(
            f"Say where the course's repository is: {CLONE} && make test-course COURSE=AI-for-Astronomy"
        )
    root = Path(folder).expanduser().resolve()
    missing = [name for name in _NEEDED if not (root / name).is_file()]
    if missing:
        raise CourseError(
            f"{folder} is not the course's repository, it has no {missing[0]}: "
            f"{CLONE} makes a folder to name in COURSE."
        )
    return Course(root)
