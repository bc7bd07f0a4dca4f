"""What a model is asked and what it answers, wherever it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Role: TypeAlias = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn: pictures, as the bytes of PNG files, and then the text."""

    role: Role
    text: str
    images: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One conversation to go on with."""

    id: str
    messages: tuple[ChatMessage, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn: the likeliest one at temperature 0, or of the likeliest `top_p`."""

    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 42
    top_p: float = 1.0


@dataclass(frozen=True, slots=True)
class ChatResult:
    """The answer to the request of that id, or the `error` that kept it away.

    `finish_reason` is `stop`, `length` where `max_tokens` cut it off, or what an endpoint says.
    """

    id: str
    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str | None = None


class ChatBackend(Protocol):
    """Whatever answers requests."""

    def complete(self, requests: Sequence[ChatRequest], sampling: Sampling) -> Iterator[ChatResult]:
        """Yields one result per request, in any order, each as soon as it is there."""
        ...
