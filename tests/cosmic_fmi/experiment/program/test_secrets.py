"""What looks like a secret, and what only sounds a little like one."""

from __future__ import annotations

import pytest

from cosmic_fmi.experiment.program.secrets import advice, looks_secret

KEY = "AKIA" + "ABCDEFGHIJKLMNOP"  # of the form, and nobody's


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2x"),
        ("api_key", "abc"),
        ("HF_TOKEN", "x1"),
        ("X", KEY),
        ("DSN", "postgres://me:word@host/db"),
    ],
)
def test_secrets(name: str, value: str) -> None:
    assert looks_secret(name, value)
    assert f"--env-from {name}=ssm:/cosmic/scripts/{name.lower()}" in advice(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "false"),
        ("MAX_TOKENS", "500"),
        ("TOKEN", "12"),
        ("KEY", "object_id"),
        ("URL", "https://example.org/a?b=c:d"),
        ("SEED", "7"),
    ],
)
def test_no_secrets(name: str, value: str) -> None:
    assert not looks_secret(name, value)
