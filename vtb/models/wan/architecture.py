"""The model classes behind each part of a Wan checkpoint, built without storage."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from vtb.models.families import Part
from vtb.models.structure import Shapes
from vtb.models.upstream import import_diffsynth


def shapes_of(part: Part) -> Shapes:
    """Every tensor of a part's file with its shape; raises KeyError for a part without tensors."""
    import_diffsynth()
    from diffsynth.models.wan_video_dit import WanModel
    from diffsynth.models.wan_video_text_encoder import WanTextEncoder
    from diffsynth.models.wan_video_vae import VideoVAE38_, VideoVAE_

    classes: dict[str, type[nn.Module]] = {
        "dit": WanModel,
        "text_encoder": WanTextEncoder,
        "vae2.1": VideoVAE_,
        "vae2.2": VideoVAE38_,
    }
    model_class: Any = classes[part.architecture]
    with torch.device("meta"):
        model = model_class(**part.arguments)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
