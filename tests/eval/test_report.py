from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from vtb.core.types import Prediction, Reason, Sample, Verdict
from vtb.eval.puzzles import PuzzleEval, evaluate
from vtb.eval.report import Comparison, write_report
from vtb.eval.scores import Target, score_of
from vtb.eval.selection import MAX_CARDS, _choose
from vtb.media import html
from vtb.media.cards import sample_card

EVIL = '<script>alert("x")</script>'
VOID = {"meta", "img"}


class Tree(HTMLParser):
    """Counts tags, collects text and fails on unbalanced ones."""

    def __init__(self):
        super().__init__()
        self.open, self.count, self.words = [], {}, []

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1

    def handle_data(self, data):
        self.words.append(data)


def parsed(path):
    tree = Tree()
    tree.feed(path.read_text(encoding="utf-8"))
    assert not tree.open
    return tree


def scored(reason, number):
    target = Target(f"{reason}-{number}", "maze_square", "maze_square", "e", "d", "sha", 0.0)
    passed = reason is Reason.OK
    return target, score_of(target, "video", Verdict(float(passed), passed, reason), False)


def test_report_shows_results_comparisons_and_samples(score, tmp_path):
    unchanged = score(baseline="unchanged")
    oracle = score(baseline="oracle", out=tmp_path / "oracle").results
    tree = parsed(unchanged.report)
    assert tree.count["article"] == 12 and tree.count["img"] == 4 * 12
    text = " ".join(tree.words)
    assert "0 of 12 passed" in text and "no answer" in text and "maze_square" in text
    path = tmp_path / "both.html"
    write_report(path, unchanged.results, [], [Comparison("the truth", oracle)], notes=[EVIL])
    both = " ".join(parsed(path).words)
    assert "the truth" in both and "100.0 %" in both and EVIL in both
    assert "script" not in parsed(path).count


def test_comparisons_reach_the_report_of_a_complete_evaluation(score, maze_set, tmp_path):
    results = score(baseline="unchanged", limit=2).results
    request = PuzzleEval(maze_set, tmp_path / "eval", baseline="unchanged", limit=2)
    again = evaluate(request, comparisons=[Comparison("beside", results)], notes=["plain"])
    assert again.scored == 0
    assert {"beside", "plain"} <= set(parsed(again.report).words)


def test_report_of_nothing_scored_has_no_numbers(score, tmp_path):
    results = dict(score(baseline="unchanged", limit=1).results)
    results |= dict.fromkeys(("accuracy", "ci95", "chance", "straight", "accuracy_answered"))
    results |= {"n": 0, "passed": 0, "reasons": {}, "by_task": {}, "by_group": {}}
    write_report(tmp_path / "empty.html", results, [])
    assert "–" in " ".join(parsed(tmp_path / "empty.html").words)


def published(results, groups, path):
    numbers = results["by_task"]["maze_square"]
    write_report(path, {**results, "by_group": dict.fromkeys(groups, numbers)}, [])
    text = " ".join(parsed(path).words)
    return text.partition("published, reference rule")[2].partition("How this was made")[0]


def test_published_figures_stand_apart_and_only_for_groups_at_hand(score, tmp_path):
    results = score(baseline="unchanged", limit=1).results
    assert list(results["by_group"]) == ["maze_square"]
    mazes = published(results, results["by_group"], tmp_path / "mazes.html")
    assert "Sora-2 minitest 35.3 %" in mazes and "Sora-2 full test 40.0 %" in mazes
    assert "vision-language models minitest 0.0 %" in mazes and "arXiv:2511.04570" in mazes
    points = published(results, ["line", "point"], tmp_path / "points.html")
    assert "model set point line" in points and "Veo 3.1 minitest 34.0 % 24.0 %" in points
    assert "vision-language" not in points and "Sora-2 full test" not in points
    assert published(results, ["arc"], tmp_path / "none.html") == ""


def test_samples_without_a_prediction_have_no_card(score, tmp_path, mazes):
    pred = tmp_path / "pred"
    pred.mkdir()
    (pred / f"{mazes[1].id}.mp4").write_bytes(mazes[1].video)
    tree = parsed(score(pred=pred, limit=4).report)
    assert tree.count["article"] == 1 and "3 without a prediction" in " ".join(tree.words)


def test_nothing_from_outside_is_loaded(score):
    page = score(baseline="unchanged", limit=2).report.read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert 'src="data:image/jpeg;base64,' in page


def test_cards_mix_failures_of_every_reason_with_passes():
    pairs = [scored(Reason.OK, n) for n in range(40)]
    pairs += [scored(Reason.TOUCHES_WALL, n) for n in range(60)]
    pairs += [scored(Reason.NOT_SIMPLE, n) for n in range(2)]
    chosen = [score.reason for _, score in _choose(pairs)]
    assert len(chosen) == MAX_CARDS
    assert chosen[:4] == ["touches_wall", "not_simple", "touches_wall", "ok"]
    assert chosen.count("ok") == MAX_CARDS // 4 and chosen.count("not_simple") == 2
    assert len(_choose(pairs[:40])) == 40


def test_everything_on_a_card_is_escaped(mazes):
    sample: Sample = replace(mazes[0], id=EVIL, video=None)
    prediction = Prediction(EVIL, "text", text=EVIL)
    verdict = Verdict(0.0, False, Reason.NO_ANSWER, {"error": EVIL})
    card = sample_card(sample, prediction, verdict, badge=EVIL).html()
    assert "<script" not in card and card.count("&lt;script&gt;") == 4


def test_an_unreadable_prediction_has_a_card_without_its_picture(mazes):
    prediction = Prediction("x", "video", content=b"no clip")
    verdict = Verdict(0.0, False, Reason.UNREADABLE, {})
    card = sample_card(replace(mazes[0], video=None), prediction, verdict)
    assert [figure.caption for figure in card.figures] == ["puzzle", "truth"]


def test_thumbnails_are_small_and_pages_stay_below_their_limit(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (600, 300, 3), dtype=np.uint8)
    figure = html.thumbnail("noise", noise)
    assert len(figure.content) < 60_000
    monkeypatch.setattr(html, "MEDIA_LIMIT_BYTES", 3 * len(figure.content))
    card = html.Card("title", "", "none", [figure])
    assert html.cards([card] * 10).count("<article") == 3


@pytest.mark.parametrize("height", [1, 2000])
def test_thumbnails_of_odd_shapes(height):
    assert html.thumbnail("strip", np.zeros((height, 3, 3), np.uint8)).content
