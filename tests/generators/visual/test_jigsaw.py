"""Jigsaws: put together from their pixels, solvable in one way, mirrored as they claim."""

from dataclasses import replace

import numpy as np
import pytest

from generators.visual.disc_picture import COLOURS, Disc, DiscPicture, sampled_sides, sampled_tiles
from generators.visual.jigsaw import MIRRORED_SLOTS, Jigsaw, picture_of
from generators.visual.tile_fit import (
    count_assemblies,
    fitting_sides,
    is_solvable,
    min_unlikeness,
)
from vtb.core.answers import wrap
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample

TASK = Jigsaw()


def draw(index=0, **config):
    return Sampler(TASK, TASK.Config(**config), TASK.Style(), 0).draw(index, 0)


def page_of(instance):
    return TASK.page(instance, TASK.Style())


def sample_of(instance):
    page = page_of(instance)
    return Sample("j", instance, {}, "", page.puzzle, page.filled(page.wanted))


def judged(sample, picture):
    return TASK.check(sample, Prediction("j", "image", content=picture))


def test_turning_the_tray_s_tiles_back_makes_the_picture():
    for index in range(4):
        instance = draw(index)
        page = page_of(instance)
        solved = page.filled(page.wanted)
        for number, (slot, place, turns) in enumerate(
            zip(page.slots, instance.data["tiles"], instance.data["turns"], strict=True), 1
        ):
            tile = np.rot90(page.puzzle[slot.window], turns)
            assert (solved[page.places[place].window] == tile).all()
            assert instance.solution[place] == number
        frame = solved[
            page.places[0].top : page.places[8].bottom, page.places[0].left : page.places[8].right
        ].astype(int)
        steps = np.abs(np.diff(frame, axis=1)).mean(axis=(0, 2))
        borders = [page.tile - 1, 2 * page.tile - 1]
        assert steps[borders].max() < 4 * steps.mean()  # no seam at the borders of tiles
        rows = frame.mean(axis=(1, 2))
        assert rows[: page.tile].mean() > rows[-page.tile :].mean() + 25


def test_a_picture_has_one_assembly_in_four_positions():
    for index in range(3):
        picture = picture_of(draw(index).data)
        fits = fitting_sides(sampled_sides(picture, 12))
        assert count_assemblies(fits, 100) == 4
        for place in range(9):  # the true neighbours fit
            row, col = divmod(place, 3)
            if col < 2:
                assert fits[4 * place + 1, 4 * (place + 1) + 3]
            if row < 2:
                assert fits[4 * place + 2, 4 * (place + 3)]


def chain_fits(pairs):
    fits = np.zeros((36, 36), bool)
    for one, other in pairs:
        fits[one, other] = fits[other, one] = True
    return fits


def test_assemblies_are_counted():
    beside = [(4 * p + 1, 4 * p + 7) for p in range(9) if p % 3 < 2]
    below = [(4 * p + 2, 4 * p + 12) for p in range(6)]
    assert count_assemblies(chain_fits(beside + below), 100) == 4
    assert count_assemblies(chain_fits(beside + below[:-1]), 100) == 0
    # Rows that may also change places: the lowest may lie on top of the uppermost.
    wrapped = [(4 * p + 26, 4 * p) for p in range(3)]
    assert count_assemblies(chain_fits(beside + below + wrapped), 100) == 4 * 3
    assert count_assemblies(np.ones((36, 36), bool), 50) == 50


def test_pictures_that_say_too_little_are_refused():
    plain = DiscPicture(0, [])
    one = DiscPicture(0, [Disc(500, 500, 100, 4)])
    good = picture_of(draw().data)
    hidden = DiscPicture(good.ground, [*good.discs, Disc(150, 150, 260, 2)])
    assert [is_solvable(picture) for picture in (plain, one, hidden, good)] == [0, 0, 0, 1]


def test_a_tile_that_looks_alike_when_turned_counts_as_alike():
    tiles = np.random.default_rng(0).random((9, 6, 6, 3))
    assert min_unlikeness(tiles) > 0.1
    tiles[4] = tiles[7][::-1, ::-1]
    assert min_unlikeness(tiles) == 0
    tiles[4] = np.rot90(np.random.default_rng(1).random((6, 6, 3)))
    tiles[4] = (tiles[4] + np.rot90(tiles[4], 2)) / 2
    assert min_unlikeness(tiles) == 0


