"""Many small clips encoded by a small VAE: by several processes that share a GPU.

Decoding, copying and starting kernels all wait for Python's lock, of which each process has one of
its own. A script of this kind encoded 36,000 clips of 17x224x224 to 17x352x352 px in 70 s by 16
processes on two H100, start included; two processes, handed decoded clips, did 155 a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import torch

from vtb.models.wan.checkpoint import WanCheckpoint, open_checkpoint
from vtb.models.wan.load import load_pipeline
from vtb.run.executor import map_ordered, usable_cpus
from vtb.train.latents.clips import ClipRequest, ClipSource
from vtb.train.latents.encode import ClipEncoder, encoder_dtype
from vtb.train.latents.pipeline import Tell, batch_pixels, encode_clips
from vtb.train.loop.prefetch import prefetched

# Processes take seconds to start, and each holds the VAE and the activations of a batch.
MANY_CLIPS, MAX_PROCESSES = 1000, 8
SMALL_VAE_BYTES = 2**27
# What a process is given at a time.
SHARE = 128


@dataclass(frozen=True, slots=True)
class Share:
    """Clips for one process, where their latents go, and how they are encoded."""

    paths: tuple[Path, ...]
    requests: tuple[ClipRequest, ...]
    model: Path
    device: str
    dtype: str
    log: Path | None

    def encode(self) -> int:
        """Writes the latents of all clips and returns how many; the VAE stays for the next."""
        encode_clips(
            _encoder(self.model, self.device, self.log),
            self.paths,
            prefetched(ClipRequest.read, self.requests),
            pixels=batch_pixels(self.device),
            dtype=self.dtype,
            tell=lambda finished: None,
        )
        return len(self.paths)


def worth_processes(checkpoint: WanCheckpoint, clips: ClipSource, count: int, device: str) -> bool:
    """Whether `count` clips are many, and they and the VAE small enough, on a GPU."""
    largest = max(height * width for height, width in clips.sizes) * clips.table.num_frames
    return (
        torch.device(device).type != "cpu"
        and count >= MANY_CLIPS
        and 2 * largest <= batch_pixels(device)
        and sum(path.stat().st_size for path in checkpoint.paths(checkpoint.part("vae")))
        <= SMALL_VAE_BYTES
    )


def encode_in_processes(
    paths: Sequence[Path],
    requests: Sequence[ClipRequest],
    *,
    model: Path,
    device: str,
    dtype: str,
    tell: Tell,
    log: Path | None,
) -> None:
    """As `encode_clips`, by up to eight processes on one device."""

    def shares() -> Iterator[Share]:
        work = zip(paths, requests, strict=True)
        while part := tuple(islice(work, SHARE)):
            clips = tuple(path for path, _ in part), tuple(request for _, request in part)
            yield Share(*clips, model, device, dtype, log)

    workers = min(MAX_PROCESSES, usable_cpus())
    # Closed at once when `tell` raises: the processes must not go on.
    with closing(map_ordered(Share.encode, shares(), workers=workers)) as encoded:
        for finished in encoded:
            tell(finished)


@lru_cache(maxsize=1)
def _encoder(model: Path, device: str, log: Path | None) -> ClipEncoder:
    torch.set_num_threads(1)
    pipe = load_pipeline(model, device=device, dtype=encoder_dtype(device), parts=("vae",), log=log)
    return ClipEncoder(pipe, open_checkpoint(model))
