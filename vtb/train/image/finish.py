"""The result of a run: LoRA files for other programs and a model card."""

from __future__ import annotations

import shutil
from dataclasses import replace

from vtb.core.files import atomic_directory
from vtb.models.lora.file import Lora, write_lora
from vtb.models.qwen_image.variants import QwenImageVariant
from vtb.recipe.image import ImageRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.card import losses, model_card, steps_of
from vtb.train.finish import FILE_NAMES, READERS


def write_final(
    run: RunDirectory, recipe: ImageRecipe, variant: QwenImageVariant, lora: Lora, step: int
) -> None:
    """Writes `final/`: the LoRA in bfloat16 in each layout of the recipe, and README.md.

    An older `final/` of the same run is replaced; its weights are in a checkpoint too.
    """
    described = replace(lora, metadata=_metadata(run, recipe, variant, step))
    shutil.rmtree(run.final, ignore_errors=True)
    with atomic_directory(run.final) as temporary:
        for layout in recipe.save.formats:
            write_lora(temporary / FILE_NAMES[layout], described, layout=layout)
        (temporary / "README.md").write_text(_card(run, recipe, step), encoding="utf-8")


def _card(run: RunDirectory, recipe: ImageRecipe, step: int) -> str:
    data, train = recipe.data, recipe.train
    files = "\n".join(
        f"- `{FILE_NAMES[layout]}`: for {READERS[layout]}" for layout in recipe.save.formats
    )
    return model_card(
        run,
        "vtb train image",
        header=f"base_model: {recipe.model.family}\ntags: [vtb, lora, image-to-image]",
        title=f"LoRA of rank {recipe.lora.rank} on `{recipe.model.family}`",
        body=files,
        rows={
            "pictures": f"at most {data.max_pixels:,} px; pictures to edit "
            + ("brought to a megapixel" if data.edit_image_auto_resize else "as they are"),
            "steps": steps_of(train, step),
            "averaged weights": f"decay {train.ema:g} per step" if train.ema else "no",
            "seed": str(train.seed),
            "loss": losses(run),
        },
    )


def _metadata(
    run: RunDirectory, recipe: ImageRecipe, variant: QwenImageVariant, step: int
) -> dict[str, str]:
    state = run.state()
    values = {
        "base_family": recipe.model.family,
        "base_fingerprint": state["settings"]["model.fingerprint"],
        "target_modules": ",".join(recipe.lora.target_modules),
        "max_pixels": recipe.data.max_pixels,
        "edit_image_auto_resize": recipe.data.edit_image_auto_resize,
        "references": variant.references,
        "zero_cond_t": variant.zero_cond_t,
        "train_split": state["settings"]["data.split"],
        "train_buckets": state["settings"]["data.buckets"],  # [start, stop), see SplitRule
        "run": state["id"],
        "step": step,
        "vtb_version": state["versions"]["vtb-toolkit"],
    }
    return {key: str(value) for key, value in values.items()}
