"""Any endpoint that speaks OpenAI's chat completions: vLLM, SGLang, hosted ones."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from vtb.core.errors import MissingEnvironmentError
from vtb.infer.chat.messages import openai_message
from vtb.infer.chat.protocol import ChatRequest, ChatResult, Sampling
from vtb.models.qwen3_vl.pictures import PictureLimits

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

TIMEOUT_S = 600.0
MAX_ATTEMPTS, MAX_WAIT_S = 6, 60.0
# So many in a row say that the endpoint is down, not that a request is odd.
MAX_FAILURES = 20
# 5xx too; what else an endpoint refuses, it will refuse again.
PASSING = (408, 409, 429)
# What a model is trained with unless its recipe says otherwise; the endpoint's processor may shrink
# pictures further.
LIMITS = PictureLimits()
# The key or the name is wrong, for every request alike.
FATAL = (401, 403, 404)


class EndpointBackend:
    """Requests over HTTP, up to `concurrency` at a time; the key is `OPENAI_API_KEY`, if set."""

    def __init__(
        self,
        base_url: str,
        served_model: str,
        *,
        concurrency: int = 64,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        try:
            from openai import OpenAI
        except ImportError as error:
            raise MissingEnvironmentError(
                "an endpoint needs the package `openai`", hint="pip install 'openai>=2.25,<4'"
            ) from error
        key = os.environ.get("OPENAI_API_KEY", "EMPTY")
        self._client = OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=TIMEOUT_S)
        self._base_url, self._model, self._concurrency = base_url, served_model, concurrency
        self._retrying = Retrying(
            stop=stop_after_attempt(MAX_ATTEMPTS),
            wait=_Wait(max_wait_s),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )

    def complete(self, requests: Sequence[ChatRequest], sampling: Sampling) -> Iterator[ChatResult]:
        """As `ChatBackend`; a request that is refused or keeps failing is an error of its own.

        Raises MissingEnvironmentError when the endpoint wants another key or knows no such model,
        and after 20 failures in a row.
        """
        failures = 0
        for result in self._results(requests, sampling):
            failures = failures + 1 if result.error is not None else 0
            yield result
            if failures == MAX_FAILURES:
                raise MissingEnvironmentError(
                    f"`{self._base_url}` does not answer",
                    fact=f"{failures} failures in a row, the last: {result.error}",
                    hint="start it, then repeat the command: finished answers are kept",
                )

    def _results(self, requests: Sequence[ChatRequest], sampling: Sampling) -> Iterator[ChatResult]:
        waiting, running = deque(requests), set[Future[ChatResult]]()
        with ThreadPoolExecutor(self._concurrency, "chat") as pool:
            try:
                while waiting or running:
                    while waiting and len(running) < self._concurrency:
                        running.add(pool.submit(self._answer, waiting.popleft(), sampling))
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            finally:
                for future in running:
                    future.cancel()

    def _answer(self, request: ChatRequest, sampling: Sampling) -> ChatResult:
        from openai import APIError, APIStatusError

        try:
            completion = self._retrying(self._ask, request, sampling)
        except APIStatusError as error:
            if error.status_code in FATAL:
                raise MissingEnvironmentError(
                    f"`{self._base_url}` refuses every request",
                    fact=f"{error.status_code}: {error.message}",
                    hint="check OPENAI_API_KEY, --base-url (it ends in /v1) and --served-model",
                ) from error
            return ChatResult(request.id, error=f"{error.status_code}: {error.message}")
        except APIError as error:
            return ChatResult(request.id, error=str(error))
        return _result(request.id, completion)

    def _ask(self, request: ChatRequest, sampling: Sampling) -> ChatCompletion:
        messages: Any = [openai_message(message, LIMITS) for message in request.messages]
        return self._client.chat.completions.create(
            model=self._model,
            messages=messages,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=sampling.seed,
        )


class _Wait:
    """Until the endpoint says, else at random below a bound that doubles from a second."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._exponential = wait_random_exponential(multiplier=1, max=longest_s)

    def __call__(self, state: RetryCallState) -> float:
        error: Any = state.outcome.exception() if state.outcome else None
        headers: Any = getattr(getattr(error, "response", None), "headers", {})
        try:
            return min(float(headers.get("retry-after")), self._longest_s)
        except (TypeError, ValueError):
            return self._exponential(state)


def _may_pass(error: BaseException) -> bool:
    from openai import APIConnectionError, APIStatusError

    if isinstance(error, APIStatusError):
        return error.status_code in PASSING or error.status_code >= 500
    return isinstance(error, APIConnectionError)


def _result(request_id: str, completion: ChatCompletion) -> ChatResult:
    if not completion.choices:
        return ChatResult(request_id, error="the endpoint gave no choice")
    choice, usage = completion.choices[0], completion.usage
    return ChatResult(
        request_id,
        choice.message.content or "",
        choice.finish_reason or "",
        usage.prompt_tokens if usage else 0,
        usage.completion_tokens if usage else 0,
    )
