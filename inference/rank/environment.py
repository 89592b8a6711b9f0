"""What the executor tells the script of a rank, read from the environment variables it sets."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cosmic_fmi.common.contract.keys import Results
from cosmic_fmi.common.contract.variables import Variable, VariablesError, keys, number, text
from cosmic_fmi.common.cores import usable_cores
from cosmic_fmi.common.lambda_limits import MB_PER_CPU
from inference.core.config import DEFAULT_BATCH_SIZE


@dataclass(frozen=True)
class RankEnvironment:
    """One rank's orders; its data are `data_files` (keys in `data_bucket`) or `data_path` (a local file)."""

    rank: int
    world_size: int
    bucket: str
    result_path: str
    batch_size: int = DEFAULT_BATCH_SIZE
    data_bucket: str | None = None
    data_path: Path | None = None
    data_files: tuple[str, ...] = ()
    execution_id: str | None = None
    bundle_download_seconds: float | None = None
    work_id: str | None = None
    """The same for the same work: bundle, image, partitions and batch size."""
    stored_result: bool = False
    """Whether an attempt that did not finish left something under this rank's result."""

    @classmethod
    def from_env(cls, variables: Mapping[str, str] = os.environ) -> "RankEnvironment":
        """Read the variables. Raises VariablesError when one is missing or is not what it should be."""
        rank = number(variables, Variable.RANK, least=0)
        world_size = number(variables, Variable.WORLD_SIZE, least=1)
        if rank >= world_size:
            raise VariablesError(f"RANK {rank} is not below WORLD_SIZE {world_size}.")
        files = keys(variables, Variable.DATA_FILES)
        # With partitions it names them once more, for the course's scripts.
        data_path = None if files else variables.get(Variable.DATA_PATH)
        download = variables.get(Variable.DOWNLOAD_SECONDS)
        return cls(
            rank=rank,
            world_size=world_size,
            bucket=text(variables, Variable.S3_BUCKET),
            result_path=text(variables, Variable.RESULT_PATH).strip("/"),
            batch_size=number(variables, Variable.BATCH_SIZE, least=1, default=DEFAULT_BATCH_SIZE),
            data_bucket=variables.get(Variable.DATA_BUCKET),
            data_path=Path(data_path) if data_path else None,
            data_files=files,
            execution_id=variables.get(Variable.EXECUTION_ID),
            bundle_download_seconds=None if download is None else float(download),
            work_id=variables.get(Variable.WORK_ID),
            stored_result=Variable.STORED_RESULT in variables,
        )

    @property
    def result_key(self) -> str:
        """S3 key of this rank's result."""
        return Results(self.result_path).result(self.rank)

    @property
    def predictions_key(self) -> str:
        """S3 key of this rank's predictions."""
        return Results(self.result_path).predictions(self.rank)

    @property
    def described_data(self) -> str:
        """Where the data is, for the result's `data_path`."""
        return str(self.data_path) if self.data_path else ", ".join(self.data_files)


def threads(world_size: int, variables: Mapping[str, str] = os.environ, cores: int | None = None) -> int:
    """How many threads PyTorch should use here.

    On Lambda the processor share follows the memory size, though the machine shows more cores. Ranks of a
    local target (its endpoint is this machine) share the cores, and more threads than cores make all of them
    slow.
    """
    if variables.get("OMP_NUM_THREADS", "").isdigit():
        return int(variables["OMP_NUM_THREADS"])
    cores = cores or usable_cores()
    host = urlsplit(variables.get("AWS_ENDPOINT_URL", "")).hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        return max(1, cores // world_size)
    memory = variables.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if memory.isdigit():
        return max(1, min(cores, -(-int(memory) // MB_PER_CPU)))
    return cores
