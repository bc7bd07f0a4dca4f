"""The OpenAI-compatible backend against a local stub: retries, refusals, concurrency."""

import base64
from io import BytesIO

import pytest
from PIL import Image

from vtb.core.errors import MissingEnvironmentError
from vtb.infer.chat.endpoint import MAX_ATTEMPTS, MAX_FAILURES, EndpointBackend
from vtb.infer.chat.protocol import ChatMessage, ChatRequest, Sampling

pytest.importorskip("openai")
SAMPLING = Sampling(temperature=0.5, max_tokens=9, seed=3)


def requests(count, images=()):
    return [
        ChatRequest(str(n), (ChatMessage("user", f"question {n}", tuple(images)),))
        for n in range(count)
    ]


def png(*size):
    file = BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def ask(endpoint):
    """The results of requests to a stub by id."""

    def run(stub, wanted, **options):
        with endpoint.serving(stub) as url:
            backend = EndpointBackend(url, "served", **{"max_wait_s": 0.02, **options})
            return {result.id: result for result in backend.complete(wanted, SAMPLING)}

    return run


def question(body):
    content = body["messages"][0]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def test_a_request_says_all_that_was_asked(ask, endpoint, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    stub = endpoint.Stub(lambda body, attempt: (200, "fine", {}))
    results = ask(stub, requests(1, images=[png(64, 64)]))
    body = stub.bodies[0]
    url = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": url}},
                {"type": "text", "text": "question 0"},
            ],
        }
    ]
    assert (body["model"], body["temperature"], body["max_tokens"], body["seed"]) == (
        "served",
        0.5,
        9,
        3,
    )
    assert stub.keys == ["Bearer secret"]

    result = results["0"]
    assert (result.text, result.finish_reason, result.error) == ("fine", "stop", None)
    assert (result.prompt_tokens, result.completion_tokens) == (7, 3)


def test_pictures_have_the_sizes_of_training(ask, endpoint):
    stub = endpoint.Stub(lambda body, attempt: (200, "fine", {}))
    ask(stub, requests(1, images=[png(100, 60), png(4096, 2048)]))
    parts = stub.bodies[0]["messages"][0]["content"][:2]
    sent = [base64.b64decode(part["image_url"]["url"].split(",")[1]) for part in parts]
    sizes = [Image.open(BytesIO(picture)).size for picture in sent]
    assert sizes == [(96, 64), (1440, 704)]


def test_each_answer_goes_to_its_question_and_only_so_many_run_at_once(ask, endpoint):
    stub = endpoint.Stub(lambda body, attempt: (200, f"to {question(body)}", {}), delay_s=0.02)
    results = ask(stub, requests(20), concurrency=4)
    assert {name: result.text for name, result in results.items()} == {
        str(n): f"to question {n}" for n in range(20)
    }
    assert stub.most == 4


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_what_may_pass_is_asked_again(ask, endpoint, status):
    stub = endpoint.Stub(
        lambda body, attempt: (200, "at last", {}) if attempt > 2 else (status, "no", {})
    )
    assert ask(stub, requests(1))["0"].text == "at last"
    assert len(stub.bodies) == 3


def test_in_the_end_it_is_an_error_of_that_request(ask, endpoint):
    def answer(body, attempt):
        return (503, "busy", {}) if question(body) == "question 1" else (200, "fine", {})

    stub = endpoint.Stub(answer)
    results = ask(stub, requests(3))
    assert [results[str(n)].error is None for n in range(3)] == [True, False, True]
    assert "503" in results["1"].error
    assert len(stub.bodies) == 2 + MAX_ATTEMPTS


def test_a_bad_request_is_not_repeated(ask, endpoint):
    stub = endpoint.Stub(lambda body, attempt: (400, "too long", {}))
    assert "too long" in ask(stub, requests(1))["0"].error
    assert len(stub.bodies) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_name_ends_the_run(ask, endpoint, status):
    stub = endpoint.Stub(lambda body, attempt: (status, "no", {}))
    with pytest.raises(MissingEnvironmentError, match="refuses every request"):
        ask(stub, requests(50), concurrency=2)
    assert len(stub.bodies) <= 4


def test_an_endpoint_that_is_down_ends_the_run(ask, endpoint):
    stub = endpoint.Stub(lambda body, attempt: (400, "no", {}))
    with pytest.raises(MissingEnvironmentError, match="20 failures in a row"):
        ask(stub, requests(200), concurrency=1)
    assert MAX_FAILURES <= len(stub.bodies) <= MAX_FAILURES + 2


def test_failures_between_answers_do_not_end_it(ask, endpoint):
    def answer(body, attempt):
        return (200, "", {}) if int(question(body).split()[1]) % 10 == 0 else (400, "no", {})

    results = ask(endpoint.Stub(answer), requests(60), concurrency=1)
    assert sum(result.error is None for result in results.values()) == 6


def test_nobody_there_is_an_error_too(endpoint):
    with endpoint.serving(endpoint.Stub(None)) as url:
        pass
    backend, slept = EndpointBackend(url, "served", max_wait_s=0.01), []
    backend._retrying.sleep = slept.append
    result = next(backend.complete(requests(1), SAMPLING))
    assert "onnection" in result.error
    assert len(slept) == MAX_ATTEMPTS - 1 and max(slept) <= 0.01


def test_it_waits_as_long_as_the_endpoint_says(endpoint):
    slept = []
    stub = endpoint.Stub(
        lambda body, attempt: (200, "", {}) if attempt > 1 else (429, "", {"Retry-After": "7"})
    )
    with endpoint.serving(stub) as url:
        backend = EndpointBackend(url, "served")
        backend._retrying.sleep = slept.append
        list(backend.complete(requests(1), SAMPLING))
    assert slept == [7.0]
