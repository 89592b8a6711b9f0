"""Whether this project is imported from a clone of its repository, or was installed from a wheel."""

from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[2]
"""The folder of cosmic_fmi, containers, fmi, fmilib and inference: a clone's root, or site-packages."""
_ONLY_IN_A_CLONE = ("pyproject.toml", "statemachine.asl.json", "terraform")


def in_checkout() -> bool:
    """Whether the packages lie in a clone, which has the rest of the repository beside them."""
    return all((PACKAGES / name).exists() for name in _ONLY_IN_A_CLONE)


# What to type; an installation has no Makefile.
DEPLOY = "make deploy" if in_checkout() else "cosmic-fmi deploy"
DESTROY = "make destroy" if in_checkout() else "cosmic-fmi destroy"
DESTROY_ON_AWS = f"{DESTROY} TARGET=aws" if in_checkout() else f"{DESTROY} --target aws"
