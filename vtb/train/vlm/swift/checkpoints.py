"""ms-swift's checkpoints: which of them are whole, and where a run finds them; imports no torch.

ms-swift writes a checkpoint file by file, so a kill may leave a part of one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from zipfile import is_zipfile

from vtb.core.errors import UnreadableError
from vtb.core.files import atomic_directory, link_missing, read_json
from vtb.models.qwen3_vl.checkpoint import weight_files
from vtb.models.structure import read_shapes
from vtb.run.rundir import RunDirectory

PREFIX = "checkpoint-"
STATE, OPTIMIZER, SCHEDULER = "trainer_state.json", "optimizer.pt", "scheduler.pt"
ADAPTER = ("adapter_model.safetensors", "adapter_config.json")
# DeepSpeed writes the name of its directory here, last.
LATEST, SHARDS = "latest", "*_optim_states.pt"


def is_whole(checkpoint: Path, world: int) -> bool:
    """Whether `world` processes can go on from it as if they had never stopped."""
    try:
        step = read_json(checkpoint / STATE).get("global_step")
        read_shapes(checkpoint / name for name in _weights(checkpoint))
    except UnreadableError:
        return False
    states = [*_optimizer(checkpoint, world), *_random(checkpoint, world)]
    return step == _number(checkpoint) and all(is_zipfile(file) for file in states)


def publish(out: Path, run: RunDirectory, *, world: int, keep: int) -> None:
    """Gives a run the whole checkpoints that ms-swift has written since, all of one at once.

    They are hard links, because ms-swift removes its own; of the run's, the `keep` newest stay.
    """
    newest = max(run.steps(), default=0)
    for checkpoint in _numbered(out):
        if _number(checkpoint) > newest and is_whole(checkpoint, world):
            with atomic_directory(run.checkpoint(_number(checkpoint))) as temporary:
                link_missing(checkpoint, temporary)
    for old in run.steps()[:-keep]:
        shutil.rmtree(run.checkpoint(old))


def remove_all(out: Path) -> None:
    """Removes ms-swift's own, of which the run has links."""
    for checkpoint in _numbered(out):
        shutil.rmtree(checkpoint)


def _numbered(out: Path) -> list[Path]:
    names = (path for path in out.glob(f"{PREFIX}*") if path.name[len(PREFIX) :].isdecimal())
    return sorted(names, key=_number)


def _number(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(PREFIX))


def _is_adapter(checkpoint: Path) -> bool:
    return (checkpoint / ADAPTER[1]).exists()


def _weights(checkpoint: Path) -> tuple[str, ...]:
    return ADAPTER[:1] if _is_adapter(checkpoint) else weight_files(checkpoint)


def _optimizer(checkpoint: Path, world: int) -> list[Path]:
    latest = checkpoint / LATEST
    if not latest.exists():
        return [checkpoint / OPTIMIZER, checkpoint / SCHEDULER]
    shards = sorted((checkpoint / latest.read_text().strip()).glob(SHARDS))
    return shards if len(shards) == world else [checkpoint / OPTIMIZER]


def _random(checkpoint: Path, world: int) -> list[Path]:
    if world == 1:
        return [checkpoint / "rng_state.pth"]
    return [checkpoint / f"rng_state_{rank}.pth" for rank in range(world)]
