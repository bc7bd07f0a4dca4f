"""`docs/GALLERY.md`: every registered generator, with pictures.

python -m vtb.data.gallery docs
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path

from vtb.core import registry
from vtb.core.files import atomic_write
from vtb.core.frames import FramePlan
from vtb.core.types import Array
from vtb.data.capacity import say_capacity
from vtb.data.choice import Choice

NAME = "GALLERY.md"
SAMPLES = 3
MAX_BYTES = 40_000

_HEAD = """# Gallery

Every generator at its defaults, three puzzles beside their solutions. Written by `just gallery`.
"""
_PICTURE = "![puzzles beside their solutions](gallery/{name}.png)\n"
_ENTRY = """### {name}

{facts}

```console
vtb gen {name}{settings}
```
"""


def write_gallery(docs: Path) -> None:
    """Writes `GALLERY.md` and `gallery/<name>.png`; pictures of other generators go."""
    names, folder = registry.names(), docs / "gallery"
    pictures = {folder / f"{name}.png": name for name in names if not Choice(name).missing()}
    for path, name in pictures.items():
        atomic_write(path, sheet(name))
    for path in folder.glob("*.png"):
        if path not in pictures:
            path.unlink()
    atomic_write(docs / NAME, text(names))


def text(names: Sequence[str]) -> str:
    """The page about these generators, by family."""
    parts = [_HEAD]
    for family, members in groupby(names, key=lambda name: registry.load(name).family):
        parts += [f"## {family}\n", *map(_entry, members)]
    return "\n".join(parts)


def sheet(name: str) -> bytes:
    """Three puzzles beside their solutions, as a PNG of at most 40 kB with a palette."""
    import numpy as np
    from PIL import Image

    from vtb.data.preview import pair
    from vtb.media.image import contact_sheet

    pairs = [pair(puzzle, solution) for puzzle, solution in _pictures(name)]
    image = Image.fromarray(np.ascontiguousarray(contact_sheet(pairs, columns=SAMPLES)))
    for num_colours in (128, 64, 32, 16, 8):
        file = BytesIO()
        flat = image.quantize(num_colours, dither=Image.Dither.NONE)
        flat.save(file, "PNG", optimize=True)
        if file.tell() <= MAX_BYTES:
            break
    return file.getvalue()


def _pictures(name: str) -> Iterator[tuple[Array, Array]]:
    sampler = Choice(name).task().sampler(seed=0)
    for index in range(SAMPLES):
        instance = sampler.draw(index, 0)
        style = sampler.generator.Style.model_validate(instance.style)
        rendering = sampler.generator.render(instance, style, FramePlan.of(17, 16))
        yield rendering.puzzle.rgb(), rendering.solution.rgb()


def _entry(name: str) -> str:
    generator = registry.load(name)
    missing = Choice(name).missing()
    summary = generator.summary[:1].upper() + generator.summary[1:]
    facts = [f"{summary}.", f"Answer: {generator.answer_kind}"]
    if missing:
        facts[-1] += f"; needs your own {', '.join(missing)}."
    else:
        config = generator.Config()
        capacity = say_capacity(generator.capacity(config))
        facts[-1] += f"; chance: {generator.chance(config):.1%}; distinct puzzles: {capacity}."
    entry = _ENTRY.format(
        name=name, facts=" ".join(facts), settings="".join(f" -s {key}=..." for key in missing)
    )
    return entry if missing else f"{entry}\n{_PICTURE.format(name=name)}"


if __name__ == "__main__":
    write_gallery(Path(sys.argv[1]))
