"""Seconds per training step of Qwen-Image-Edit-2511: ours beside diffsynth as its trainer runs it.

Random weights of the real size (20 billion parameters), LoRA of rank 32 on the published layers,
one picture with one reference of its size, one optimizer step (forward, backward, AdamW) on latents
that are on the device. Needs one GPU of 80 GB; both sides are measured in the same run.

    python benchmarks/qwen_image_step.py [--size 512 1024] [--recompute 0 0.5 1] [--out FILE]

`--layers 2 --width 256` is a trial on a CPU.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from wan_step import collect, device, device_name, gemm_tflops, timed

from vtb.models.lora.layers import inject_lora
from vtb.models.qwen_image.variants import LORA_TARGETS
from vtb.models.upstream import import_diffsynth
from vtb.recipe.image import ImageTrainTable
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.image.batch import Draw, NoisyPictures, collate
from vtb.train.image.encoded import EncodedPicture
from vtb.train.image.objective import QwenImageObjective

RANK, LAYERS, WIDTH, HEAD_DIM, TEXT_DIM = 32, 60, 3072, 128, 3584
# A question of two sentences, and the picture as the text encoder sees it.
TEXT_TOKENS = 300
Step = Callable[[], Tensor]


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement; `recomputed` is the share of blocks recomputed in the backward pass."""

    size: int
    side: str
    recomputed: float
    seconds: float
    peak_gib: float
    first_seconds: float


