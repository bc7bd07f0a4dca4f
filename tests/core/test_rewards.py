"""What texts earn for a hand-drawn maze and a hand-made choice; other puzzles: tests/property."""

import json
from dataclasses import replace
from random import Random

import pytest

from vtb.core import registry
from vtb.core.answers import wrap
from vtb.core.errors import UnreadableError, UsageError
from vtb.core.rewards import RewardWeights, sample_of, score
from vtb.core.types import Instance, Prediction, Reason, Sample, Verdict

GRID = [
    "#######",
    "#.....#",
    "#.###.#",
    "#.#...#",
    "#.#.###",
    "#.#...#",
    "#######",
]
CELLS = 17
PATH = [36, 29, 22, 15, 8, 9, 10, 11, 12, 19, 26, 25, 24, 31, 38, 39]
MAZE = Instance(
    generator="maze-square",
    version=1,
    task="maze_square",
    config={},
    seed=0,
    index=0,
    data={"rows": 7, "cols": 7, "grid": GRID, "start": PATH[0], "goal": PATH[-1]},
    solution=PATH,
    difficulty={},
    fingerprint="0" * 32,
    canonical="0" * 32,
    style={"endpoints": "two-colour", "cell": 16, "canvas": None},
)
SAMPLE = sample_of("hand", MAZE.to_json())
MEGABYTE = 1_000_000


def reward(text):
    return score(text, SAMPLE)


def earned(length):
    """What the first ids of the path are worth by the formula: half the share of the way."""
    return 0.5 * (length - 1) / (len(PATH) - 1)


def test_the_path_in_one_block_earns_everything():
    parts = reward(f"Left, then up.\n{wrap(str(PATH))}\n")
    assert (parts.correct, parts.format, parts.length, parts.status) == (1, 1, 0, "ok")
    assert parts.total == pytest.approx(1.1)
    assert parts.verdict.passed


def test_any_other_simple_path_is_as_good_as_the_stored_one():
    hall = replace(
        MAZE,
        data={
            **MAZE.data,
            "rows": 4,
            "cols": 4,
            "grid": ["####", "#..#", "#..#", "####"],
            "start": 5,
            "goal": 6,
        },
        solution=[5, 6],
    )
    sample = sample_of("hall", hall.to_json())
    assert (
        score(wrap("[5, 9, 10, 6]"), sample).correct == score(wrap("[5, 6]"), sample).correct == 1
    )


@pytest.mark.parametrize("length", range(1, len(PATH)))
def test_a_clean_prefix_earns_half_of_its_share_of_the_way(length):
    parts = reward(wrap(str(PATH[:length])))
    assert parts.correct == pytest.approx(earned(length))
    assert (parts.status, parts.format) == ("ok", 1)


def test_longer_legal_progress_never_lowers_the_reward():
    totals = [reward(wrap(str(PATH[:length]))).total for length in range(1, len(PATH) + 1)]
    assert totals == sorted(set(totals))


@pytest.mark.parametrize(
    ("ids", "legal"),
    [
        ([], 0),
        ([PATH[0], PATH[-1]], 1),
        (PATH[::-1], 0),
        (PATH[1:], 0),
        ([PATH[0]] * CELLS, 1),
        ([*PATH[:6], PATH[4], *PATH[6:]], 6),  # a repeat
        ([*PATH[:6], 17, *PATH[6:]], 6),  # into a wall
        (PATH[:6] + PATH[7:], 6),  # a jump
        (PATH[:6] + PATH[9:], 6),
        ([*PATH[:6], -1, *PATH[6:]], 6),
        ([*PATH[:6], 999_999_999, *PATH[6:]], 6),
        (PATH[:6] + PATH[5:0:-1], 6),  # junk after a good prefix
        (PATH[:6] + [0] * 11, 6),
        ([-13, *PATH[1:]], 0),  # an index from the end in Python
    ],
)
def test_a_list_with_a_fault_earns_less_than_its_legal_part_alone(ids, legal):
    parts = reward(wrap(str(ids)))
    share = legal / max(1, len(ids))
    assert parts.correct == pytest.approx(share * earned(max(1, legal)))
    assert parts.correct <= earned(max(1, legal))
    assert parts.status == "ok"


def test_more_ids_than_cells_are_no_answer():
    walk = [*PATH[:-1], PATH[-3], PATH[-2]]
    assert len(walk) == CELLS
    assert reward(wrap(str(walk))).status == "ok"
    parts = reward(wrap(str([*walk, PATH[-1]])))
    assert (parts.correct, parts.format, parts.status) == (-1, 0, "malformed")


