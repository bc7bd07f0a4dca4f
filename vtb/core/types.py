"""What travels round the loop: Instance, Sample, Prediction, Verdict, and what is drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from vtb.core.errors import UnreadableError

if TYPE_CHECKING:
    # Annotations only: `vtb --help` must not wait for numpy.
    import numpy as np
    from numpy.typing import NDArray

Json: TypeAlias = Any
Array: TypeAlias = "NDArray[np.uint8]"
Audience = Literal["video", "image", "vlm"]
Language = Literal["en", "zh"]
PredictionKind = Literal["text", "image", "video", "arrays"]


class Reason(StrEnum):
    """Why a verdict is what it is; a closed list, in order of precedence after `ok`."""

    OK = "ok"
    UNREADABLE = "unreadable"
    WRONG_SIZE = "wrong_size"
    CHANGED_SCENE = "changed_scene"
    NO_ANSWER = "no_answer"
    TOUCHES_WALL = "touches_wall"
    DISCONNECTED = "disconnected"
    NOT_SIMPLE = "not_simple"
    AMBIGUOUS_ANSWER = "ambiguous_answer"
    WRONG_ANSWER = "wrong_answer"


@dataclass(frozen=True, slots=True)
class Content:
    """What `Generator.sample` draws: the full symbolic puzzle and its known answer.

    `data` holds everything needed to redraw and to verify again, as JSON; `solution` one correct
    answer as JSON; `difficulty` named finite floats.
    """

    data: Mapping[str, Json]
    solution: Json
    difficulty: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Instance:
    """One symbolic puzzle with its origin.

    `fingerprint` identifies the exact content, `canonical` the content up to the family's
    symmetries (it decides the split); both are 32 hex digits and independent of `style`.
    """

    generator: str
    version: int
    task: str
    config: Mapping[str, Json]
    seed: int
    index: int
    data: Mapping[str, Json]
    solution: Json
    difficulty: Mapping[str, float]
    fingerprint: str
    canonical: str
    style: Mapping[str, Json]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The Instance that `to_json` wrote; raises UnreadableError for anything else."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError, RecursionError) as error:
            raise UnreadableError("this is no stored puzzle", fact=str(error)) from error

    def to_json(self) -> str:
        """The Instance as it is stored in data sets and exports."""
        return json.dumps(asdict(self), separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers a puzzle offers and, if it has a marker, where that is on the picture, px.

    `x` grows to the right, `y` downwards; pixel (0, 0) covers [0, 1) x [0, 1).
    """

    label: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to be stored: RGB uint8 (H, W, 3), or palette indices uint8 (H, W) with `palette`.

    `palette` is uint8 (K, 3) with K <= 256. Flat drawings stay indexed because their PNG is
    written ten times faster; readers get RGB either way.
    """

    pixels: Array
    palette: Array | None = None

    def rgb(self) -> Array:
        """The picture as uint8 (H, W, 3)."""
        return self.pixels if self.palette is None else self.palette.take(self.pixels, axis=0)


@dataclass(frozen=True, slots=True)
class Rendering:
    """An Instance as pixels.

    `frames` lazily yields RGB uint8 (H, W, 3) frames, exactly as many as the plan has; the first
    equals `puzzle`, the last `hold_end` equal `solution`. The same buffer may be yielded again
    and again: consume a frame before asking for the next. `extra` holds extra image columns.
    """

    puzzle: Picture
    solution: Picture
    frames: Iterator[Array]
    extra: Mapping[str, Picture] = field(default_factory=dict[str, Picture])


@dataclass(frozen=True, slots=True)
class Sample:
    """An Instance with its prompts and, where loaded, its pixels (RGB uint8) and encoded video."""

    id: str
    instance: Instance
    prompts: Mapping[Audience, str]
    answer: str
    puzzle: Array | None = None
    solution: Array | None = None
    video: bytes | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model made for one sample.

    The content is `text`, or a file at `path`, or `content` in memory: encoded bytes, an RGB
    uint8 image (H, W, 3), or RGB uint8 frames (T, H, W, 3).
    """

    sample_id: str
    kind: PredictionKind
    path: str | None = None
    text: str | None = None
    content: bytes | Array | None = None
    model: str = ""
    run: str = ""
    seed: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one prediction.

    `score` is in [0, 1], or None when the sample could not be scored at all, which is never the
    same as 0. `overlay` is an RGB uint8 picture that explains the verdict, made on request.
    """

    score: float | None
    passed: bool
    reason: Reason
    details: Mapping[str, Json] = field(default_factory=dict[str, Json])
    overlay: Array | None = None
