"""Messages in the form of OpenAI's chat completions, which vLLM takes too."""

from __future__ import annotations

import base64
from typing import Any

from vtb.infer.chat.protocol import ChatMessage


def openai_message(message: ChatMessage) -> dict[str, Any]:
    """Pictures as data URIs, then the text."""
    if not message.images:
        return {"role": message.role, "content": message.text}
    urls = (f"data:image/png;base64,{base64.b64encode(png).decode()}" for png in message.images)
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}
