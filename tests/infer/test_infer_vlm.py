"""`vtb infer vlm`: resumable answers, by a scripted backend and by the tiny model."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from vtb.core.errors import ConflictError, MissingEnvironmentError, UnreadableError, UsageError
from vtb.data.store import open_dataset
from vtb.eval.puzzles import PuzzleEval, evaluate
from vtb.infer.chat.protocol import ChatMessage, ChatRequest, ChatResult, Sampling
from vtb.infer.vlm import VlmRequest, infer_texts


class Scripted:
    """Answers by id, in reverse order; an exception among them is raised, a None is an error."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def complete(self, requests, sampling):
        for request in reversed(requests):
            self.asked.append(request)
            answer = self.answers[request.id]
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                yield ChatResult(request.id, error="400: odd")
            else:
                yield ChatResult(request.id, answer, "stop", 5, 2)


@pytest.fixture
def truths(maze_set):
    rows = open_dataset(maze_set).rows("test", ["id", "answer"])
    return {row["id"]: f"<answer>{row['answer']}</answer>" for row in rows}


@pytest.fixture
def ask(maze_set, tmp_path):
    def run(scripted=None, /, **options):
        served = {"base_url": "http://localhost:1/v1", "served_model": "served"}
        wanted = {"data": maze_set, "out": tmp_path / "pred"} | served | options
        return infer_texts(VlmRequest(**wanted), scripted)

    return run


def lines(out: Path):
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


def test_true_answers_pass_the_evaluation(ask, truths, maze_set, tmp_path):
    backend = Scripted(truths)
    result = ask(backend)
    assert (result.n, result.done, result.skipped, result.failed) == (12, 12, 0, {})
    scores = evaluate(PuzzleEval(data=maze_set, pred=result.out, out=tmp_path / "eval"))
    assert scores.results["passed"] == scores.results["n"] == 12
    line = lines(result.out)[0]
    drawing = line.pop("drawing")
    assert len(drawing) == 32
    assert line == {
        "sample_id": line["sample_id"],
        "kind": "text",
        "text": truths[line["sample_id"]],
        "model": "served",
        "seed": 42,
        "finish_reason": "stop",
        "prompt_tokens": 5,
        "completion_tokens": 2,
    }


def test_the_question_is_that_of_the_data_set(ask, truths, maze_set):
    backend = Scripted(truths)
    ask(backend, limit=1)
    (request,) = backend.asked
    (message,) = request.messages
    row = open_dataset(maze_set).row(request.id)
    assert message == ChatMessage("user", row["prompt_vlm"], (row["image_vlm"]["bytes"],))


def test_it_goes_on_where_it_stopped(ask, truths):
    names = list(truths)
    broken = {**truths, names[4]: MissingEnvironmentError("down")}
    with pytest.raises(MissingEnvironmentError):
        ask(Scripted(broken))
    backend = Scripted(truths)
    result = ask(backend)
    assert (result.done, result.skipped) == (5, 7)
    assert [request.id for request in backend.asked] == names[4::-1]
    assert ask(Scripted({})).skipped == 12
    assert sorted(line["sample_id"] for line in lines(result.out)) == sorted(names)


