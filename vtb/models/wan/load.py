"""Loading a Wan pipeline, published or random, through diffsynth's own loader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

from vtb.models.families import Part
from vtb.models.upstream import import_diffsynth, register_model
from vtb.models.wan.checkpoint import WanCheckpoint, open_checkpoint
from vtb.models.wan.published import TOKENIZER, TOKENIZER_DIRECTORY
from vtb.models.wan.variants import Expert, PartName
from vtb.run.quiet import quiet

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline

# Upstream's name and class of each architecture, at sizes that diffsynth's table does not have.
VAE_CONVERTER = "diffsynth.utils.state_dict_converters.wan_video_vae.WanVideoVAEStateDictConverter"
MODELS: dict[str, dict[str, str]] = {
    "dit": {
        "model_name": "wan_video_dit",
        "model_class": "diffsynth.models.wan_video_dit.WanModel",
    },
    "text_encoder": {
        "model_name": "wan_video_text_encoder",
        "model_class": "diffsynth.models.wan_video_text_encoder.WanTextEncoder",
    },
    "vae2.1": {
        "model_name": "wan_video_vae",
        "model_class": "vtb.models.wan.small_vae.SmallWanVAE",
        "state_dict_converter": VAE_CONVERTER,
    },
    "vae2.2": {
        "model_name": "wan_video_vae",
        "model_class": "vtb.models.wan.small_vae.SmallWanVAE38",
        "state_dict_converter": VAE_CONVERTER,
    },
}


def load_pipeline(
    model_dir: Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    parts: Sequence[PartName] | None = None,
    expert: Expert | None = None,
    log: Path | None = None,
) -> WanVideoPipeline:
    """A diffsynth pipeline with the wanted parts on `device`, frozen, in evaluation mode.

    Without `parts` all are loaded: `dit` and, in a model with two experts, `dit2`, the low-noise
    one. With `expert` that transformer alone is loaded, as `pipe.dit`. Without any transformer
    `pipe.dit` holds its arguments only, which is what the units that encode clips ask of it. Other
    parts left out are None; the tokenizer comes with the text encoder.

    Raises UsageError for an expert that the model does not have, MissingEnvironmentError for an
    absent file and UnreadableError for one that is damaged or of another model. What diffsynth
    prints goes to `log`.
    """
    checkpoint = open_checkpoint(model_dir)
    checkpoint.variant.check_expert(expert)
    wanted = _wanted(checkpoint, parts, expert)
    has_text = any(part.name == "text_encoder" for part in wanted)
    checkpoint.require([*wanted, TOKENIZER] if has_text else wanted)
    for part in wanted:
        checkpoint.shapes(part)
    import_diffsynth()
    from diffsynth.pipelines.wan_video import ModelConfig, WanVideoPipeline

    for part in wanted:
        _register(part)
    tokenizer = ModelConfig(path=str(model_dir / TOKENIZER_DIRECTORY))
    from_pretrained: Any = WanVideoPipeline.from_pretrained  # None is allowed, but not annotated
    with quiet(log):
        pipe = from_pretrained(
            torch_dtype=dtype,
            # Of several processes accelerate calls it `cpu:0`, which safetensors does not know.
            device="cpu" if torch.device(device).type == "cpu" else device,
            model_configs=[ModelConfig(path=_file_list(checkpoint, part)) for part in wanted],
            tokenizer_config=tokenizer if has_text else None,
            redirect_common_files=False,
        )
    if pipe.dit is None:
        pipe.dit = SimpleNamespace(**checkpoint.part("dit").arguments)
    return pipe.requires_grad_(False)


def _wanted(
    checkpoint: WanCheckpoint, names: Sequence[PartName] | None, expert: Expert | None
) -> list[Part]:
    """The parts in diffsynth's order: its first transformer is the high-noise expert."""
    models = [part for part in checkpoint.parts if part.architecture]
    wanted = [part for part in models if names is None or part.name in names]
    others = [part for part in wanted if part.architecture != "dit"]
    if expert is None or others == wanted:
        return wanted
    return [checkpoint.transformers[expert], *others]


def _file_list(checkpoint: WanCheckpoint, part: Part) -> list[str]:
    return [str(path) for path in checkpoint.paths(part)]


def _register(part: Part) -> None:
    register_model(
        {
            **MODELS[part.architecture],
            "model_hash": part.structure_hash,
            "extra_kwargs": dict(part.arguments),
        }
    )
