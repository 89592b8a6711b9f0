"""The AWS provider that runs as long as several of Terraform's commands.

A command would start it several times over (once a `run` of a *.tftest.hcl at the least) and wait each time
until it has built the schemas of all of AWS.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "TF_REATTACH_PROVIDERS"


@contextmanager
def running_provider(data_dir: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Start what `terraform init` installed in `data_dir`, and say by which variable Terraform finds it.

    It runs as its authors run it for a debugger and in their own acceptance tests,
    https://developer.hashicorp.com/terraform/plugin/debugging, and sees this environment instead of
    Terraform's. OpenTofu, which has another name for the same provider, goes on starting its own.
    """
    [program] = data_dir.glob("providers/*/hashicorp/aws/*/*/terraform-provider-aws*")
    with (
        (data_dir / "provider.log").open("w") as log,
        subprocess.Popen(
            [program, "-debug"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as provider,
    ):
        assert provider.stdout is not None
        try:
            for line in provider.stdout:
                name, _, value = line.strip().partition("=")
                if name == VARIABLE:
                    yield {VARIABLE: value.strip("'")}
                    return
        finally:
            provider.terminate()
        raise AssertionError(Path(log.name).read_text())
