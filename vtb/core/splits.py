"""Fingerprints of content, and the split they decide."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, Self

from vtb.core.errors import UsageError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
BUCKETS = 1000


def fingerprint(content: bytes) -> str:
    """blake2b-128 of canonical content bytes, as 32 hex digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def overlap_warnings(trained: range, evaluated: range) -> tuple[str, ...]:
    """A sentence when buckets to be evaluated were trained on too, which custom splits make so."""
    first, stop = max(trained.start, evaluated.start), min(trained.stop, evaluated.stop)
    if first >= stop:
        return ()
    return (
        f"the LoRA was trained on puzzles of the buckets {trained.start}-{trained.stop - 1}, and "
        f"those of {first}-{stop - 1} are in this split: it may have seen some of these puzzles",
    )


@dataclass(frozen=True, slots=True)
class SplitRule:
    """Deals puzzles to splits by the canonical fingerprint modulo 1000.

    Buckets [0, test) are test, [test, test + validation) validation, the rest train. The default
    is the same for every dataset, so that no two datasets disagree about a puzzle.
    """

    test: int = 50
    validation: int = 50

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `train,validation,test` fractions such as `0.9,0.05,0.05`."""
        try:
            train, validation, test = (float(part) for part in text.split(","))
        except ValueError:
            train = validation = test = -1.0
        adds_up = abs(train + validation + test - 1) <= 1e-9  # false for nan too
        if not adds_up or min(train, validation, test) < 0:
            raise UsageError(
                f"`--splits {text}` is not three fractions that add up to 1",
                fact="order: train,validation,test",
                hint="--splits 0.9,0.05,0.05",
            )
        return cls(test=round(test * BUCKETS), validation=round(validation * BUCKETS))

    def __str__(self) -> str:
        """The fractions as `parse` reads them."""
        train = BUCKETS - self.test - self.validation
        return ",".join(f"{part / BUCKETS:g}" for part in (train, self.validation, self.test))

    def buckets(self, split: str) -> range:
        """The buckets of a split or of `all`, of 0 to 999."""
        held_out = self.test + self.validation
        return {
            "all": range(BUCKETS),
            "test": range(self.test),
            "validation": range(self.test, held_out),
            "train": range(held_out, BUCKETS),
        }[split]

    def of(self, canonical: str) -> Split:
        """The split of a canonical fingerprint (hex)."""
        bucket = int(canonical, 16) % BUCKETS
        return next(split for split in SPLITS if bucket in self.buckets(split))
