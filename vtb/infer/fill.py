"""Makes what a folder of predictions lacks: one clip or picture per sample."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from vtb.core.errors import UnreadableError
from vtb.core.files import remove_stale_temporaries
from vtb.core.types import Array
from vtb.infer.batches import Order, batches
from vtb.infer.folder import require_same_settings
from vtb.infer.result import InferResult
from vtb.infer.sources import Source
from vtb.infer.written import finished
from vtb.media.fit import Fit, Size
from vtb.run.lock import output_lock
from vtb.run.progress import progress


class Request(Protocol):
    """What of a request decides how a folder is filled."""

    @property
    def out(self) -> Path:
        """The folder."""
        ...

    @property
    def seed(self) -> int:
        """Root of every random stream."""
        ...

    @property
    def batch(self) -> int:
        """How many are made at a time."""
        ...

    @property
    def force(self) -> bool:
        """Whether predictions made with other settings are replaced."""
        ...


class Maker(Protocol):
    """A loaded model, and what becomes of its output."""

    def fit_of(self, size: Size) -> Fit:
        """How a picture of that size comes into the model and back."""
        ...

    def make(self, orders: Sequence[Order]) -> Iterable[Array]:
        """What orders of one size ask for, RGB uint8 in the model's size."""
        ...

    def write(self, order: Order, made: Array) -> None:
        """Adds it to the folder; raises UnreadableError when it is not what was asked for."""
        ...


def fill(
    request: Request,
    source: Source,
    drawings: Mapping[str, str],
    record: Mapping[str, Any],
    load: Callable[[Collection[str]], Maker],
) -> InferResult:
    """Makes the samples of `drawings` that are not there yet; `record` is for `infer.json`.

    A sample is made again when its puzzle is drawn otherwise than it was. `load` gets the ids to
    make, and is not called when there are none. Raises ConflictError when the folder was made with
    other parameters, LockedError when it is in use.
    """
    start = time.monotonic()
    with output_lock(request.out):
        remove_stale_temporaries(request.out)
        require_same_settings(
            request.out,
            record,
            has_predictions=lambda: bool(finished(request.out)),
            force=request.force,
        )
        present = finished(request.out)
        todo = {name: d for name, d in drawings.items() if present.get(name) != d}
        failed = _make_all(request, source, todo, load(todo)) if todo else {}
    return InferResult(
        out=request.out,
        n=len(drawings),
        done=len(todo) - len(failed),
        skipped=len(drawings) - len(todo),
        failed=failed,
        seconds=time.monotonic() - start,
    )


def sample_seed(seed: int, sample_id: str) -> int:
    """The seed of one sample: it depends on the root seed and the id, not on order or limit."""
    digest = hashlib.blake2b(f"{seed}/{sample_id}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def _make_all(
    request: Request, source: Source, todo: Mapping[str, str], maker: Maker
) -> dict[str, str]:
    """Makes the samples of the drawings in `todo`; returns why others could not be made."""
    failed: dict[str, str] = {}
    with progress("generating", len(todo)) as advance:

        def orders() -> Iterator[Order]:
            for sample_id, drawing in todo.items():
                try:
                    job = source.job(sample_id)
                except UnreadableError as error:
                    failed[sample_id] = str(error)
                    advance(1)
                else:
                    seed = sample_seed(request.seed, sample_id)
                    yield Order(job, maker.fit_of(job.size), seed, drawing)

        for batch in batches(orders(), request.batch):
            for order, made in zip(batch, maker.make(batch), strict=True):
                try:
                    maker.write(order, made)
                except UnreadableError as error:
                    failed[order.job.sample_id] = str(error)
            # A batch is made as a whole; counting one by one would mislead the estimate.
            advance(len(batch))
    return failed
