"""One writer per folder: a run, or a preparation, belongs to one process for as long as that lives.

The folder's file `.lock` names its holder: machine, process, command. The kernel locks it (`fcntl.lockf`, which NFS
forwards to its server), so a dead process's lock is gone with it, wherever it ran. On a file system without such locks,
or with locks per machine (NFS with `nolock`), the file itself is the lock: it is made by exclusive creation, and its
holder increments a counter in it every few seconds. A holder on this machine is looked up among the processes; one on
another is watched, and is taken for dead if its counter stops. The file also has its own inode number, so that a copy
of a folder in use is free. Clocks are never compared, since machines' clocks differ, and are set back.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import os
import pathlib
import platform
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from tfsketch.errors import LockedError

_NAME = ".lock"
_BEAT = 5.0
"""Seconds between two increments of a holder's counter."""
_PATIENCE = 4 * _BEAT
"""Seconds without an increment after which a holder on another machine is taken for dead."""
_LENGTH = 4096
"""Bytes of the file, always the same, so that counting needs no room on a full disk."""
_WITHOUT = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""Errors of file systems without locks."""
_folders: set[str] = set()
"""Folders that this process holds. It must not open their files again: closing a file drops all its kernel locks."""


def _machine() -> str:
    """The scope of process numbers: a machine since its boot, or a container on it."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts.append(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _start_time(process: int) -> str:
    """Start time of a process of this machine, in ticks since boot; empty if there is no such process. Its number alone
    may have been reused."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _read(path: pathlib.Path) -> dict[str, Any]:
    """The holder that a lock file names; empty if there is no file, or it names none."""
    for _ in range(3):  # over a network, a half-written counter may be read
        try:
            content = json.loads(path.read_bytes() or b"{}")
        except OSError:
            return {}
        except ValueError:
            time.sleep(_BEAT / 50)
            continue
        complete = isinstance(content, dict) and {"machine", "process", "started", "command", "time"} <= set(content)
        return content if complete else {}
    return {}


def _refuse(folder: pathlib.Path, holder: dict[str, Any]) -> NoReturn:
    """Raises `LockedError`."""
    who = "a process that does not say who it is"
    if holder:
        machine = holder["machine"].split()[0]
        who = f"process {holder['process']} on {machine} since {holder['time']} ({holder['command']})"
    raise LockedError(
        f"{folder}: expected a folder that nobody else writes to, found it held by {who}. Wait until it ends, end it, "
        "or choose another folder"
    )


def _runs_here(path: pathlib.Path, holder: dict[str, Any]) -> bool:
    """Whether the named holder is a running process of this machine and holds this very file, not a copied folder's."""
    if holder.get("machine") != _machine() or not _start_time(holder["process"]) == holder["started"] != "":
        return False
    with contextlib.suppress(OSError):
        return holder.get("file", path.stat().st_ino) == path.stat().st_ino
    return False


def _counts(path: pathlib.Path, holder: dict[str, Any]) -> bool:
    """Watches a file: whether its holder, on another machine, still increments its counter."""
    who = f"process {holder['process']} on {holder['machine'].split()[0]}" if holder else "an unknown process"
    print(f"{path}: left by {who}; watching for {_PATIENCE:g} s whether it is still at work", flush=True)
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        time.sleep(_BEAT / 4)
        if _read(path) not in ({}, holder):
            return True
    return False


def _same(handle: int, path: pathlib.Path) -> bool:
    """Whether an open file is still the one at that path."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _kernel(handle: int) -> bool | None:
    """Locks an open file: whether it succeeded, None if the file system has no locks."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        if error.errno in _WITHOUT:
            return None
        raise
    return True


def _open(path: pathlib.Path) -> tuple[int, bool]:
    """A folder's lock file, open, and whether it is new."""
    while True:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                return os.open(path, os.O_RDWR), False


def _remove(path: pathlib.Path, holder: dict[str, Any]) -> None:
    """Removes a dead holder's file: first by renaming it, in which only one process can succeed."""
    aside = path.with_name(f"{_NAME}.{secrets.token_hex(8)}")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return
    if _read(aside) != holder:  # another process was faster, and it is the new holder's
        with contextlib.suppress(OSError):
            os.link(aside, path)
    os.unlink(aside)


def _take(folder: pathlib.Path) -> int:
    """Takes the folder's lock; returns its file, open.

    Raises:
      LockedError: another process holds it.
    """
    path = folder / _NAME
    while True:
        holder = _read(path)
        if holder and holder["machine"] != _machine() and _counts(path, holder):
            _refuse(folder, holder)
        handle, new = _open(path)
        kernel = _kernel(handle)
        if kernel is not False and (new or kernel) and _same(handle, path):
            return handle
        os.close(handle)
        if kernel is False or _runs_here(path, holder):
            for _ in range(20):  # a new holder may not have written its name yet
                if holder := _read(path):
                    break
                time.sleep(_BEAT / 50)
            _refuse(folder, holder)
        if kernel is None:
            # A file without a holder is being made by another process, or its maker died just then.
            if not holder and _counts(path, holder):
                _refuse(folder, _read(path))
            _remove(path, holder)


def check(folder: str | os.PathLike) -> None:
    """Raises `LockedError` if another process of this machine holds a folder, as an early check. Writes nothing."""
    if os.path.realpath(folder) in _folders:
        return
    path = pathlib.Path(folder, _NAME)
    holder = _read(path)
    if _runs_here(path, holder):
        _refuse(pathlib.Path(folder), holder)


@contextlib.contextmanager
def hold(folder: str | os.PathLike, wait: bool = False) -> Iterator[None]:
    """Holds a folder's lock; the folder is made if it is missing.

    Args:
      folder: to be written to by one process at a time.
      wait: for other holders to end.

    Raises:
      LockedError: another process holds it, or this one does already; the message names the holder.
      OSError: the folder cannot be written to.
    """
    folder, key = pathlib.Path(folder), os.path.realpath(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": _machine(),
        "process": os.getpid(),
        "started": _start_time(os.getpid()),
        "command": " ".join(sys.argv)[:1000],
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    if key in _folders:
        _refuse(folder, content)
    while True:
        try:
            handle = _take(folder)
            break
        except LockedError:
            if not wait:
                raise
            time.sleep(1)
    content["file"] = os.fstat(handle).st_ino
    _folders.add(key)
    over = threading.Event()

    def count(number: int) -> None:
        text = json.dumps({**content, "count": number}).encode("utf-8", errors="backslashreplace")
        os.pwrite(handle, text.ljust(_LENGTH), 0)
        os.fsync(handle)

    def beat() -> None:
        number = 0
        while not over.wait(_BEAT):
            number += 1
            with contextlib.suppress(OSError):
                count(number)

    beating = threading.Thread(target=beat, daemon=True)
    try:
        count(0)
        beating.start()
        yield
    finally:
        over.set()
        if beating.ident is not None:
            beating.join()
        if _same(handle, folder / _NAME):
            with contextlib.suppress(OSError):
                os.unlink(folder / _NAME)
        os.close(handle)
        _folders.discard(key)
