"""What is drawn: exactly one option completes each pattern, and nothing tells which."""

import json
import math
from collections import Counter
from itertools import combinations, permutations, product

import pytest

from vtb.core.errors import VtbError
from vtb.core.rng import stream

HUES = ("blue", "green", "yellow", "red", "purple", "orange")
PRIMARY = {"red", "yellow", "blue"}
PAINTS = {
    ("red", "yellow"): "orange",
    ("blue", "yellow"): "green",
    ("blue", "red"): "purple",
}
SIZES = ("small", "medium", "large")


# Independent oracles: from the visible part of a stored pattern, which value is missing?


def fill(values, hidden, option):
    return [option if i == hidden else value for i, value in enumerate(values)]


def symmetric_grid(values):
    corners, edges = {values[i] for i in (0, 2, 6, 8)}, {values[i] for i in (1, 3, 5, 7)}
    return len(corners) == len(edges) == 1 and len({*corners, *edges, values[4]}) == 3


def right_in_grid(key):
    return lambda p, option: symmetric_grid(fill(p[key], p["hidden"], option))


def right_in_hexagon(p, option):
    return p["colours"][(p["hidden"] + 3) % 6] == option


def right_in_overlap(p, option):
    middle, overlap = p["squares"][1], p["overlaps"][0]
    return option in PRIMARY and PAINTS.get(tuple(sorted((option, middle)))) == overlap


def right_in_shades(p, option):
    hue = p["shades"][0].split()[-1]
    starts_dark = p["shades"][0].startswith("dark")
    return option == f"{'light' if starts_dark else 'dark'} {hue}"


def right_among_likes(kind):
    def is_right(p, option):
        hidden = p.get("hidden", len(p[kind]) - 1)
        seen = [c for i, c in enumerate(p["colours"]) if i != hidden]
        kinds = [k for i, k in enumerate(p[kind]) if i != hidden]
        return {c for k, c in zip(kinds, seen, strict=True) if k == p[kind][hidden]} == {option}

    return is_right


def right_in_mirror(p, option):
    return p["shapes"][(p["hidden"] + 3) % 6] == option


def right_in_shape_grid(p, option):
    size, name = option.split()
    row, column = divmod(p["hidden"], 3)
    in_row = [c for c in range(3 * row, 3 * row + 3) if c != p["hidden"]]
    in_column = [c for c in range(column, 9, 3) if c != p["hidden"]]
    rows_keep_shape = p["shapes"][in_row[0]] == p["shapes"][in_row[1]]
    alike, sized = (in_row, in_column) if rows_keep_shape else (in_column, in_row)
    return {p["shapes"][c] for c in alike} == {name} and {p["sizes"][c] for c in sized} == {size}


def right_in_cycle(p, option):
    arm = p["hidden"] // 3
    seen = {p["sizes"][i] for i in range(3 * arm, 3 * arm + 3) if i != p["hidden"]}
    return {option} == set(SIZES) - seen


ORACLES = {
    "color_grid": right_in_grid("colours"),
    "color_hexagon": right_in_hexagon,
    "color_overlap_squares": right_in_overlap,
    "color_size": right_in_shades,
    "polygon_sides_color": right_among_likes("sides"),
    "rectangle_height_color": right_among_likes("heights"),
    "shape_reflect": right_in_mirror,
    "shape_size_grid": right_in_shape_grid,
    "size_cycle": right_in_cycle,
    "size_grid": right_in_grid("sizes"),
}


def test_exactly_the_answer_completes_the_pattern(pattern_task, pattern_instance):
    for index in range(60):
        instance = pattern_instance(pattern_task, index)
        data = instance.data
        right = [o for o in data["options"] if ORACLES[pattern_task](data["pattern"], o)]
        assert right == [data["answer"]] == [instance.solution]


def test_the_stored_pattern_holds_the_answer_in_its_hidden_place(pattern_task, pattern_instance):
    for index in range(40):
        data = pattern_instance(pattern_task, index).data
        assert ORACLES[pattern_task](data["pattern"], value_at(pattern_task, data["pattern"]))


def value_at(task, p):
    if task == "color_overlap_squares":
        return p["squares"][0]
    if task == "color_size":
        return p["shades"][-1]
    if task == "rectangle_height_color":
        return p["colours"][-1]
    if task == "shape_size_grid":
        return f"{p['sizes'][p['hidden']]} {p['shapes'][p['hidden']]}"
    key = {"shape_reflect": "shapes", "size_cycle": "sizes", "size_grid": "sizes"}
    return p[key.get(task, "colours")][p["hidden"]]


# All patterns of each task, written down again from its rule. Where colours are free, they are
# fixed here, and counted by `times`.


def hue_triples():
    return [t for t in permutations(HUES, 3) if not {"yellow", "orange"} <= set(t)]


def grids(key, kinds, extra):
    for (corner, edge, centre), hidden in product(kinds, (0, 1, 2, 3, 5, 6, 7, 8)):
        values = [corner, edge, corner, edge, centre, edge, corner, edge, corner]
        yield {key: values, "hidden": hidden, **extra}


