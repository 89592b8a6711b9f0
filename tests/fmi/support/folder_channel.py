"""A channel of one's own: the example of docs/fmi-channels.md, word for word."""

from pathlib import Path
from uuid import uuid4

import fmi


class Folder(fmi.Store):
    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def put(self, key: str, data: bytes) -> None:
        (self.path / key).parent.mkdir(parents=True, exist_ok=True)
        half = self.path / f"{key}.{uuid4().hex}"
        half.write_bytes(data)
        half.replace(self.path / key)

    def get(self, key: str) -> bytes | None:
        try:
            return (self.path / key).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        (self.path / key).unlink(missing_ok=True)


fmi.register_channel("Folder", lambda world, settings: fmi.Storage(world, Folder(settings["path"]), settings))
