"""`vtb infer video`: clips from a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vtb.cli.infer_options import Checkpoint, DiffusionOptions, resolved
from vtb.cli.options import parse_size, with_options


@with_options(DiffusionOptions)
def video(
    model: Checkpoint,
    image: Annotated[Path | None, typer.Option(help="First frame for --prompt.")] = None,
    lora: Annotated[
        list[Path] | None,
        typer.Option(help="LoRA file; every tensor must match. Once per expert of an A14B model."),
    ] = None,
    lora_low: Annotated[
        Path | None,
        typer.Option(help="LoRA file for the low-noise expert, if it does not say so itself."),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Frames of a clip.", show_default="the dataset's")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=1, help="Frames per second.", show_default="the dataset's")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Size to work in.", show_default="the puzzle's"),
    ] = None,
    fit: Annotated[
        Literal["pad", "stretch"],
        typer.Option(help="How a puzzle comes into the model's sizes; undone in the clip."),
    ] = "pad",
    batch: Annotated[
        int, typer.Option(min=1, help="Clips made at a time; more need more memory.")
    ] = 1,
    *,
    common: DiffusionOptions,
) -> None:
    """Make one clip per puzzle, beginning with the puzzle image if the model takes one."""
    from vtb.infer.settings import VideoRequest
    from vtb.infer.video import infer_videos
    from vtb.media.fit import Size

    result = infer_videos(
        VideoRequest(
            model=model.resolve(),
            out=common.target(common.data),
            data=resolved(common.data),
            split=common.split,
            prompt=common.prompt,
            image=resolved(image),
            loras=tuple(file.resolve() for file in lora or ()),
            lora_low=resolved(lora_low),
            num_frames=frames,
            fps=fps,
            size=None if size is None else Size(*parse_size(size, "--size")),
            steps=common.steps,
            cfg=common.cfg,
            fit=fit,
            seed=common.seed,
            limit=common.limit,
            device=common.device,
            batch=batch,
            force=common.force,
        )
    )
    common.report("vtb.infer.video/1", "clips", result, common.data)