def test_the_mirror_image_is_the_same_puzzle_in_disguise():
    instance = draw(1, canvas=(1024, 1024))  # where nothing is rounded to even pixels
    data = instance.data
    mirrored = {
        "canvas": data["canvas"],
        "ground": data["ground"],
        "discs": [[1000 - x, y, r, c] for x, y, r, c in data["discs"]],
        "tiles": [3 * (p // 3) + 2 - p % 3 for p in (data["tiles"][s] for s in MIRRORED_SLOTS)],
        "turns": [(4 - data["turns"][slot]) % 4 for slot in MIRRORED_SLOTS],
    }
    assert set(TASK.symmetries(mirrored)) == set(TASK.symmetries(data))
    style = TASK.Style()
    picture = TASK.page(instance, style).puzzle[:, ::-1].astype(int)
    again = TASK.page(replace(instance, data=mirrored), style).puzzle
    assert np.abs(picture - again).mean() < 1


def test_tiles_lie_upright_on_request_and_turned_otherwise():
    assert all(set(draw(i, turned=False).data["turns"]) == {0} for i in range(3))
    turns = np.bincount([t for i in range(20) for t in draw(i).data["turns"]], minlength=4)
    assert turns.min() > 25  # 45 expected of each
    firsts = {draw(i).solution[0] for i in range(20)}
    assert len(firsts) >= 6


def test_tiles_left_in_the_tray_pass_but_nothing_else_there():
    sample = sample_of(draw(2))
    page = page_of(sample.instance)
    copied = sample.solution.copy()
    for slot in page.slots:
        copied[slot.window] = sample.puzzle[slot.window]
    assert judged(sample, copied).passed
    copied[page.slots[0].window] = sample.puzzle[page.slots[1].window]
    assert judged(sample, copied).reason == "changed_scene"


def test_a_place_needs_its_tile_upright_and_sharp():
    sample = sample_of(draw(2))
    page = page_of(sample.instance)
    place = page.places[4].window

    def predicted(tile):
        picture = sample.solution.copy()
        picture[place] = tile
        verdict = judged(sample, picture)
        return verdict.details["predicted"][4]

    tile = sample.solution[place]
    assert predicted(tile) == page.wanted[4]
    assert predicted((tile * 0.9 + 10).astype(np.uint8)) == page.wanted[4]
    assert predicted(sample.puzzle[place]) == 0
    for turns in (1, 2, 3):
        assert predicted(np.rot90(tile, turns)) == -1
    assert predicted(tile[:, ::-1]) == -1
    assert predicted(np.full_like(tile, tile.mean(axis=(0, 1)).astype(np.uint8))) == -1
    assert predicted(255 - tile) == -1
    assert predicted(page.tiles[page.wanted[0] - 1]) == page.wanted[0]


def test_a_text_lists_tile_numbers():
    instance = draw(3)
    sample = Sample("j", instance, {}, TASK.answer(instance))

    def reason(numbers):
        return TASK.check(sample, Prediction("j", "text", text=wrap(str(numbers)))).reason

    assert reason(instance.solution) == "ok"
    assert reason(instance.solution[::-1]) == reason(instance.solution[:8]) == "wrong_answer"
    assert reason([place + 1 for place in instance.data["tiles"]]) == (
        "ok" if [p + 1 for p in instance.data["tiles"]] == instance.solution else "wrong_answer"
    )


@pytest.mark.parametrize("points", [4, 12])
def test_samples_agree_with_the_drawn_picture(points):
    instance = draw(4)
    page, picture = page_of(instance), picture_of(instance.data)
    tiles = sampled_tiles(picture, points)
    solved = page.filled(page.wanted)
    for place, sampled in zip(page.places, tiles, strict=True):
        spots = ((np.arange(points) + 0.5) * page.tile / points).astype(int)
        seen = solved[place.window][np.ix_(spots, spots)] / 255
        assert np.median(np.abs(seen - sampled)) < 0.01
    assert len(COLOURS) == 7
