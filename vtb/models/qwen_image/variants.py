"""Facts about the Qwen-Image models, for planning and checking without torch.

Sources: the published repositories of Qwen and their pipelines in diffusers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vtb.models.families import Part
from vtb.models.qwen_image.published import EDIT_PARTS, TEXT_PARTS

PartName = Literal["dit", "text_encoder", "vae"]
References = Literal["none", "one", "list"]
# px of a token's side; pictures that are edited have even numbers of tokens along theirs.
TOKEN_PX, EDIT_MULTIPLE_PX = 16, 32
# Of each block: all linear layers but the first of both feed-forward networks.
LORA_TARGETS = (
    "to_q",
    "to_k",
    "to_v",
    "add_q_proj",
    "add_k_proj",
    "add_v_proj",
    "to_out.0",
    "to_add_out",
    "img_mlp.net.2",
    "img_mod.1",
    "txt_mlp.net.2",
    "txt_mod.1",
)


@dataclass(frozen=True, slots=True)
class QwenImageVariant:
    """One published model.

    `pipeline` is its class in diffusers. `references` says which images it changes: `none`, `one`,
    which diffsynth's units take as an image, or a `list`, to be given as a list even of one. With
    `zero_cond_t` their tokens are modulated as those of a clean image, at timestep 0. `steps` and
    `guidance_scale` are the published inference settings.
    """

    family: str
    repository: str
    pipeline: str
    references: References
    zero_cond_t: bool
    steps: int
    guidance_scale: float = 4.0

    @property
    def size_multiple(self) -> int:
        """Height and width of pictures are multiples of this many px."""
        return TOKEN_PX if self.references == "none" else EDIT_MULTIPLE_PX

    @property
    def parts(self) -> tuple[Part, ...]:
        """What a checkpoint consists of, with weights in one file each."""
        return TEXT_PARTS if self.references == "none" else EDIT_PARTS


BASE = QwenImageVariant(
    family="qwen-image",
    repository="Qwen/Qwen-Image",
    pipeline="QwenImagePipeline",
    references="none",
    zero_cond_t=False,
    steps=50,
)
EDIT = QwenImageVariant(
    family="qwen-image-edit",
    repository="Qwen/Qwen-Image-Edit",
    pipeline="QwenImageEditPipeline",
    references="one",
    zero_cond_t=False,
    steps=50,
)
EDIT_2509 = QwenImageVariant(
    family="qwen-image-edit-2509",
    repository="Qwen/Qwen-Image-Edit-2509",
    pipeline="QwenImageEditPlusPipeline",
    references="list",
    zero_cond_t=False,
    steps=40,
)
EDIT_2511 = QwenImageVariant(
    family="qwen-image-edit-2511",
    repository="Qwen/Qwen-Image-Edit-2511",
    pipeline="QwenImageEditPlusPipeline",
    references="list",
    zero_cond_t=True,
    steps=40,
)

VARIANTS: Mapping[str, QwenImageVariant] = {
    variant.family: variant for variant in (BASE, EDIT, EDIT_2509, EDIT_2511)
}
