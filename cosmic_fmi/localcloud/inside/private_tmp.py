"""Gives a process a /tmp of its own, as every Lambda environment has one."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

# From <sched.h> and <sys/mount.h>.
_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 0x40000
_TMP = Path("/tmp")  # noqa: S108 - the folder this module is about


def mount_private_tmp(folder: Path, visible: Iterable[Path]) -> None:
    """Put `folder` in the place of /tmp for this process and its children.

    On Linux a mount namespace makes /tmp itself private; `visible` and what Python runs from stay where they
    are even when they lie below /tmp. Where the system does not allow that, and on macOS, TMPDIR names the
    folder.
    """
    os.environ.pop("TMPDIR", None)
    kept = _below_tmp(visible)
    if sys.platform == "linux" and _allowed(folder, kept):
        _mount(folder, kept)
    else:
        os.environ["TMPDIR"] = str(folder)


def _allowed(folder: Path, kept: list[Path]) -> bool:
    """Try it in a child first: a namespace that was entered only half-way could not be left again."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _mount(folder, kept)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def _below_tmp(visible: Iterable[Path]) -> list[Path]:
    """The folders that must not vanish behind the new /tmp, without those inside another one of them."""
    python = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path]
    interpreter = Path(sys.executable).resolve()
    # Links stay links: a path is kept under the name by which it is used.
    wanted = {Path.cwd() / path for path in [*visible, *map(Path, python), interpreter] if path != Path()}
    kept: list[Path] = []
    for path in sorted(path for path in wanted if _TMP in path.parents and path.exists()):
        if not any(parent in path.parents for parent in kept):
            kept.append(path)
    return kept


def _mount(folder: Path, kept: list[Path]) -> None:
    here = Path.cwd()
    _enter_namespace()
    _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    # Opened here: in the namespace already, as what is bound must be, and before /tmp hides them.
    handles = [(os.open(path, os.O_PATH), path) for path in kept]
    _call("mount", os.fsencode(folder), os.fsencode(_TMP), None, _MS_BIND | _MS_REC, None)
    for handle, path in handles:
        if Path(f"/proc/self/fd/{handle}").is_dir():
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        _call("mount", f"/proc/self/fd/{handle}".encode(), os.fsencode(path), None, _MS_BIND | _MS_REC, None)
        os.close(handle)
    os.chdir(here)


def _enter_namespace() -> None:
    """Enter a mount namespace; for others than root inside a user namespace that keeps the ids."""
    if os.geteuid() == 0:
        try:
            _call("unshare", _CLONE_NEWNS)
            return
        except PermissionError:
            pass  # root of a container without CAP_SYS_ADMIN
    user, group = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _call(name: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    converted = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    if name == "unshare":
        converted = [ctypes.c_int(int(str(value))) for value in arguments]
    if getattr(library, name)(*converted) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
