"""`vtb infer vlm`: answers in words to a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vtb.cli.infer_options import InferOptions, resolved
from vtb.cli.options import with_options


@with_options(InferOptions)
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
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 1024,
    temperature: Annotated[float, typer.Option(min=0, help="0: the likeliest token.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the drawn tokens.")] = 42,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests to an endpoint at a time.")
    ] = 64,
    *,
    common: InferOptions,
) -> None:
    """Ask a vision-language model about every puzzle, in this process or at an endpoint."""
    from vtb.infer.chat.protocol import Sampling
    from vtb.infer.vlm import VlmRequest, infer_texts

    result = infer_texts(
        VlmRequest(
            data=data.resolve(),
            out=common.target(data),
            model=resolved(model),
            lora=resolved(lora),
            backend=backend,
            base_url=base_url,
            served_model=served_model,
            split=common.split,
            sampling=Sampling(temperature, max_tokens, seed),
            limit=common.limit,
            device=common.device,
            concurrency=concurrency,
            force=common.force,
        )
    )
    common.report("vtb.infer.vlm/1", "answers", result, data)
