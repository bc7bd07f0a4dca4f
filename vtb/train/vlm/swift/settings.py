"""What the launching process tells our plugin inside ms-swift, by environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

RUN, MODEL = "VTB_SWIFT_RUN", "VTB_SWIFT_MODEL"
STOP_AT, COMPLETIONS_KEEP = "VTB_SWIFT_STOP_AT", "VTB_SWIFT_COMPLETIONS_KEEP"
# Under this name ms-swift finds our callback, when `--callbacks` asks for it.
CALLBACK = "vtb"
# Of the directory that ms-swift writes: what each process notes of its completions.
COMPLETIONS = "completions"


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """The run directory, the base model, the step to stop at, and how many steps' completions stay.

    Paths are absolute.
    """

    run: Path
    model: Path
    stop_at: int
    completions_keep: int

    def environment(self) -> dict[str, str]:
        """The variables that `read` takes them from."""
        return {
            RUN: str(self.run),
            MODEL: str(self.model),
            STOP_AT: str(self.stop_at),
            COMPLETIONS_KEEP: str(self.completions_keep),
        }

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self | None:
        """None where there is no run: somebody uses the plugin with a `swift` of their own."""
        if RUN not in environment:
            return None
        return cls(
            run=Path(environment[RUN]),
            model=Path(environment[MODEL]),
            stop_at=int(environment[STOP_AT]),
            completions_keep=int(environment[COMPLETIONS_KEEP]),
        )