def test_what_failed_is_listed_and_asked_again(ask, truths):
    name = next(iter(truths))
    result = ask(Scripted({**truths, name: None}))
    assert (result.done, result.failed) == (11, {name: "400: odd"})
    failed = (result.out / "failed.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in failed] == [{"sample_id": name, "error": "400: odd"}]
    assert ask(Scripted(truths)).done == 1
    assert (result.out / "failed.jsonl").read_text() == ""


def test_a_puzzle_that_is_drawn_otherwise_is_asked_again(ask, truths):
    result = ask(Scripted(truths))
    listed = lines(result.out)
    listed[3]["drawing"] = "another"
    (result.out / "predictions.jsonl").write_text("\n".join(map(json.dumps, listed)) + "\n")
    backend = Scripted(truths)
    assert ask(backend).done == 1
    assert [request.id for request in backend.asked] == [listed[3]["sample_id"]]


def test_a_folder_without_answers_is_free_for_other_settings(ask, truths):
    down = dict.fromkeys(truths, MissingEnvironmentError("down"))
    with pytest.raises(MissingEnvironmentError):
        ask(Scripted(down))
    assert ask(Scripted(truths), sampling=Sampling(max_tokens=5)).done == 12


def test_other_settings_need_another_folder(ask, truths):
    result = ask(Scripted(truths))
    with pytest.raises(ConflictError, match="max_tokens"):
        ask(Scripted(truths), sampling=Sampling(max_tokens=5))
    moved = ask(Scripted({}), base_url="http://elsewhere/v1")
    assert moved.skipped == 12
    again = ask(Scripted(truths), sampling=Sampling(max_tokens=5), force=True)
    assert (again.done, again.skipped) == (12, 0)
    assert len(lines(result.out)) == 12


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"base_url": None, "served_model": None}, "nothing says which model"),
        ({"model": Path("m")}, "two models"),
        ({"served_model": None}, "an endpoint needs both"),
        ({"base_url": None}, "an endpoint needs both"),
        ({"lora": Path("l")}, "takes no LoRA"),
        ({"backend": "vllm"}, "backend `vllm` does not run"),
        ({"backend": "openai", "base_url": None, "served_model": None}, "backend `openai`"),
    ],
)
def test_exactly_one_model_is_named(ask, named, expected):
    with pytest.raises(UsageError, match=expected):
        ask(Scripted({}), **named)


def test_the_tiny_model_answers(ask, tiny_qwen3_vl):
    model = {"model": tiny_qwen3_vl, "base_url": None, "served_model": None, "device": "cpu"}
    result = ask(limit=3, sampling=Sampling(max_tokens=4), **model)
    assert result.done == 3
    for line in lines(result.out):
        assert line["model"] == str(tiny_qwen3_vl)
        assert (line["completion_tokens"], line["finish_reason"]) == (4, "length")
        assert line["prompt_tokens"] > 100


def test_an_adapter_changes_the_answers(ask, tiny_qwen3_vl, adapter, tmp_path):
    model = {"model": tiny_qwen3_vl, "base_url": None, "served_model": None, "device": "cpu"}
    settings = {"limit": 2, "sampling": Sampling(max_tokens=4), **model}
    plain = lines(ask(**settings).out)
    out = tmp_path / "tuned"
    tuned = lines(ask(**settings, lora=adapter, out=out).out)
    assert [line["text"] for line in plain] != [line["text"] for line in tuned]
    record = json.loads((out / "infer.json").read_text())
    assert record["lora"] == str(adapter / "adapter_model.safetensors")
    assert len(record["lora_sha256"]) == 64


def test_an_adapter_of_another_model_is_refused(ask, tiny_qwen3_vl, adapter):
    weights = load_file(adapter / "adapter_model.safetensors")
    other = {name.replace("q_proj", "elsewhere"): value for name, value in weights.items()}
    save_file(other, adapter / "adapter_model.safetensors")
    model = {"model": tiny_qwen3_vl, "base_url": None, "served_model": None, "device": "cpu"}
    with pytest.raises(UnreadableError, match="does not fit") as caught:
        ask(lora=adapter, **model)
    assert "1 layers match nothing and 0 change nothing" in caught.value.fact


def test_an_adapter_that_was_never_trained_is_refused(ask, tiny_qwen3_vl, adapter):
    weights = load_file(adapter / "adapter_model.safetensors")
    zero = {name: value * 0 if "lora_B" in name else value for name, value in weights.items()}
    save_file(zero, adapter / "adapter_model.safetensors")
    model = {"model": tiny_qwen3_vl, "base_url": None, "served_model": None, "device": "cpu"}
    with pytest.raises(UnreadableError) as caught:
        ask(lora=adapter, **model)
    assert "0 layers match nothing and 1 change nothing" in caught.value.fact


