"""The extras of this project: libraries that only some users need."""


def install(extra: str) -> str:
    """The command that installs an extra of this project, in the versions that it is tested with."""
    return f".venv/bin/pip install -c constraints.txt -e '.[{extra}]'"
