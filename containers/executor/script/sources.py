"""The source files of a bundle in S3 that its script imports, directly or through one another.

Only what can be reached from the script is read, within the limits below: a bundle may hold notebooks, other
programs and whole packages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import all_suffixes
from pathlib import PurePosixPath

from botocore.exceptions import ClientError

from containers.executor.clients import PARALLEL_REQUESTS, s3
from containers.executor.script.imports import Import, certain_imports, parse

MOST_FILES = 200
MOST_FILE_BYTES = 256 * 1024
"""Limits of what is read: a few seconds of Initialize's time at the most."""


class Sources:
    """The files of a bundle by key, with their sizes in bytes.

    ``folders`` are where the script's imports look first: its own folder, then the bundle's.
    """

    def __init__(self, bucket: str, sizes: Mapping[str, int], folders: Sequence[PurePosixPath]) -> None:
        self._bucket = bucket
        self._sizes = sizes
        self._folders = folders
        self._homes = _homes(sizes, folders[-1])

    def has(self, top: str) -> bool:
        """Whether there is a module or package of this name in any folder of the bundle.

        Any, because a script may add folders to ``sys.path``.
        """
        return top in self._homes

    def imports(self, script: str) -> Iterator[tuple[str, Import]]:
        """What the script and all that it reaches certainly import, each with the key of its file.

        Raises SyntaxError when the script is not Python; other files like that are passed over.
        """
        seen, wave = {script}, [script]
        while wave:
            found = list(self._read(wave, script))
            yield from found
            reached = dict.fromkeys(file for key, one in found for file in self._files(key, one))
            wave = [key for key in reached if key not in seen][: MOST_FILES - len(seen)]
            seen.update(wave)

    def _read(self, keys: Sequence[str], script: str) -> Iterator[tuple[str, Import]]:
        with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
            bodies = list(pool.map(self._body, keys))
        for key, body in zip(keys, bodies, strict=True):
            try:
                tree = parse(body)
            except SyntaxError:
                if key == script:
                    raise
                continue
            yield from ((key, one) for one in certain_imports(tree, is_main=key == script))

    def _body(self, key: str) -> bytes:
        """A file, or nothing where it is too large, is gone or may not be read: whoever runs it will see."""
        if self._sizes[key] > MOST_FILE_BYTES:
            return b""
        try:
            return s3().get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError:
            return b""

    def _files(self, key: str, one: Import) -> list[str]:
        """The bundle's files that this import runs, packages from the outermost in."""
        base = self._base(key, one)
        if base is None:
            return []
        stems = [base]
        for part in filter(None, one.module.split(".")):
            stems.append(stems[-1] / part)
        stems += [stems[-1] / name for name in one.names]
        candidates = [file for stem in stems for file in (f"{stem}.py", f"{stem}/__init__.py")]
        return [file for file in candidates if file in self._sizes]

    def _base(self, key: str, one: Import) -> PurePosixPath | None:
        """The folder in which an import looks; None for what does not come with the bundle."""
        if one.level:
            above = PurePosixPath(key).parents
            return above[one.level - 1] if one.level <= len(above) else None
        homes = self._homes.get(one.top, set())
        first = next((folder for folder in self._folders if folder in homes), None)
        return first or (next(iter(homes)) if len(homes) == 1 else None)


def _homes(keys: Mapping[str, int], root: PurePosixPath) -> dict[str, set[PurePosixPath]]:
    """The folders below ``root`` that hold a module or package, by its name."""
    homes: dict[str, set[PurePosixPath]] = defaultdict(set)
    for key in keys:
        path = PurePosixPath(key)
        suffix = next((end for end in all_suffixes() if path.name.endswith(end)), None)
        if suffix is None:
            continue
        homes[path.name.removesuffix(suffix)].add(path.parent)
        for folder in path.parents:
            if folder == root or root not in folder.parents:
                break
            homes[folder.name].add(folder.parent)
    return dict(homes)
