"""`vtb infer`: run a model on a dataset."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vtb.cli.options import Force, JsonMode, Limit, Out, Quiet, Verbose, parse_size
from vtb.cli.output import emit, next_steps, warn

if TYPE_CHECKING:
    from vtb.infer.result import InferResult

Checkpoint = Annotated[Path, typer.Option(help="Checkpoint directory.")]
Data = Annotated[Path | None, typer.Option(help="Dataset made by `vtb gen`.")]
Split = Annotated[str, typer.Option(help="train, validation, test or all.")]
Prompt = Annotated[str | None, typer.Option(help="One prompt, instead of --data.")]
Steps = Annotated[
    int | None, typer.Option(min=1, help="Denoising steps.", show_default="the model's")
]
Cfg = Annotated[
    float | None, typer.Option(min=0, help="Guidance scale.", show_default="the model's")
]
Seed = Annotated[int, typer.Option(help="Root of every random stream.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:i.")]

app = typer.Typer(no_args_is_help=True, help="Run a model on a dataset.")


@app.callback()
def infer() -> None:
    """Run a model on a dataset."""


@app.command()
def video(
    model: Checkpoint,
    data: Data = None,
    split: Split = "test",
    prompt: Prompt = None,
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
    steps: Steps = None,
    cfg: Cfg = None,
    fit: Annotated[
        Literal["pad", "stretch"],
        typer.Option(help="How a puzzle comes into the model's sizes; undone in the clip."),
    ] = "pad",
    seed: Seed = 42,
    limit: Limit = None,
    device: Device = "auto",
    batch: Annotated[
        int, typer.Option(min=1, help="Clips made at a time; more need more memory.")
    ] = 1,
    out: Out = None,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make one clip per puzzle, beginning with the puzzle image if the model takes one."""
    from vtb.infer.settings import VideoRequest
    from vtb.infer.video import infer_videos
    from vtb.media.fit import Size

    target = _target(out, data)
    result = infer_videos(
        VideoRequest(
            model=model.resolve(),
            out=target,
            data=None if data is None else data.resolve(),
            split=split,
            prompt=prompt,
            image=None if image is None else image.resolve(),
            loras=tuple(file.resolve() for file in lora or ()),
            lora_low=None if lora_low is None else lora_low.resolve(),
            num_frames=frames,
            fps=fps,
            size=None if size is None else Size(*parse_size(size, "--size")),
            steps=steps,
            cfg=cfg,
            fit=fit,
            seed=seed,
            limit=limit,
            device=device,
            batch=batch,
            force=force,
        )
    )
    _report("vtb.infer.video/1", "clips", result, json_mode)
    if data is not None:
        _suggest_eval(data, split, target)


@app.command()
def image(
    model: Checkpoint,
    data: Data = None,
    split: Split = "test",
    prompt: Prompt = None,
    image: Annotated[Path | None, typer.Option(help="Picture to edit with --prompt.")] = None,
    lora: Annotated[
        list[Path] | None,
        typer.Option(help="LoRA file; every tensor must match. Several are added up."),
    ] = None,
    steps: Steps = None,
    cfg: Cfg = None,
    seed: Seed = 42,
    limit: Limit = None,
    device: Device = "auto",
    out: Out = None,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make one picture per puzzle, by editing the puzzle image if the model takes one."""
    from vtb.infer.image.run import infer_images
    from vtb.infer.image.settings import ImageRequest

    target = _target(out, data)
    result = infer_images(
        ImageRequest(
            model=model.resolve(),
            out=target,
            data=None if data is None else data.resolve(),
            split=split,
            prompt=prompt,
            image=None if image is None else image.resolve(),
            loras=tuple(file.resolve() for file in lora or ()),
            steps=steps,
            cfg=cfg,
            seed=seed,
            limit=limit,
            device=device,
            force=force,
        )
    )
    _report("vtb.infer.image/1", "pictures", result, json_mode)
    if data is not None:
        _suggest_eval(data, split, target)


@app.command()
def vlm(
    data: Annotated[Path, typer.Option(help="Dataset made by `vtb gen`.")],
    model: Annotated[Path | None, typer.Option(help="Checkpoint directory.")] = None,
    lora: Annotated[
        Path | None, typer.Option(help="PEFT adapter; every tensor must match.")
    ] = None,
    backend: Annotated[
        Literal["transformers", "vllm", "openai"] | None,
        typer.Option(help="What runs the model.", show_default="transformers, or openai"),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="OpenAI-compatible endpoint, instead.")
    ] = None,
    served_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model that the endpoint serves.")
    ] = None,
    split: Split = "test",
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 1024,
    temperature: Annotated[float, typer.Option(min=0, help="0: the likeliest token.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the drawn tokens.")] = 42,
    limit: Limit = None,
    device: Device = "auto",
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests to an endpoint at a time.")
    ] = 64,
    out: Out = None,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Ask a vision-language model about every puzzle, in this process or at an endpoint."""
    from vtb.infer.chat.protocol import Sampling
    from vtb.infer.vlm import VlmRequest, infer_texts

    target = _target(out, data)
    result = infer_texts(
        VlmRequest(
            data=data.resolve(),
            out=target,
            model=None if model is None else model.resolve(),
            lora=None if lora is None else lora.resolve(),
            backend=backend,
            base_url=base_url,
            served_model=served_model,
            split=split,
            sampling=Sampling(temperature, max_tokens, seed),
            limit=limit,
            device=device,
            concurrency=concurrency,
            force=force,
        )
    )
    _report("vtb.infer.vlm/1", "answers", result, json_mode)
    _suggest_eval(data, split, target)


def _report(schema: str, things: str, result: InferResult, json_mode: bool) -> None:
    for warning in result.warnings:
        warn(warning)
    for sample_id, reason in result.failed.items():
        warn(f"{sample_id}: {reason}")
    emit(schema, _payload(result), _text(result, things), json_mode)
    if result.failed:
        raise typer.Exit(3)


def _target(out: Path | None, data: Path | None) -> Path:
    return (out or Path("predictions") / (data.resolve().name if data else "prompt")).resolve()


def _suggest_eval(data: Path, split: str, target: Path) -> None:
    places = f"--data {quote(str(data))} --split {split} --pred {quote(str(target))}"
    next_steps(f"vtb eval puzzles {places}")


def _payload(result: InferResult) -> dict[str, object]:
    return {
        "out": str(result.out),
        "n": result.n,
        "done": result.done,
        "skipped": result.skipped,
        "failed": len(result.failed),
        "seconds": round(result.seconds, 3),
    }


def _text(result: InferResult, things: str) -> str:
    if result.skipped == result.n:
        return f"already complete: {result.n:,} {things}\n{result.out}"
    failed = f", {len(result.failed):,} failed" if result.failed else ""
    return (
        f"made {result.done:,} {things} in {result.seconds:.0f} s, "
        f"{result.skipped:,} were there{failed}\n{result.out}"
    )
