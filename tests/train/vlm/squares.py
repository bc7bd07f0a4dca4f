"""A puzzle for tests: which colour the square has, as a letter; its pictures are four tokens.

Its clip is grey but for the last frame.
"""

import numpy as np

from vtb.core.answers import parse_letter
from vtb.core.config import Config
from vtb.core.generator import Generator
from vtb.core.types import Content, Picture, Reason, Rendering, Verdict

COLOURS = {"A": (200, 40, 40), "B": (40, 180, 60), "C": (50, 70, 210), "D": (220, 190, 40)}
SIDE = 64


class Squares(Generator):
    name, family, task = "test-squares", "tests", "squares"
    summary, version, answer_kind = "the colour of a square", 1, "letter"

    class Config(Config):
        pass

    class Style(Config):
        pass

    def sample(self, rng, config):
        letter = "ABCD"[rng.below(4)]
        shade = rng.below(9999)
        return Content({"letter": letter, "shade": shade}, letter, {})

    def answer(self, instance):
        return instance.solution

    def render(self, instance, style, plan):
        pixels = np.full((SIDE, SIDE, 3), COLOURS[instance.data["letter"]], np.uint8)
        pixels[8:16, 8:16] = instance.data["shade"] % 255
        picture = Picture(pixels)
        grey = np.full_like(pixels, 128)
        frames = [*[grey] * (plan.num_frames - 1), pixels]
        return Rendering(picture, picture, iter(frames))

    def check(self, sample, prediction, *, overlay=False):
        parsed = parse_letter(prediction.text)
        if parsed.status != "ok":
            return Verdict(0.0, False, Reason(parsed.status))
        right = parsed.value == sample.instance.solution
        return Verdict(float(right), right, Reason.OK if right else Reason.WRONG_ANSWER)

    def capacity(self, config):
        return None

    def prompts(self, instance, audience, language):
        return "Which letter has this colour? Answer with it between <answer> and </answer>."