def hexagons():
    for half, hidden in product(hue_triples(), range(6)):
        yield {"colours": [*half, *half], "hidden": hidden}


def overlaps():
    directions = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]
    for one, other in permutations(range(8), 2):
        (a, b), (c, d) = directions[one], directions[other]
        if abs(a - c) < 2 and abs(b - d) < 2:
            continue  # the outer squares would touch
        for hidden, middle, last in product(sorted(PRIMARY), repeat=3):
            if middle in (hidden, last):
                continue
            mixed = [PAINTS[tuple(sorted((middle, outer)))] for outer in (hidden, last)]
            yield {
                "squares": [hidden, middle, last],
                "directions": [one, other],
                "overlaps": mixed,
            }


def nested():
    rows = ["light", "medium light", "medium dark", "dark"]
    kinds = ("circle", "square", "diamond", "hexagon")
    for hue, row, four in product(HUES, (rows, rows[::-1]), product(kinds, repeat=4)):
        yield {"kinds": list(four), "shades": [f"{shade} {hue}" for shade in row]}


def polygons():
    for counts in combinations(range(3, 10), 3):
        for order in sorted(set(permutations((0, 0, 1, 1, 2, 2)))):
            for hidden in range(6):
                yield {
                    "sides": [counts[i] for i in order],
                    "colours": [("blue", "green", "red")[i] for i in order],
                    "hidden": hidden,
                }


def bars():
    colours = {"low": "blue", "middle": "green", "high": "red"}
    for heights in product(colours, repeat=7):
        if len(set(heights[:6])) == 3:
            yield {"heights": list(heights), "colours": [colours[h] for h in heights]}


def mirrors():
    names = ("triangle", "square", "pentagon", "hexagon", "circle", "star", "cross", "heart")
    for row, hidden in product(permutations(names, 3), range(6)):
        yield {"shapes": [*row, *row], "colours": ["blue", "green", "red"], "hidden": hidden}


