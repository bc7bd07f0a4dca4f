"""Loading a Qwen-Image pipeline, published or random, through diffsynth's own loader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vtb.models.families import Part
from vtb.models.qwen_image.checkpoint import open_checkpoint
from vtb.models.qwen_image.published import PROCESSOR_DIRECTORY, TOKENIZER_DIRECTORY
from vtb.models.qwen_image.variants import PartName
from vtb.models.upstream import import_diffsynth, register_model
from vtb.run.quiet import quiet

if TYPE_CHECKING:
    from diffsynth.pipelines.qwen_image import QwenImagePipeline

# Upstream's name and class of each architecture, at sizes that diffsynth's table does not have.
MODELS: dict[str, dict[str, str]] = {
    "dit": {
        "model_name": "qwen_image_dit",
        "model_class": "vtb.models.qwen_image.small.SmallQwenImageDiT",
    },
    "text_encoder": {
        "model_name": "qwen_image_text_encoder",
        "model_class": "vtb.models.qwen_image.small.SmallQwenImageTextEncoder",
        "state_dict_converter": "diffsynth.utils.state_dict_converters.qwen_image_text_encoder."
        "QwenImageTextEncoderStateDictConverter",
    },
    "vae": {
        "model_name": "qwen_image_vae",
        "model_class": "diffsynth.models.qwen_image_vae.QwenImageVAE",
    },
}


def load_pipeline(
    model_dir: Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    parts: Sequence[PartName] | None = None,
    log: Path | None = None,
) -> QwenImagePipeline:
    """A diffsynth pipeline with the wanted parts on `device`, frozen, in evaluation mode.

    Without `parts` all are loaded; parts left out are None. Tokenizer and processor come with the
    text encoder. The models compute what the published ones do: see `repairs`.

    Raises MissingEnvironmentError for an absent file and UnreadableError for one that is damaged
    or does not hold exactly the tensors of its model. What diffsynth prints goes to `log`.
    """
    checkpoint = open_checkpoint(model_dir)
    models = [part for part in checkpoint.parts if part.architecture]
    wanted = [part for part in models if parts is None or part.name in parts]
    has_text = any(part.name == "text_encoder" for part in wanted)
    texts = [part for part in checkpoint.parts if part.name in ("tokenizer", "processor")]
    checkpoint.require([*wanted, *texts] if has_text else wanted)
    for part in wanted:
        checkpoint.shapes(part)
    import_diffsynth()
    from diffsynth.pipelines.qwen_image import ModelConfig, QwenImagePipeline

    for part in wanted:
        _register(part)
    takes_images = has_text and checkpoint.variant.references != "none"
    tokenizer = ModelConfig(path=str(model_dir / TOKENIZER_DIRECTORY))
    processor = ModelConfig(path=str(model_dir / PROCESSOR_DIRECTORY))
    from_pretrained: Any = QwenImagePipeline.from_pretrained  # None is allowed, but not annotated
    with quiet(log):
        pipe = from_pretrained(
            torch_dtype=dtype,
            # Of several processes accelerate calls it `cpu:0`, which safetensors does not know.
            device="cpu" if torch.device(device).type == "cpu" else device,
            model_configs=[
                ModelConfig(path=[str(path) for path in checkpoint.paths(part)]) for part in wanted
            ],
            tokenizer_config=tokenizer if has_text else None,
            processor_config=processor if takes_images else None,
        )
    _repair(pipe)
    return pipe.requires_grad_(False)


def _register(part: Part) -> None:
    register_model(
        {
            **MODELS[part.architecture],
            "model_hash": part.structure_hash,
            "extra_kwargs": dict(part.arguments),
        }
    )


def _repair(pipe: Any) -> None:
    from vtb.models.qwen_image.repairs import repair_text_encoder, repair_transformer

    if pipe.dit is not None:
        repair_transformer(pipe.dit)
    if pipe.text_encoder is not None:
        repair_text_encoder(pipe.text_encoder)
