"""LoRA files as results of a command: never over something else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch

from vtb.core.errors import ConflictError
from vtb.core.files import atomic_path, sha256_file
from vtb.models.lora.file import Lora, write_lora
from vtb.models.lora.keys import LoraFormat

DTYPES: Mapping[Literal["bf16", "fp32"], torch.dtype] = {
    "bf16": torch.bfloat16,
    "fp32": torch.float32,
}


def save_lora(
    path: Path, lora: Lora, *, layout: LoraFormat, dtype: torch.dtype, force: bool = False
) -> bool:
    """Writes a LoRA file as `write_lora` does; returns whether it was not there already.

    Raises ConflictError when `path` holds anything else, unless `force`.
    """
    is_new = not path.exists()
    with atomic_path(path) as temporary:
        write_lora(temporary, lora, layout=layout, dtype=dtype)
        if not is_new and sha256_file(temporary) != sha256_file(path):
            if not force:
                raise ConflictError(
                    f"`{path}` holds something else",
                    fact="its content differs from the result",
                    hint="choose another file with -o, or replace it with --force",
                )
            is_new = True
    return is_new