def main() -> None:
    """Measures every size on both sides and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", nargs="+", type=int, default=[512, 1024])
    parser.add_argument("--recompute", nargs="+", type=float, default=[0.0, 0.5, 1.0])
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    import_diffsynth()
    print(f"{device_name()}, torch {torch.__version__}, GEMM ceiling {gemm_tflops():.0f} TFLOP/s")
    rows = [*_sides(options)]
    _print_table(rows)
    if options.out:
        facts = {"device": device_name(), "torch": torch.__version__}
        rows_as_json = [asdict(row) for row in rows]
        options.out.write_text(json.dumps(facts | {"rows": rows_as_json}, indent=1))


def _sides(options: argparse.Namespace) -> Iterator[Row]:
    for side, prepare in (("diffsynth", _diffsynth), ("ours", _ours)):
        dit = random_transformer(options.layers, options.width)
        make = prepare(dit)
        for size in options.size:
            batch = random_batch(size)
            for share in [1.0] if side == "diffsynth" else options.recompute:
                try:
                    yield _measured(side, size, share, make(batch, share), options)
                except torch.OutOfMemoryError:
                    print(f"{side} at {size}, {share:.0%} recomputed: out of memory", flush=True)
                collect()
        del dit, make
        collect()


def random_transformer(layers: int, width: int) -> Any:
    """A transformer with the published sizes and random bf16 weights at unit scale."""
    from vtb.models.qwen_image.repairs import repair_transformer
    from vtb.models.qwen_image.small import SmallQwenImageDiT

    arguments = {
        "patch_size": 2,
        "in_channels": 64,
        "out_channels": 16,
        "attention_head_dim": HEAD_DIM,
        "num_attention_heads": width // HEAD_DIM,
        "joint_attention_dim": TEXT_DIM,
        "axes_dims_rope": (16, 56, 56),
    }
    with torch.device("meta"):
        dit: Any = SmallQwenImageDiT(num_layers=layers, **arguments)
    dit.to_empty(device=device()).to(torch.bfloat16)
    dit.pos_embed = SmallQwenImageDiT(num_layers=0, **arguments).pos_embed
    for name, weight in dit.named_parameters():
        scale = 0.02 if weight.ndim == 1 else 1 / math.sqrt(math.prod(weight.shape[1:]))
        weight.data.normal_(0, scale)
        if "norm" in name and weight.ndim == 1:
            weight.data.add_(1)
    repair_transformer(dit)
    return dit.requires_grad_(False)


def random_batch(size: int) -> NoisyPictures:
    """One sample of random latents and prompt."""

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.bfloat16)

    side = size // 8
    picture = EncodedPicture(
        random(16, side, side), random(TEXT_TOKENS, TEXT_DIM), (random(16, side, side),)
    )
    schedule = NoiseSchedule.exponential(0.8, weighting="bell", dtype=torch.bfloat16)
    return collate([(picture, Draw(0, 300))], schedule).map(lambda tensor: tensor.to(device()))


def _ours(dit: Any) -> Callable[[NoisyPictures, float], Step]:
    from accelerate import Accelerator

    from vtb.train.loop.engine import Engine

    inject_lora(dit, rank=RANK, alpha=RANK, target_modules=LORA_TARGETS, seed=0)

    def make(batch: NoisyPictures, share: float) -> Step:
        objective = QwenImageObjective(
            dit,
            ImageTrainTable(),
            zero_cond_t=True,
            num_recomputed=round(share * len(dit.transformer_blocks)),
            compile_blocks=torch.cuda.is_available(),
        )
        accelerator = Accelerator(cpu=not torch.cuda.is_available())
        engine = Engine(objective, ImageTrainTable(), accelerator)

        def step() -> Tensor:
            loss = engine.model(batch).mean()
            engine.backward(loss, is_last=True)
            engine.update(1e-4, loss.detach())
            return loss.detach()

        return step

    return make


def _diffsynth(dit: Any) -> Callable[[NoisyPictures, float], Step]:
    """Its loss and LoRA, every block recomputed, as its trainer runs them."""
    from diffsynth.diffusion import FlowMatchSFTLoss
    from diffsynth.diffusion.training_module import DiffusionTrainingModule
    from diffsynth.pipelines.qwen_image import QwenImagePipeline

    pipe: Any = QwenImagePipeline(device=device(), torch_dtype=torch.bfloat16)
    pipe.dit = DiffusionTrainingModule().add_lora_to_model(
        dit, list(LORA_TARGETS), RANK, upcast_dtype=torch.bfloat16
    )
    pipe.dit.train()
    pipe.scheduler.set_timesteps(1000, training=True)
    parameters = [p for p in dit.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01)

    def make(batch: NoisyPictures, share: float) -> Step:
        height, width = (8 * side for side in batch.latents.shape[2:])

        def step() -> Tensor:
            optimizer.zero_grad()
            loss = FlowMatchSFTLoss(
                pipe,
                input_latents=batch.latents,
                prompt_emb=batch.prompts,
                prompt_emb_mask=torch.ones(batch.prompts.shape[:2], dtype=torch.long),
                edit_latents=[*batch.references],
                height=height,
                width=width,
                zero_cond_t=True,
                use_gradient_checkpointing=share > 0,
            )
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    return make


def _measured(side: str, size: int, share: float, step: Step, options: argparse.Namespace) -> Row:
    """Mean over steps that follow each other, after a warm-up that includes compilation."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    first, *_ = [timed(step) for _ in range(options.warmup)]
    seconds = timed(lambda: [step() for _ in range(options.repeats)][-1]) / options.repeats
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
    row = Row(size, side, share, seconds, peak, first)
    print(f"{side:<10} {size}  {share:4.0%}  {seconds:.3f} s  {peak:5.1f} GiB", flush=True)
    return row


def _print_table(rows: list[Row]) -> None:
    """Each row with its speed-up over diffsynth at the same size."""
    base = {row.size: row.seconds for row in rows if row.side == "diffsynth"}
    for row in rows:
        ratio = f"{base[row.size] / row.seconds:.2f}x" if row.size in base else ""
        print(
            f"| {row.size}x{row.size} | {row.side} | {row.recomputed:.0%} | {row.seconds:.3f} "
            f"| {row.peak_gib:.1f} | {ratio} |"
        )


if __name__ == "__main__":
    main()
