"""Packages that the functions lack: downloaded for their platform, into an archive in the bucket.

The archive's key is derived from what it is made of, so the same requirements are resolved and uploaded once.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cosmic_fmi.common.contract.keys import REQUIREMENTS
from cosmic_fmi.common.s3 import is_absent
from cosmic_fmi.experiment.aws.s3_sync import Upload, put_all
from cosmic_fmi.experiment.packages.pip import PROVIDED, Pip
from cosmic_fmi.experiment.packages.platform import FunctionPlatform
from cosmic_fmi.experiment.packages.requirements_file import RequirementsFile, read_requirements
from cosmic_fmi.experiment.ui.console import Reporter

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_FORMAT = 1  # raised when archives of the same requirements are made differently
_METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: cosmic-fmi\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file knows; archives of the same files are the same


def upload_packages(
    s3: S3Client, bucket: str, path: Path, platform: FunctionPlatform, reporter: Reporter
) -> str | None:
    """The key of the archive of what a requirements file asks for, which is made if it is not there yet.

    None when the functions have all of it. Raises :class:`~cosmic_fmi.experiment.errors.RequirementsError`.
    """
    file = read_requirements(path)
    file.check(platform.provided, platform.markers)
    key = f"{REQUIREMENTS}/{_digest(file, platform)}.zip"
    if _is_there(s3, bucket, key):
        return key
    with tempfile.TemporaryDirectory(prefix="cosmic-packages-") as folder:
        with reporter.step(f"Downloading the packages of {path.name}") as step:
            wheels = download(file, platform, Path(folder), lambda note: step.update(note=note))
            step.update(note="")
        if not wheels:
            reporter.message(f"The functions have all that {path.name} asks for.")
            return None
        count = f"{len(wheels)} package{'s' if len(wheels) > 1 else ''}"
        with reporter.step(f"Installing {count} for the functions: {', '.join(map(_title, wheels))}") as step:
            archive = Path(folder) / "archive.zip"
            pack(wheels, archive)
            step.update(note=f"{archive.stat().st_size / 1e6:,.1f} MB")
            put_all(s3, bucket, [Upload(archive, key)], lambda _: None)
    return key


def download(
    file: RequirementsFile, platform: FunctionPlatform, folder: Path, note: Callable[[str], None]
) -> list[Path]:
    """The wheels of everything that the file asks for and the functions lack."""
    wheels = folder / "wheels"
    stubs = folder / "provided"
    _write_stubs(stubs, platform.provided)
    common = [
        "--dest",
        str(wheels),
        "--find-links",
        str(stubs),
        "--constraint",
        str(stubs / "constraints.txt"),
    ]
    pip = Pip(file, platform)
    for no_dependencies in (False, True):
        if file.asks(no_dependencies=no_dependencies):
            chosen = folder / "requirements.txt"
            chosen.write_text(file.text(no_dependencies=no_dependencies))
            alone = ["--no-deps"] if no_dependencies else []
            pip.download([*common, *alone, "--requirement", str(chosen)], note)
    return sorted(path for path in wheels.glob("*.whl") if not _is_stub(path))


def pack(wheels: Iterable[Path], archive: Path) -> None:
    """Everything that goes onto the import path of these wheels, in one zip file."""
    seen = set()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as opened:
                for name, entry in _importable(opened):
                    if name in seen:  # two packages that share a namespace
                        continue
                    seen.add(name)
                    packed = zipfile.ZipInfo(name, _DATE)
                    packed.external_attr, packed.compress_type = entry.external_attr, zipfile.ZIP_DEFLATED
                    with opened.open(entry) as source, made.open(packed, "w", force_zip64=True) as target:
                        shutil.copyfileobj(source, target, 2**20)


def _importable(wheel: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """A wheel's files with their paths below the import path, as its format says.

    Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
    """
    for entry in wheel.infolist():
        top, _, rest = entry.filename.partition("/")
        if entry.is_dir():
            continue
        if not top.endswith(".data"):
            yield entry.filename, entry
            continue
        kind, _, below = rest.partition("/")
        if kind in ("purelib", "platlib"):  # the rest are programs, headers and manuals
            yield below, entry


def _write_stubs(folder: Path, provided: Mapping[str, str]) -> None:
    """Empty wheels of what the functions have, so that pip takes it for what it is and fetches none of it.

    Constraints force those versions. They depend on nothing: what they need, the functions have as well.
    """
    folder.mkdir()
    for name, version in provided.items():
        stem = f"{name.replace('-', '_')}-{version}+{PROVIDED}"
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            about = f"{stem}.dist-info"
            wheel.writestr(f"{about}/METADATA", _METADATA.format(name=name, version=f"{version}+{PROVIDED}"))
            wheel.writestr(f"{about}/WHEEL", _WHEEL)
            wheel.writestr(f"{about}/RECORD", "")
    pins = "".join(f"{name}=={version}+{PROVIDED}\n" for name, version in provided.items())
    (folder / "constraints.txt").write_text(pins)


def _is_stub(wheel: Path) -> bool:
    return wheel.name.split("-")[1].endswith(f"+{PROVIDED}")


def _digest(file: RequirementsFile, platform: FunctionPlatform) -> str:
    made_of = [_FORMAT, file.content, platform.name, platform.tags, sorted(platform.provided.items())]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]


def _is_there(s3: S3Client, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if is_absent(error):
            return False
        raise
    return True


def _title(wheel: Path) -> str:
    """A wheel's name and version."""
    name, version = wheel.name.split("-")[:2]
    return f"{name} {version}"
