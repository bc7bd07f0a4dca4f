"""The model class behind a Qwen3-VL checkpoint, built without storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from vtb.core.errors import UnreadableError
from vtb.models.structure import Shapes


def shapes_of(config: Mapping[str, Any]) -> Shapes:
    """Every tensor that the files of a model with this `config.json` hold, with its shape.

    Tied weights are stored once, under the embedding's name. Raises UnreadableError when
    transformers can build no model of it.
    """
    try:
        with torch.device("meta"):
            model = Qwen3VLForConditionalGeneration(Qwen3VLConfig.from_dict(dict(config)))
    except Exception as error:  # each wrong value has an exception of its own
        raise UnreadableError(
            "`config.json` describes no Qwen3-VL model", fact=str(error).strip()
        ) from error
    tied = model.all_tied_weights_keys
    state = model.state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if name not in tied}
