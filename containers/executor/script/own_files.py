"""The files that a script leaves in OUTPUT_PATH, uploaded when it ends or when its time is nearly up."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from containers.executor.clients import PARALLEL_REQUESTS, s3
from containers.executor.inputs.payload import TMP
from containers.executor.script.bundle import TRANSFER, local_path
from cosmic_fmi.common.contract.reading import NotAResultError, parse, printable

log = logging.getLogger(__name__)

FOLDER = f"{TMP}cosmic-output"
RESULT = "result.json"
"""A file of this name is the rank's result, if it holds one JSON object."""
MOST_FILES = 10_000
"""Of one rank: each is a request, and a line in a listing."""
MOST_NAMED = 20
"""Files that were left out which an outcome names."""
_MOST_KEY_BYTES = 1024
_LARGEST_RESULT = 2**20


@dataclass
class Uploaded:
    """What of a rank's files is in S3, in files and bytes (``size``); ``left_out`` is what cannot be there,
    each with the reason.
    """

    files: int = 0
    size: int = 0
    left_out: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """What should be in S3, and could not be sent."""
    result: bytes | None = None
    """The content of RESULT, where it is a JSON object."""


class OwnFiles:
    """The folder OUTPUT_PATH of one rank; ``prefix`` is where its files go, None for nowhere."""

    def __init__(self, bucket: str, prefix: str | None) -> None:
        self.folder = local_path(FOLDER)
        self._bucket, self._prefix = bucket, prefix
        self._sent: dict[Path, tuple[int, int]] = {}
        self._lock = threading.Lock()
        # What an earlier script left is its rank's, and was uploaded then.
        self.remove()
        self.folder.mkdir(parents=True)

    def remove(self) -> None:
        """Remove the folder, to free /tmp for the next script."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def upload(self) -> Uploaded:
        """Upload what is new or has changed since the last call."""
        done = Uploaded()
        if self._prefix is None:
            return done
        with self._lock, ThreadPoolExecutor(PARALLEL_REQUESTS // 2) as pool:
            paths = list(self._files(done))
            for path, problem in zip(paths, pool.map(self._send, paths), strict=True):
                if problem is not None:
                    done.lost.append(f"{self._name(path)}: {problem}")
                    continue
                done.files += 1
                done.size += self._sent[path][0]
        done.result = self._result(done)
        if more := len(done.left_out) - MOST_NAMED:
            done.left_out[MOST_NAMED:] = [f"and {more} more"] if more > 0 else []
        return done

    @contextmanager
    def before_time_is_up(self, seconds_left: float) -> Iterator[None]:
        """Upload what is there shortly before the function's time ends, should the block last that long."""
        margin = min(30.0, seconds_left / 5)
        timer = threading.Timer(max(0.0, seconds_left - margin), self._save)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _save(self) -> None:
        log.warning("the function's time is nearly up: what is in OUTPUT_PATH by now is kept")
        self.upload()

    def _files(self, done: Uploaded) -> Iterator[Path]:
        count = 0
        for folder, folders, names in os.walk(self.folder):
            folders.sort()
            for name in sorted([*names, *(one for one in folders if (Path(folder) / one).is_symlink())]):
                path = Path(folder) / name
                problem = (
                    f"it is one more than {MOST_FILES:,} files" if count >= MOST_FILES else self._unfit(path)
                )
                if problem is None:
                    count += 1
                    yield path
                else:
                    done.left_out.append(f"{self._name(path)}: {problem}")

    def _unfit(self, path: Path) -> str | None:
        if path.is_symlink() or not path.is_file():
            return "it is no plain file"
        try:
            key = self._key(path).encode()
        except UnicodeEncodeError:
            return "its name is not UTF-8"
        return "its name is too long for S3" if len(key) > _MOST_KEY_BYTES else None

    def _send(self, path: Path) -> str | None:
        """Why a file could not be uploaded; None when it is there."""
        try:
            stat = path.stat()
            state = (stat.st_size, stat.st_mtime_ns)
            if self._sent.get(path) != state:
                s3().upload_file(str(path), self._bucket, self._key(path), Config=TRANSFER)
                self._sent[path] = state
        except (OSError, S3UploadFailedError, BotoCoreError, ClientError) as error:
            return printable(str(error), 300)
        return None

    def _result(self, done: Uploaded) -> bytes | None:
        path = self.folder / RESULT
        if path not in self._sent or self._sent[path][0] > _LARGEST_RESULT:
            return None
        try:
            body = path.read_bytes()
            parse(body)
        except (OSError, NotAResultError) as error:
            done.left_out.append(f"{RESULT} is kept as a file, and is no result: it {error}")
            return None
        return body

    def _name(self, path: Path) -> str:
        return printable(path.relative_to(self.folder).as_posix(), 200)

    def _key(self, path: Path) -> str:
        return f"{self._prefix}{path.relative_to(self.folder).as_posix()}"
