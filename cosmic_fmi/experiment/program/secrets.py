"""Variables that look like secrets: an execution's input is kept in the clear, here and by Step Functions."""

from __future__ import annotations

import re

_NAME = re.compile(
    r"(^|_)(SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|APIKEY|CREDENTIALS?|(API|ACCESS|PRIVATE|AUTH)_KEY)($|_)",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"(AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{30,}|github_pat_\w{20,}|hf_\w{30,}|sk-[\w-]{20,}|xox[abp]-[\w-]{10,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+|-----BEGIN [A-Z ]*PRIVATE KEY|\w+://[^/\s:@]+:[^/\s@]+@"
)


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable's name or value is like that of a password or key."""
    settings = ("", "0", "1", "true", "false", "yes", "no", "none")
    named = _NAME.search(name) is not None and value.lower() not in settings and not value.isdecimal()
    return named or _VALUE.search(value) is not None


def advice(name: str) -> str:
    """How to give a secret, in one sentence."""
    parameter = f"/cosmic/scripts/{name.lower()}"
    return (
        f"--env {name} looks like a secret, and the execution's input is kept in the clear: store it with "
        f"`aws ssm put-parameter --type SecureString --name {parameter} --value …` and give --env-from "
        f"{name}=ssm:{parameter}"
    )
