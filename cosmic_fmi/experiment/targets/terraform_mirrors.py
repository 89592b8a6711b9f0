"""Where Terraform gets its providers: a mirror that this machine has, else the registry with a cache."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path


def platform_name() -> str:
    """This machine as Terraform names it, e.g. ``linux_amd64`` or ``darwin_arm64``."""
    machine = platform.machine().lower()
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}_{arch}"


def mirror_candidates(environment: Mapping[str, str], home: Path, root: Path = Path("/")) -> list[Path]:
    """Folders where provider plugins may lie, the most specific first; not all of them need to exist."""
    named = environment.get("TF_PLUGIN_MIRROR")
    opt = root / "opt"
    found_in_opt = [path.parent for path in sorted(opt.glob("*/registry.terraform.io"))]
    return [
        *([Path(named)] if named else []),
        home / ".terraform.d" / "plugins",
        home / ".local" / "share" / "terraform" / "plugins",
        root / "usr" / "local" / "share" / "terraform" / "plugins",
        root / "usr" / "share" / "terraform" / "plugins",
        *found_in_opt,
    ]


def providers_in(mirror: Path, target: str) -> list[str]:
    """Addresses (``host/namespace/type``) of the providers in ``mirror`` that have a build for ``target``."""
    addresses = set()
    for pattern in (f"*/*/*/*/{target}", f"*/*/*/*_{target}.zip"):
        for path in mirror.glob(pattern):
            addresses.add("/".join(path.relative_to(mirror).parts[:3]))
    return sorted(addresses)


def mirror_config(mirrors: Mapping[Path, Sequence[str]]) -> str:
    """A CLI configuration that takes exactly these providers from ``mirrors`` and all others from their
    registry.

    The registry must be excluded for what a mirror holds: Terraform asks every matching source for
    versions, and on a machine without a network that would fail although the provider is at hand.
    """
    lines = []
    for path, names in mirrors.items():
        lines += ["  filesystem_mirror {", f"    path    = {json.dumps(str(path))}"]
        lines += [f"    include = {json.dumps(list(names))}", "  }"]
    mirrored = sorted({name for names in mirrors.values() for name in names})
    lines += ["  direct {", f"    exclude = {json.dumps(mirrored)}", "  }"]
    return "\n".join(["provider_installation {", *lines, "}", ""])


def user_config(environment: Mapping[str, str], home: Path) -> Path | None:
    """The CLI configuration that the user already has, which is respected; a named but missing file counts
    as none.
    """
    named = environment.get("TF_CLI_CONFIG_FILE")
    candidates = [Path(named)] if named else [home / ".terraformrc", home / ".tofurc"]
    return next((path for path in candidates if path.is_file()), None)


def cli_environment(
    environment: Mapping[str, str], work_dir: Path, home: Path | None = None, root: Path = Path("/")
) -> dict[str, str]:
    """``environment`` for Terraform: a generated CLI configuration where a mirror is found, else a plugin
    cache.

    ``work_dir`` receives ``terraform.rc`` and the cache.
    """
    home = home or Path.home()
    result = dict(environment)
    if user_config(environment, home):
        return result
    result.pop("TF_CLI_CONFIG_FILE", None)
    target = platform_name()
    mirrors = {
        path: names
        for path in mirror_candidates(environment, home, root)
        if (names := providers_in(path, target))
    }
    work_dir.mkdir(parents=True, exist_ok=True)
    if mirrors:
        config = work_dir / "terraform.rc"
        config.write_text(mirror_config(mirrors))
        result["TF_CLI_CONFIG_FILE"] = str(config)
    else:
        cache = work_dir / "plugin-cache"
        cache.mkdir(exist_ok=True)
        result.setdefault("TF_PLUGIN_CACHE_DIR", str(cache))
    return result
