"""Loading a Wan pipeline, published or random, through diffsynth's own loader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vtb.models.families import Part
from vtb.models.upstream import import_diffsynth
from vtb.models.wan.checkpoint import WanCheckpoint, open_checkpoint
from vtb.models.wan.variants import TOKENIZER, TOKENIZER_DIRECTORY, PartName
from vtb.run.quiet import quiet

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline

ALL_PARTS: tuple[PartName, ...] = ("dit", "text_encoder", "vae")
# The upstream name and class of each part at sizes that diffsynth's own table does not have.
MODELS: dict[str, dict[str, str]] = {
    "dit": {
        "model_name": "wan_video_dit",
        "model_class": "diffsynth.models.wan_video_dit.WanModel",
    },
    "text_encoder": {
        "model_name": "wan_video_text_encoder",
        "model_class": "diffsynth.models.wan_video_text_encoder.WanTextEncoder",
    },
    "vae": {
        "model_name": "wan_video_vae",
        "model_class": "vtb.models.wan.small_vae.SmallWanVAE38",
        "state_dict_converter": "diffsynth.utils.state_dict_converters.wan_video_vae"
        ".WanVideoVAEStateDictConverter",
    },
}


def load_pipeline(
    model_dir: Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    parts: Sequence[PartName] = ALL_PARTS,
    log: Path | None = None,
) -> WanVideoPipeline:
    """A diffsynth pipeline with the wanted parts on `device`, frozen, in evaluation mode.

    Parts left out are None in the pipeline; the tokenizer comes with the text encoder. Raises
    MissingEnvironmentError for an absent file and UnreadableError for one that is damaged or of
    another model. What diffsynth prints goes to `log`.
    """
    checkpoint = open_checkpoint(model_dir)
    wanted = [checkpoint.part(name) for name in parts]
    checkpoint.require([*wanted, TOKENIZER] if "text_encoder" in parts else wanted)
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
            device=device,
            model_configs=[ModelConfig(path=_file_list(checkpoint, part)) for part in wanted],
            tokenizer_config=tokenizer if "text_encoder" in parts else None,
            redirect_common_files=False,
        )
    return pipe.requires_grad_(False)


def _file_list(checkpoint: WanCheckpoint, part: Part) -> list[str]:
    return [str(path) for path in checkpoint.paths(part)]


def _register(part: Part) -> None:
    from diffsynth.configs import MODEL_CONFIGS

    entry: dict[str, Any] = {
        **MODELS[part.name],
        "model_hash": part.structure_hash,
        "extra_kwargs": dict(part.arguments),
    }
    # An entry that is there twice would load the model twice.
    if all(known["model_hash"] != part.structure_hash for known in MODEL_CONFIGS):
        MODEL_CONFIGS.append(entry)
