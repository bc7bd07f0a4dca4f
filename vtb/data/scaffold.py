"""`vtb gen --new`: a small working generator to start from, in a checkout of vtb."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from string import Template

from vtb.core.errors import ConflictError, UsageError
from vtb.core.files import atomic_write

TABLE = '[project.entry-points."vtb.generators"]'
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)+")
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class _Names:
    """How one generator is called where."""

    name: str
    family: str
    module: str

    @classmethod
    def of(cls, name: str) -> _Names:
        family, _, rest = name.partition("-")
        module = rest.replace("-", "_")
        if not _NAME.fullmatch(name) or iskeyword(module) or iskeyword(family):
            raise UsageError(
                f"`{name}` is no name for a generator",
                fact="it is <family>-<name>, of lowercase words, digits and hyphens",
                hint="vtb gen --new visual-my-puzzle",
            )
        return cls(name, family, module)

    @property
    def task(self) -> str:
        return self.name.replace("-", "_")

    @property
    def cls(self) -> str:
        return "".join(map(str.capitalize, self.module.split("_")))

    def fill(self, template: str) -> str:
        text = (_TEMPLATES / template).read_text(encoding="utf-8")
        return Template(text).substitute(
            NAME=self.name, FAMILY=self.family, MODULE=self.module, TASK=self.task, CLASS=self.cls
        )


def find_checkout(start: Path) -> Path:
    """The checkout of vtb that `start` lies in; raises UsageError outside of any."""
    for path in (start, *start.parents):
        project = path / "pyproject.toml"
        if (path / "generators").is_dir() and project.is_file() and TABLE in _text(project):
            return path
    raise UsageError(
        f"`{start}` is in no checkout of vtb",
        fact="a new generator is written beside vtb's own",
        hint=(
            "work in a clone of vtb, or in a package of your own whose pyproject.toml says\n"
            f"{TABLE}\n"
            'my-puzzle = "my_package.my_puzzle:MyPuzzle"\n'
            "once that is installed, `vtb gen my-puzzle` works"
        ),
    )


def scaffold(name: str, checkout: Path) -> Sequence[Path]:
    """Writes a working generator of that name and registers it; returns the files it touched.

    Raises UsageError for a name of another form and ConflictError when something by that name is
    there. Nothing is overwritten: prompts and registration are added to files that exist.
    """
    names = _Names.of(name)
    folder = checkout / "generators" / names.family
    project, prompts = checkout / "pyproject.toml", folder / "prompts.toml"
    modules = {
        folder / f"{names.module}.py": names.fill("generator.py.txt"),
        folder / f"{names.module}_picture.py": names.fill("picture.py.txt"),
    }
    _require_free(names, modules, project, prompts)
    files = dict(modules)
    if not (folder / "__init__.py").exists():
        files[folder / "__init__.py"] = f'"""Puzzles of the family {names.family}."""\n'
    files[prompts] = "\n".join(
        [*([_text(prompts)] if prompts.exists() else []), names.fill("prompts.toml.txt")]
    )
    entry = f'{name} = "generators.{names.family}.{names.module}:{names.cls}"'
    files[project] = _registered(_text(project), entry)
    for path, text in files.items():
        atomic_write(path, text)
    return list(files)


def _require_free(names: _Names, modules: Mapping[Path, str], project: Path, prompts: Path) -> None:
    taken = [str(path) for path in modules if path.exists()]
    taken += [str(project)] * (f"\n{names.name} = " in _text(project))
    taken += [str(prompts)] * (prompts.exists() and f"[{names.task}." in _text(prompts))
    if taken:
        raise ConflictError(
            f"`{names.name}` exists already", fact=", ".join(taken), hint="choose another name"
        )


def _registered(project: str, entry: str) -> str:
    """The text of pyproject.toml with a line more among the generators, in sorted place."""
    lines = project.splitlines(keepends=True)
    first = lines.index(TABLE + "\n") + 1
    place = first
    while place < len(lines) and lines[place].strip() and lines[place] < entry:
        place += 1
    return "".join([*lines[:place], entry + "\n", *lines[place:]])


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
