"""What every generator promises of its puzzles, before a pixel is drawn."""

import json
import math
import os
from pathlib import Path

import pytest

from vtb.core import registry
from vtb.core.generator import Sampler, make_instance
from vtb.core.types import Content

GOLDEN = Path(__file__).parents[1] / "golden" / "fingerprints"
FINGERPRINTS = 20


def test_golden_fingerprints(name, draw):
    if name == "arc-agi-2":
        pytest.skip("its puzzles come from the user's files")
    now = [draw(name, index).fingerprint for index in range(FINGERPRINTS)]
    path = GOLDEN / f"{name}.json"
    if os.environ.get("VTB_REWRITE_GOLDEN"):
        path.write_text(json.dumps(now, indent=1) + "\n")
    assert now == json.loads(path.read_text())


def test_content_is_json_and_says_what_it_is(name, draw):
    generator = registry.load(name)
    for index in range(4):
        instance = draw(name, index)
        for value in (instance.data, instance.solution, instance.config, instance.style):
            assert json.loads(json.dumps(value)) == value
        assert instance.difficulty
        assert all(math.isfinite(value) for value in instance.difficulty.values())
        assert generator.answer(instance)


def test_stored_content_has_the_same_identity_whatever_its_style(name, draw):
    generator = registry.load(name)
    for index in range(3):
        instance = draw(name, index)
        stored = json.loads(json.dumps(instance.data))
        content = Content(stored, instance.solution, instance.difficulty)
        again = make_instance(
            generator, content, config=instance.config, style={}, seed=0, index=index
        )
        assert (again.fingerprint, again.canonical) == (instance.fingerprint, instance.canonical)
        for style in generator.styles():
            other = draw(name, index, style=style)
            assert (other.fingerprint, other.data) == (instance.fingerprint, instance.data)


def test_symmetries_begin_with_the_puzzle_itself(name, draw):
    generator = registry.load(name)
    data = draw(name, 0).data
    images = list(generator.symmetries(data))
    assert images[0] == generator.identity(data)


def test_same_index_same_puzzle_other_index_or_seed_another(name, config_of):
    generator = registry.load(name)
    config, style = config_of(name), generator.Style()
    first, again, other = (
        [Sampler(generator, config, style, seed).draw(i, 0) for i in range(12)]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert len({instance.fingerprint for instance in first}) > 6
    assert [i.fingerprint for i in first] != [i.fingerprint for i in other]


def test_options_hold_the_answer_once(name, draw):
    generator = registry.load(name)
    for index in range(6):
        instance = draw(name, index)
        labels = [option.label for option in generator.options(instance)]
        if not labels:
            return
        assert len(set(labels)) == len(labels)
        assert generator.answer(instance) in labels
        assert generator.chance(generator.Config.model_validate(instance.config)) == pytest.approx(
            1 / len(labels)
        )


def test_capacity_bounds_what_is_found(name, config_of):
    generator = registry.load(name)
    config = config_of(name)
    capacity = generator.capacity(config)
    sampler = Sampler(generator, config, generator.Style(), 3)
    found = {sampler.draw(index, 0).fingerprint for index in range(30)}
    assert capacity is None or len(found) <= capacity


def test_prompts_are_paraphrased_and_filled(name, draw):
    generator = registry.load(name)
    texts = generator.prompt_texts()
    for audience in ("video", "image", "vlm"):
        for language in ("en", "zh"):
            assert len(set(texts[audience][language])) >= 3
            prompt = generator.prompts(draw(name, 0), audience, language)
            assert len(prompt) > 40 and "{" not in prompt
            assert ("<answer>" in prompt) == (audience == "vlm")
