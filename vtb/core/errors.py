"""The error tree: one subclass per kind of remedy, each with message, fact, hint and exit code."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class VtbError(Exception):
    """An error a user can act on.

    `message` says what is wrong, `fact` the value or file that makes it wrong, `hint` a command
    or an edit that mends it. The command line prints the three and ends with `exit_code`.
    """

    kind = "internal"
    exit_code = 1

    def __init__(self, message: str, *, fact: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fact = fact
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.fact})" if self.fact else self.message


class UsageError(VtbError):
    """The request itself is wrong; nothing was started."""

    kind = "usage"
    exit_code = 2


class CapacityError(VtbError):
    """More distinct samples are asked for than exist."""

    kind = "capacity"


class LockedError(VtbError):
    """Another process is writing to the same directory."""

    kind = "locked"


class ConflictError(VtbError):
    """The output exists and was made with another configuration."""

    kind = "conflict"


class UnreadableError(VtbError):
    """An input file or directory cannot be read as what it should be."""

    kind = "unreadable"


class ChildFailedError(VtbError):
    """A child process ended with an error."""

    kind = "child_failed"


class DiskError(VtbError):
    """The disk is full or not writable."""

    kind = "disk"


class TrainingDivergedError(VtbError):
    """Training produced non-finite losses several times in a row."""

    kind = "internal"


class DeviceMemoryError(VtbError):
    """What is to be computed does not fit into the device's memory."""

    kind = "internal"


class MissingEnvironmentError(VtbError):
    """Something that must be installed or downloaded first is absent."""

    kind = "environment"
    exit_code = 4


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns "did you mean `x`?" for the nearest known name, else a list of all of them."""
    names = sorted(known)
    longer = [known_name for known_name in names if name and known_name.startswith(name)]
    near = longer or get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean `{near[0]}`?"
    return "known: " + ", ".join(names) if names else ""
