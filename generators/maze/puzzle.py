"""What the families of mazes share: how puzzles are drawn, counted and judged."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from vtb.core.errors import VtbError
from vtb.core.generator import AnswerKind, Generator
from vtb.core.rng import Rng
from vtb.core.types import Array, Content, Instance, Json, Language, Prediction, Sample, Verdict

from .capacity import maze_capacity
from .carve import Edge, Graph, carve, opened_graph
from .config import MazeConfig
from .graph import MazeGraph
from .solve import shortest_path
from .style import MazeStyle
from .wording import Marker, maze_words

if TYPE_CHECKING:
    from .scene import Scene
    from .sketch import Sketch

ATTEMPTS = 1000

ConfigT = TypeVar("ConfigT", bound=MazeConfig)
StyleT = TypeVar("StyleT", bound=MazeStyle)


class Ends(NamedTuple):
    """The rooms where the path begins and ends, and where carving starts."""

    start: int
    goal: int
    root: int


class Maze(Generator[ConfigT, StyleT]):
    """A maze of any family: find the way between two marked cells."""

    family: ClassVar[str] = "maze"
    version: ClassVar[int] = 1
    answer_kind: ClassVar[AnswerKind] = "int_list"
    size_keys: ClassVar[tuple[str, ...]]  # what tells the size, in configuration and data
    marker: ClassVar[Marker]  # the shape in which the ends are drawn

    @abstractmethod
    def rooms(self, config: ConfigT) -> Graph:
        """The rooms, and which of them a wall or a passage lies between."""

    @abstractmethod
    def corners(self, config: ConfigT) -> Sequence[Ends]:
        """The ends that `endpoints = "corners"` chooses from."""

    @abstractmethod
    def content(
        self, config: ConfigT, edges: Sequence[Edge], opened: Graph, path: Sequence[int]
    ) -> Content:
        """The puzzle with these open edges and this path of rooms."""

    @abstractmethod
    def graph(self, instance: Instance) -> MazeGraph:
        """The cells of an instance, and between which of them one may walk."""

    @abstractmethod
    def scene(self, instance: Instance) -> Scene:
        """The maps of the instance as its style draws it."""

    @abstractmethod
    def sketch(self, instance: Instance, puzzle: Array) -> Sketch:
        """A sketch book for answers to the instance drawn as `puzzle`, RGB uint8 (H, W, 3)."""

    def sample(self, rng: Rng, config: ConfigT) -> Content:
        """Draws maze and ends together until the path fits, which keeps puzzles uniform."""
        rooms = self.rooms(config)
        longest = config.max_path or len(rooms)
        for _ in range(ATTEMPTS):
            start, goal, root = self._draw_ends(rng, config, len(rooms))
            edges = carve(rooms, config.algorithm, root, config.braid_share, rng)
            opened = opened_graph(len(rooms), edges)
            path = shortest_path(opened, start, goal)
            if config.min_path <= len(path) <= longest:
                return self.content(config, edges, opened, path)
        raise VtbError(
            f"no path of {config.min_path} to {longest} rooms in {ATTEMPTS} mazes",
            fact=f"{config.algorithm}, {config.shape}, {len(rooms)} rooms",
            hint=f"a wider band of --min-path and --max-path, or another {config.size_word}",
        )

    def identity(self, data: Mapping[str, Json]) -> bytes:
        return next(iter(self.symmetries(data)))

    def capacity(self, config: ConfigT) -> int | None:
        """See `maze_capacity`; None for mazes of more than 144 rooms."""
        fixed = config.endpoints == "corners"
        return maze_capacity(
            self.rooms(config),
            loops=config.algorithm == "braid",
            ends=[(start, goal) for start, goal, _ in self.corners(config)] if fixed else None,
            min_path=config.min_path,
            max_path=config.max_path,
        )

    def solution_key(self, instance: Instance) -> str:
        """The ids of a path mean other cells in a maze of another size."""
        size = "x".join(str(instance.data[key]) for key in self.size_keys)
        return f"{size} {super().solution_key(instance)}"

    def columns(self) -> tuple[str, ...]:
        return ("image_vlm",)

    def prompt_values(self, instance: Instance, language: Language) -> Mapping[str, object]:
        words = maze_words(self.Style.model_validate(instance.style), self.marker, language)
        return {**words, **{key: instance.data[key] for key in self.size_keys}}

    def check(self, sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
        from .verify import check_maze

        graph = self.graph(sample.instance)
        return check_maze(sample, prediction, graph, self.scene, overlay=overlay)

    def corruptions(self, sample: Sample) -> Iterator[tuple[str, Prediction]]:
        from .corruptions import corruptions

        return corruptions(sample, self.graph(sample.instance), self.sketch)

    def baseline(self, name: str, sample: Sample, seed: int) -> Prediction | None:
        from .baselines import baseline

        return baseline(name, sample, seed, self.graph(sample.instance), self.sketch)

    def _draw_ends(self, rng: Rng, config: ConfigT, num_rooms: int) -> Ends:
        if config.endpoints == "corners":
            corners = self.corners(config)
            return corners[rng.dealt(len(corners))]
        start, other = rng.below(num_rooms), rng.below(num_rooms - 1)
        return Ends(start, other + (other >= start), rng.below(num_rooms))


def braid_share_of(config: MazeConfig) -> float:
    """The share of dead ends that was opened."""
    return config.braid_share if config.algorithm == "braid" else 0.0
