"""Messages in the form of OpenAI's chat completions, which vLLM takes too."""

from __future__ import annotations

import base64
from typing import Any

from vtb.infer.chat.protocol import ChatMessage
from vtb.models.qwen3_vl.pictures import PictureLimits


def openai_message(message: ChatMessage, limits: PictureLimits) -> dict[str, Any]:
    """Pictures as data URIs, scaled within limits as in training, then the text."""
    if not message.images:
        return {"role": message.role, "content": message.text}
    pictures = (base64.b64encode(limits.fitted_png(png)).decode() for png in message.images)
    urls = (f"data:image/png;base64,{picture}" for picture in pictures)
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}
