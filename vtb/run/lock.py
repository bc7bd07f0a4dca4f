"""One writer per output directory."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vtb.core.errors import LockedError, UnreadableError
from vtb.core.files import read_json, translate_os_error

LOCK_NAME = ".vtb.lock"
OWNER_NAME = ".vtb.owner"


@contextmanager
def output_lock(directory: Path) -> Generator[None]:
    """Holds the directory's lock; raises LockedError naming the holder when it is taken.

    The operating system drops the lock with its process, so a killed run never blocks the next
    one. The owner file names a holder on another host, where that does not reach. A directory
    that is still empty at the end is removed.
    """
    owner = directory / OWNER_NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _refuse_foreign_owner(directory)
        lock = FileLock(directory / LOCK_NAME, timeout=0)
        lock.acquire()
        owner.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))
    except Timeout:
        raise _locked(directory) from None
    except OSError as error:
        raise translate_os_error(error, directory) from error
    try:
        yield
    finally:
        with suppress(OSError):
            owner.unlink(missing_ok=True)
            (directory / LOCK_NAME).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):
            directory.rmdir()


def _owner(directory: Path) -> dict[str, Any]:
    try:
        return read_json(directory / OWNER_NAME)
    except UnreadableError:
        return {}


def _refuse_foreign_owner(directory: Path) -> None:
    host = _owner(directory).get("host")
    if host is not None and host != socket.gethostname():
        raise _locked(directory)


def _locked(directory: Path) -> LockedError:
    owner = _owner(directory)
    return LockedError(
        f"`{directory}` is in use",
        fact=f"by process {owner.get('pid', '?')} on {owner.get('host', 'this host')}",
        hint="wait for it to end, or choose another directory with -o; if that host is gone, "
        f"remove {directory / OWNER_NAME}",
    )