def test_an_adapter_adds_its_product(tiny_qwen3_vl, adapter):
    from vtb.models.qwen3_vl.load import add_adapter, load_model

    plain, tuned = load_model(tiny_qwen3_vl), load_model(tiny_qwen3_vl)
    add_adapter(tuned, tiny_qwen3_vl, adapter)
    halves = load_file(adapter / "adapter_model.safetensors")
    down, up = sorted(halves.values(), key=lambda half: half.shape[0])
    layer = next(iter(halves)).removeprefix("base_model.model.").partition(".lora_")[0]
    before, after = plain.get_submodule(layer).weight, tuned.get_submodule(layer).weight
    torch.testing.assert_close(after - before, 2.0 * up @ down, atol=1e-6, rtol=1e-4)


def test_a_batch_gives_the_answers_of_its_members(tiny_qwen3_vl, maze_set):
    from vtb.infer.chat.local import LocalBackend
    from vtb.infer.device import Placement

    rows = open_dataset(maze_set).rows("test", ["id", "image"], limit=3)
    # Of unequal length, so that the shorter ones are padded.
    requests = [
        ChatRequest(row["id"], (ChatMessage("user", "why? " * 9 * n, (row["image"]["bytes"],)),))
        for n, row in enumerate(rows, 1)
    ]
    sampling = Sampling(max_tokens=6)
    placement = Placement("cpu", torch.float32)
    together = LocalBackend(tiny_qwen3_vl, placement).complete(requests, sampling)
    alone = LocalBackend(tiny_qwen3_vl, placement, batch_tokens=1).complete(requests, sampling)
    assert sorted(together, key=lambda r: r.id) == sorted(alone, key=lambda r: r.id)


@pytest.fixture
def backend(tiny_qwen3_vl):
    from vtb.infer.chat.local import LocalBackend
    from vtb.infer.device import Placement

    return LocalBackend(tiny_qwen3_vl, Placement("cpu", torch.float32))


def test_an_answer_ends_at_the_first_end_token(backend):
    end = backend._model.generation_config.eos_token_id
    end = end[0] if isinstance(end, list) else end
    (word,) = backend._processor.tokenizer.encode("a")
    request = ChatRequest("1", ())
    stopped = backend._result(request, torch.tensor([word, word, end, word]), 3)
    assert stopped == ChatResult("1", "aa", "stop", 3, 2)
    assert backend._result(request, torch.tensor([word]), 3).finish_reason == "length"


def test_no_media_token_is_generated(backend, monkeypatch):
    tokenizer, given = backend._processor.tokenizer, []
    generate = backend._model.generate

    def watched(**options):
        given.append(options.get("suppress_tokens"))
        return generate(**options)

    monkeypatch.setattr(backend._model, "generate", watched)
    list(backend.complete([ChatRequest("1", (ChatMessage("user", "a"),))], Sampling(max_tokens=1)))
    assert tokenizer.convert_tokens_to_ids("<|image_pad|>") in given[0]


def test_drawn_answers_follow_the_seed(backend):
    request = ChatRequest("1", (ChatMessage("user", "a"),))

    def drawn(seed):
        (result,) = backend.complete([request], Sampling(1.0, 12, seed))
        return result.text

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_batch_that_does_not_fit_is_halved(backend, monkeypatch):
    generate, sizes = backend._generate, []

    def small(batch, sampling):
        sizes.append(len(batch))
        if len(batch) > 1:
            raise torch.OutOfMemoryError
        return generate(batch, sampling)

    monkeypatch.setattr(backend, "_generate", small)
    requests = [ChatRequest(str(n), (ChatMessage("user", "hello"),)) for n in range(3)]
    results = list(backend.complete(requests, Sampling(max_tokens=2)))
    assert [result.id for result in results] == ["0", "1", "2"]
    assert sizes == [3, 1, 2, 1, 1]


def test_batches_are_filled_by_padded_length():
    from vtb.infer.chat.local import batches

    lengths = [40, 400, 80, 4000, 40]
    requests = [
        ChatRequest(str(n), (ChatMessage("user", "x" * length),))
        for n, length in enumerate(lengths)
    ]
    found = [[request.id for request in batch] for batch in batches(requests, 220, 10)]
    assert found == [["3"], ["1"], ["2", "0", "4"]]
