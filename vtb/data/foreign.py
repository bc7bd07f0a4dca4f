"""VideoThinkBench's folders as samples of our generators."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vtb.core import registry
from vtb.core.errors import UnreadableError, UsageError
from vtb.core.files import sha256_file
from vtb.core.generator import Generator, make_instance
from vtb.core.splits import BUCKETS
from vtb.core.types import Audience, Instance, Json, Sample
from vtb.data.answer_only import answer_only, recorded_answer, unreadable
from vtb.data.store import require_split
from vtb.formats import videothinkbench
from vtb.formats.videothinkbench import FolderSample

# The one split of a folder that knows none.
SPLIT = "test"
_PROMPTS: Mapping[Audience, str] = {"video": "ti2v", "image": "ti2i", "vlm": "ti2t"}
# Tasks that bear another name here; for `arc_connect`, of which there are two, see `_task`.
_ALIASES = {"point_reflection": "reflection"}


def open_foreign(path: Path) -> ForeignSet:
    """The samples of a VideoThinkBench folder; raises UnreadableError when it cannot be used.

    Records of tasks without a generator here, and those whose id was there already, are counted
    as skipped.
    """
    samples: dict[str, FolderSample] = {}
    skipped: Counter[str] = Counter()
    for sample in videothinkbench.read(path):
        try:
            _generator(sample)
        except UsageError:
            skipped[f"unknown task {sample.task_type}"] += 1
            continue
        if sample.id in samples:
            skipped["repeated id"] += 1
        else:
            samples[sample.id] = sample
    if not samples:
        raise UnreadableError(
            f"`{path}` holds no sample that can be used",
            fact=_listed(skipped),
            hint="vtb gen --list",
        )
    return ForeignSet(path, samples, skipped)


@dataclass(frozen=True)
class ForeignSet:
    """A VideoThinkBench folder, whose samples all count as `test`.

    A record that holds our Instance gives it back. Of another one its generator reads the puzzle;
    where it cannot, the sample is `answer_only`. `skipped` counts records that are no samples, by
    reason.
    """

    path: Path
    folder_samples: Mapping[str, FolderSample]
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])

    @cached_property
    def manifest_hash(self) -> str:
        """Identifies the content: sha256 over the records and the puzzles' files."""
        digest = sha256()
        for name, sample in self.folder_samples.items():
            puzzle = sha256_file(sample.puzzle_image)
            line = json.dumps([name, sample.task_type, sample.fields, puzzle], sort_keys=True)
            digest.update(line.encode() + b"\n")
        return digest.hexdigest()

    @property
    def splits(self) -> dict[str, int]:
        """Every sample is in `test`."""
        return {SPLIT: len(self.folder_samples)}

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not as in a dataset of ours."""
        count = len(self.folder_samples)
        return (
            f"`{self.path.name}` has no splits: all its {count} samples count as `{SPLIT}`",
            *([f"records left out: {_listed(self.skipped)}"] if self.skipped else []),
        )

    def buckets(self, split: str) -> range:
        """Any bucket: these puzzles were not dealt by our rule."""
        return range(BUCKETS)

    def ids(self, split: str = "all", limit: int | None = None) -> list[str]:
        """Sample ids in the order of the folder."""
        require_split(split)
        return list(self.folder_samples)[:limit] if split in (SPLIT, "all") else []

    def samples(
        self,
        split: str = "all",
        limit: int | None = None,
        *,
        pixels: bool = True,
        video: bool = False,
    ) -> Iterator[Sample]:
        """Yields Samples; see `sample`."""
        for name in self.ids(split, limit):
            yield self.sample(name, pixels=pixels, video=video)

    def sample(self, sample_id: str, *, pixels: bool = True, video: bool = False) -> Sample:
        """One Sample; `pixels` decodes puzzle and solution to RGB, `video` adds the clip's bytes.

        Raises UsageError for an unknown id, UnreadableError for a picture that cannot be decoded.
        """
        from vtb.media.image import decode_image

        found = self.folder_samples.get(sample_id)
        if found is None:
            raise UsageError(f"`{self.path}` has no sample `{sample_id}`")
        instance = _stored_instance(found) or _read_instance(found)
        solution, clip = found.solution_image, found.solution_video
        return Sample(
            id=sample_id,
            instance=instance,
            prompts={who: text for who, kind in _PROMPTS.items() if (text := found.prompts[kind])},
            answer=_answer(found, instance),
            puzzle=decode_image(found.puzzle_image) if pixels else None,
            solution=decode_image(solution) if pixels and solution else None,
            video=clip.read_bytes() if video and clip else None,
        )


def _listed(skipped: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} ({count})" for reason, count in skipped.items())


def _stored(sample: FolderSample) -> dict[str, Json] | None:
    """The Instance that our writer adds to a record, as JSON."""
    stored = sample.fields.get("instance")
    return stored if isinstance(stored, dict) and "generator" in stored else None


def _stored_instance(sample: FolderSample) -> Instance | None:
    stored = _stored(sample)
    try:
        return None if stored is None else Instance(**stored)
    except TypeError as error:
        raise UnreadableError(
            f"the record of `{sample.id}` holds an instance of another form", fact=str(error)
        ) from error


def _read_instance(sample: FolderSample) -> Instance:
    """The Instance that the sample's generator finds in its record and picture."""
    from vtb.media.image import decode_image

    generator, fields = _generator(sample), sample.fields
    puzzle = decode_image(sample.puzzle_image)
    try:
        content, style = generator.from_videothinkbench(fields, puzzle)
        whole_style = generator.Style.model_validate(style)
    except (UnreadableError, ValidationError) as error:
        return answer_only(generator, fields, str(error))
    return make_instance(
        generator,
        content,
        config={},
        style=whole_style.model_dump(mode="json"),
        seed=fields.get("seed") or 0,
        index=0,
    )


def _answer(sample: FolderSample, instance: Instance) -> str:
    if unreadable(instance) is not None:
        return recorded_answer(sample.fields)
    return registry.load(instance.generator).answer(instance)


def _generator(sample: FolderSample) -> Generator[Any, Any]:
    """The generator of the sample's task; raises UsageError when there is none."""
    stored = _stored(sample)
    if stored is not None:
        return registry.load(str(stored["generator"]))
    return _generator_of(_task(sample))


def _task(sample: FolderSample) -> str:
    """Our name of the sample's task."""
    if sample.task_type == "arc_connect" and "point_radius" in sample.fields:
        return "arc_connect_point_ver"
    return _ALIASES.get(sample.task_type, sample.task_type)


@cache
def _generator_of(task: str) -> Generator[Any, Any]:
    """Names of generators end in that of their task, so only a few are loaded."""
    ending = task.replace("_", "-")
    near = (registry.load(name) for name in registry.names() if name.endswith(ending))
    for generator in near:
        if generator.task == task:
            return generator
    raise UsageError(f"no generator makes `{task}`")
