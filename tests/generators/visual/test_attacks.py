"""Guesses at visual puzzles that could be above chance."""

from vtb.core import registry
from vtb.core.generator import Sampler


def sampler(name, seed=0):
    generator = registry.load(name)
    return generator, Sampler(generator, generator.Config(), generator.Style(), seed)


def test_the_offered_colours_alone_tell_no_more_than_chance():
    generator, drawer = sampler("visual-color-overlap-squares")
    count, chance = 300, generator.chance(generator.Config())
    hits = 0.0
    for index in range(count):
        data = drawer.draw(index, 0).data
        primary = [option for option in data["options"] if option in ("red", "yellow", "blue")]
        hits += (data["answer"] in primary) / len(primary)
    assert hits / count <= chance + 3 * (chance * (1 - chance) / count) ** 0.5
