"""`vtb infer image`: pictures from a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vtb.cli.infer_options import Checkpoint, DiffusionOptions, resolved
from vtb.cli.options import with_options


@with_options(DiffusionOptions)
def image(
    model: Checkpoint,
    image: Annotated[Path | None, typer.Option(help="Picture to edit with --prompt.")] = None,
    lora: Annotated[
        list[Path] | None,
        typer.Option(help="LoRA file; every tensor must match. Several are added up."),
    ] = None,
    *,
    common: DiffusionOptions,
) -> None:
    """Make one picture per puzzle, by editing the puzzle image if the model takes one."""
    from vtb.infer.image.run import infer_images
    from vtb.infer.image.settings import ImageRequest

    result = infer_images(
        ImageRequest(
            model=model.resolve(),
            out=common.target(common.data),
            data=resolved(common.data),
            split=common.split,
            prompt=common.prompt,
            image=resolved(image),
            loras=tuple(file.resolve() for file in lora or ()),
            steps=common.steps,
            cfg=common.cfg,
            seed=common.seed,
            limit=common.limit,
            device=common.device,
            force=common.force,
        )
    )
    common.report("vtb.infer.image/1", "pictures", result, common.data)