def shape_grids():
    names = ("triangle", "square", "circle", "star", "cross", "heart")
    for row, sizes, hidden in product(permutations(names, 3), permutations(SIZES), range(9)):
        for flipped in (False, True):
            cells = [(i // 3, i % 3) if not flipped else (i % 3, i // 3) for i in range(9)]
            yield {
                "shapes": [row[i] for i, _ in cells],
                "sizes": [sizes[j] for _, j in cells],
                "colour": "blue",
                "hidden": hidden,
            }


def cycles():
    for first, later in product(permutations(SIZES), range(3)):
        sizes = [first[(ring + later * arm) % 3] for arm in range(3) for ring in range(3)]
        for sense, hidden in product((1, -1), range(9)):
            yield {"sizes": sizes, "sense": sense, "colour": "blue", "hidden": hidden}


EVERY = {
    "color_grid": (lambda: grids("colours", hue_triples(), {}), 1, 768),
    "color_hexagon": (hexagons, 1, 576),
    "color_overlap_squares": (overlaps, 1, 384),
    "color_size": (nested, 1, 3_072),
    "polygon_sides_color": (polygons, 96, 1_814_400),
    "rectangle_height_color": (bars, 96, 155_520),
    "shape_reflect": (mirrors, 96, 193_536),
    "shape_size_grid": (shape_grids, 6, 77_760),
    "size_cycle": (cycles, 6, 1_944),
    "size_grid": (
        lambda: grids("sizes", list(permutations(SIZES)), {"colour": "blue"}),
        6,
        288,
    ),
}


def plain(task, data):
    """The pattern in the colours of the enumeration above."""
    p = json.loads(json.dumps(data["pattern"]))
    if "colour" in p:
        p["colour"] = "blue"
    if task in ("polygon_sides_color", "rectangle_height_color"):
        key = "sides" if "sides" in p else "heights"
        kinds = sorted(set(p[key])) if key == "sides" else ["low", "middle", "high"]
        p["colours"] = [("blue", "green", "red")[kinds.index(kind)] for kind in p[key]]
    if task == "shape_reflect":
        p["colours"] = ["blue", "green", "red"]
    return p


def colours_of(data):
    """The free colours of a pattern, in the order in which it shows them."""
    p = data["pattern"]
    key = "sides" if "sides" in p else "heights" if "heights" in p else None
    if key is None:
        return tuple(p["colours"]) if "colours" in p else (p["colour"],)
    order = ["low", "middle", "high"] if key == "heights" else sorted(set(p[key]))
    return tuple(p["colours"][p[key].index(kind)] for kind in order)


def test_capacity_is_the_number_of_patterns(pattern_task, pattern_generator, pattern_instance):
    generator = pattern_generator(pattern_task)
    enumerate_patterns, times, capacity = EVERY[pattern_task]
    identities = {generator.identity({"pattern": p}) for p in enumerate_patterns()}
    assert len(identities) * times == capacity == generator.capacity(generator.Config())
    drawn = [pattern_instance(pattern_task, index, seed=1).data for index in range(200)]
    for data in drawn:
        base = data["pattern"] if times == 1 else plain(pattern_task, data)
        assert generator.identity({"pattern": base}) in identities
    if times > 1:
        shown = {colours_of(data) for data in drawn}
        assert shown <= (set(hue_triples()) if times == 96 else {(hue,) for hue in HUES})
        assert len(shown) > 0.6 * times


@pytest.mark.parametrize(
    "task", ["color_grid", "color_hexagon", "color_overlap_squares", "size_grid"]
)
def test_every_pattern_is_drawn_sooner_or_later(task, pattern_generator):
    generator = pattern_generator(task)
    capacity = generator.capacity(generator.Config())
    rng, found = stream("all", task), set()
    for _ in range(16 * capacity):
        found.add(generator.identity({"pattern": generator.deal(rng).pattern}))
        if len(found) == capacity:
            break
    assert len(found) == capacity


def test_symmetric_images_are_patterns_with_the_same_canonical(
    pattern_task, pattern_generator, pattern_instance
):
    sizes = {
        "color_grid": 8,
        "color_hexagon": 12,
        "color_overlap_squares": 8,
        "color_size": 1,
        "polygon_sides_color": 6,
        "rectangle_height_color": 1,
        "shape_reflect": 4,
        "shape_size_grid": 8,
        "size_cycle": 6,
        "size_grid": 8,
    }
    generator = pattern_generator(pattern_task)
    for index in range(20):
        data = pattern_instance(pattern_task, index).data
        images = list(generator.variants(data["pattern"]))
        own = set(generator.symmetries(data))
        assert images[0] == data["pattern"] and len(images) == sizes[pattern_task]
        for image in images:
            assert ORACLES[pattern_task](image, data["answer"])
            assert set(generator.symmetries({"pattern": image})) == own


def test_identity_is_what_is_seen(pattern_task, pattern_generator, pattern_instance):
    generator = pattern_generator(pattern_task)
    data = pattern_instance(pattern_task).data
    other = {**data, "options": data["options"][::-1], "tilt_deg": 7.5, "canvas": [256, 320]}
    assert generator.identity(other) == generator.identity(data)
    small = pattern_instance(pattern_task, canvas=(256, 256))
    assert small.difficulty.keys() == pattern_instance(pattern_task).difficulty.keys()


def test_place_of_the_answer_is_stratified(pattern_task, pattern_instance):
    instances = [pattern_instance(pattern_task, index, seed=1) for index in range(200)]
    places = [i.data["options"].index(i.solution) for i in instances]
    num_options = len(instances[0].data["options"])
    of_three = ("size_cycle", "size_grid", "color_overlap_squares")
    assert num_options == (3 if pattern_task in of_three else 4)
    for start in range(0, 200 - num_options, num_options):
        assert sorted(places[start : start + num_options]) == list(range(num_options))


def test_names_of_the_options_tell_nothing(pattern_task, pattern_generator):
    generator, rng = pattern_generator(pattern_task), stream("audit", pattern_task)
    deals = [generator.deal(rng) for _ in range(1200)]
    answers = Counter(deal.answer for deal in deals)
    probes = {
        "commonest": lambda options: max(options, key=lambda name: answers[name]),
        "rarest": lambda options: min(options, key=lambda name: answers[name]),
        "longest": lambda options: max(options, key=len),
        "first in the alphabet": min,
        "last in the alphabet": max,
    }
    # The audit's limit, and four standard deviations.
    limit = generator.chance(generator.Config()) + 0.1 + 4 * math.sqrt(0.25 / len(deals))
    for name, probe in probes.items():
        hits = sum(probe(deal.options) == deal.answer for deal in deals)
        assert hits / len(deals) < limit, name


def test_options_of_polygons_keep_one_order(pattern_instance):
    for index in range(20):
        options = pattern_instance("polygon_sides_color", index).data["options"]
        assert options == sorted(options, key=HUES.index)


def test_a_pattern_that_two_options_complete_is_refused(pattern_generator, monkeypatch):
    generator = pattern_generator("color_grid")
    monkeypatch.setattr(type(generator), "completes", lambda *_: True)
    with pytest.raises(VtbError, match="not only"):
        generator.sample(stream("x"), generator.Config())


@pytest.mark.parametrize("canvas", [(192, 512), (500, 512), (512,), (512, 4096)])
def test_canvas_sides_are_multiples_of_32_in_bounds(canvas, pattern_generator):
    with pytest.raises(ValueError, match="canvas"):
        pattern_generator("size_grid").Config(canvas=canvas)


def test_prompts_ask_in_several_words_and_list_the_options(
    pattern_task, pattern_generator, pattern_instance
):
    generator = pattern_generator(pattern_task)
    phrases = generator.data_file("prompts.toml")[pattern_task]
    for language in ("en", "zh"):
        assert len(set(phrases["scene"][language])) == len(set(phrases["question"][language])) == 3
        asked = {
            generator.prompts(pattern_instance(pattern_task, index), "vlm", language)
            for index in range(12)
        }
        assert len(asked) > 6
        for index in range(4):
            instance = pattern_instance(pattern_task, index)
            assert ", ".join(instance.data["options"]) in generator.prompts(
                instance, "vlm", language
            )
            shown = generator.prompts(instance, "video", language)
            assert phrases["missing"][language] in shown