RIGHT = str(PATH)
ARABIC = RIGHT.translate({ord(str(digit)): chr(0x660 + digit) for digit in range(10)})
UNREAD = {
    "nothing": ("", "no_answer"),
    "prose": (f"The path is {RIGHT}.", "no_answer"),
    "other tags": (f"<solution>{RIGHT}</solution>", "no_answer"),
    "close only": (f"{RIGHT}</answer>", "no_answer"),
    "spaced tag": (f"< answer >{RIGHT}</ answer >", "no_answer"),
    "unclosed": (f"<answer>{RIGHT}", "unclosed"),
    "reopened": (f"{wrap(RIGHT)} <answer>", "unclosed"),
    "closed before": (f"</answer><answer>{RIGHT}", "unclosed"),
    "two blocks": (wrap(RIGHT) * 2, "multiple"),
    "guess, then right": (wrap("[36]") + wrap(RIGHT), "multiple"),
    "closed twice": (wrap(RIGHT) + "</answer>", "multiple"),
    "nested": (wrap(wrap(RIGHT)), "multiple"),
    "opened twice": (f"<answer><answer>{RIGHT}</answer>", "multiple"),
    "thought": (f"<think>{wrap(RIGHT)}</think>", "no_answer"),
    "thought, tag outside": (f"<think>{wrap(RIGHT)}</think><answer>", "unclosed"),
    "endless thought": (f"<think>{wrap(RIGHT)}", "no_answer"),
    "thought without beginning": (f"{wrap(RIGHT)}</think>", "no_answer"),
    "thought inside": (f"<answer><think>{RIGHT}</think></answer>", "no_answer"),
    "prose inside": (wrap(f"The path is {RIGHT}."), "malformed"),
    "two lists": (wrap(f"{RIGHT} {PATH[:3]}"), "ambiguous"),
    "the list twice": (wrap(f"{RIGHT} {RIGHT}"), "malformed"),
    "list of lists": (wrap(f"[{RIGHT}]"), "malformed"),
    "key": (wrap(f'{{"path": {RIGHT}}}'), "malformed"),
    "strings": (wrap(json.dumps([str(cell) for cell in PATH])), "malformed"),
    "floats": (wrap(json.dumps([float(cell) for cell in PATH])), "malformed"),
    "one float": (wrap(RIGHT.replace("24", "24.0")), "malformed"),
    "exponent": (wrap(RIGHT.replace("24", "24e0")), "malformed"),
    "booleans": (wrap(RIGHT.replace("[36", "[true, 36")), "malformed"),
    "all booleans": (wrap("[true, false]"), "malformed"),
    "null": (wrap(RIGHT.replace("24", "null")), "malformed"),
    "NaN": (wrap("[NaN, Infinity]"), "malformed"),
    "signs": (wrap(RIGHT.replace("24", "+24")), "malformed"),
    "zeros": (wrap(RIGHT.replace("24", "024")), "malformed"),
    "underscores": (wrap(RIGHT.replace("24", "2_4")), "malformed"),
    "Arabic digits": (wrap(ARABIC), "malformed"),
    "full-width comma": (wrap(RIGHT.replace(",", "，")), "malformed"),
    "huge": (wrap(RIGHT.replace("24", "9" * 10_000)), "malformed"),
    "wrapped around": (wrap(RIGHT.replace("24", str(24 + 2**64))), "malformed"),
    "no brackets": (wrap(RIGHT[1:-1]), "malformed"),
    "other brackets": (wrap(str(tuple(PATH))), "malformed"),
    "not ended": (wrap(RIGHT[:-1]), "malformed"),
    "trailing comma": (wrap(RIGHT.replace("]", ",]")), "malformed"),
    "comment": (wrap(RIGHT.replace("[", "[/* */")), "malformed"),
    "empty": (wrap(""), "malformed"),
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_no_answer_in_one_block_gets_the_least(name):
    text, status = UNREAD[name]
    parts = reward(text)
    assert parts.status == status
    assert (parts.correct, parts.format, parts.total) == (-1, 0, -1)
    assert not parts.verdict.passed


@pytest.mark.parametrize("name", ["two blocks", "guess, then right", "thought", "unclosed"])
def test_a_letter_gets_the_least_outside_of_the_one_block_too(name, letter_sample):
    text = UNREAD[name][0].replace(RIGHT, letter_sample.answer).replace("[36]", "A")
    parts = score(text, letter_sample)
    assert (parts.correct, parts.total) == (-1, -1)


@pytest.mark.parametrize(
    ("answer", "correct", "status"),
    [("{right}", 1, "ok"), ("({right})", 1, "ok"), ("{wrong}", 0, "ok"), ("F", -1, "malformed"),
     ("", -1, "malformed"), ("{right} or {wrong}", -1, "ambiguous"), ("ABCDE", -1, "malformed"),
     ("a line through {right}", -1, "malformed")],
)  # fmt: skip
def test_a_letter_is_right_wrong_or_unread(answer, correct, status, letter_sample):
    right = letter_sample.answer
    wrong = "B" if right == "A" else "A"
    parts = score(wrap(answer.format(right=right, wrong=wrong)), letter_sample)
    assert (parts.correct, parts.status) == (correct, status)
    assert parts.format == (status == "ok")


@pytest.fixture(scope="module")
def letter_sample():
    from vtb.core.generator import Sampler

    generator = registry.load("eyeballing-midpoint")
    drawn = Sampler(generator, generator.Config(), generator.Style(), 0).draw(0, 0)
    return sample_of("letter", drawn.to_json())


@pytest.mark.parametrize(
    ("text", "earns"),
    [
        (wrap(RIGHT), 1),
        (f"It is [1, 2]: {wrap(RIGHT)} \n\u3000", 1),
        (f"<think>{wrap('[1]')}</think>\n{wrap(RIGHT)}", 1),
        (f"{wrap(RIGHT)}.", 0),
        (f"{wrap(RIGHT)} Done", 0),
        (f"{wrap(RIGHT)}\0", 0),
        (f"{wrap(RIGHT)}<think>", 0),
        (f"{wrap(RIGHT)}<think></answer>", 0),
    ],
)
def test_format_is_for_one_block_with_nothing_after_it(text, earns):
    parts = reward(text)
    assert (parts.correct, parts.format) == (1, earns)
    assert parts.total == pytest.approx(1 + 0.1 * earns)


def test_format_is_paid_for_a_readable_wrong_answer_too():
    assert reward(wrap("[36, 39]")).total == pytest.approx(0.1)


@pytest.mark.parametrize(
    "piece",
    ["[", "]", "[36,", "36, ", "<answer>", "</answer>", wrap("[36]"), wrap(RIGHT), "<think>",
     "</think>", "\0", "\u202e", "答案", "\u0327\u0300", "9", RIGHT],
)  # fmt: skip
def test_a_megabyte_of_anything_is_not_solved(piece):
    text = piece * (MEGABYTE // len(piece))
    for candidate in (text, wrap(text), wrap(f"[{text}]"), f"<think>{text}</think>"):
        parts = reward(candidate)
        assert (parts.correct, parts.format) == (-1, 0), piece


PIECES = [wrap(RIGHT), wrap(RIGHT), "<answer>", "</answer>", "<think>", "</think>", RIGHT, "[36]",
          " ", "x", ",", "]", "٣", "-1", "true", "1.5", "\0", "\ud800", "<ANSWER>"]  # fmt: skip


def test_random_texts_earn_what_their_one_block_holds():
    """Only a text of the form thoughts, block can pass; a slow reader says which ones are."""
    rng, passed = Random(0), 0
    for _ in range(20_000):
        pieces = rng.choices(PIECES, k=rng.randrange(8))
        text = "".join(pieces)
        parts = reward(text)
        assert -1.1 <= parts.total <= 1.1
        assert (parts.correct == 1) == parts.verdict.passed
        assert (parts.correct == -1) == (parts.status != "ok")
        if parts.correct == 1:
            passed += 1
            said = text.lower().rpartition("</think>")[2].partition("<think>")[0]
            before, inside, after = said.replace("</answer>", "<answer>").split("<answer>")
            assert said == f"{before}<answer>{inside}</answer>{after}"
            assert json.loads(inside) == PATH
    assert passed > 100


@pytest.mark.parametrize(("num_tokens", "length"), [(0, 0), (100, 0), (150, -0.1), (300, -0.4)])
def test_length_costs_beyond_the_budget_only(num_tokens, length):
    weights = RewardWeights(length_penalty=0.2, length_budget=100)
    parts = score(wrap(RIGHT), SAMPLE, weights, num_tokens=num_tokens)
    assert parts.length == pytest.approx(length)
    assert parts.total == pytest.approx(1.1 + length)
    assert score(wrap(RIGHT), SAMPLE, num_tokens=num_tokens).length == 0


def test_a_truncated_text_gets_the_least():
    parts = score(wrap(RIGHT), SAMPLE, is_truncated=True)
    assert parts.correct == -1
    assert parts.total <= -0.9


def test_weights_count_and_the_total_is_clipped():
    half = RewardWeights(correct=0.5, format=0.3)
    assert score(wrap(RIGHT), SAMPLE, half).total == pytest.approx(0.8)
    assert score(wrap(RIGHT), SAMPLE, RewardWeights(correct=7)).total == 1.1
    assert score("", SAMPLE, RewardWeights(correct=7)).total == -1.1


def test_equal_texts_get_equal_rewards():
    for text, _ in UNREAD.values():
        assert reward(text) == reward(text)


@pytest.mark.parametrize("text", ["", "null", "[1]", '{"generator": "maze-square"}', "[" * 10**5])
def test_what_is_no_puzzle_is_refused(text):
    with pytest.raises(UnreadableError):
        sample_of("x", text)


def test_an_unknown_generator_is_refused():
    with pytest.raises(UsageError, match="maze-sqare"):
        sample_of("x", replace(MAZE, generator="maze-sqare").to_json())


def test_the_sample_is_that_of_the_data_set():
    assert Sample("hand", MAZE, {}, json.dumps(PATH)) == SAMPLE


def test_a_sample_that_cannot_be_judged_is_an_error_not_a_zero(monkeypatch):
    generator = registry.load("maze-square")

    def unscored(sample, prediction: Prediction):
        return Verdict(None, False, Reason.UNREADABLE, {"error": "no puzzle"})

    monkeypatch.setattr(type(generator), "check", lambda _, *args: unscored(*args))
    with pytest.raises(UnreadableError, match="no puzzle"):
        reward(wrap(RIGHT))
