"""Seconds per training step of a Wan transformer: ours beside diffsynth as it ships.

Random weights of the real size, LoRA of rank 32, batch 1, one optimizer step (forward, backward,
AdamW) on latents that are on the device. Needs one GPU; both sides are measured in the same run.

    python benchmarks/wan_step.py [--model wan2.2-ti2v-5b] [--size 480x832x81 ...] [--out FILE]
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vtb.models.lora.layers import inject_lora
from vtb.models.upstream import import_diffsynth
from vtb.models.wan.variants import TEXT_TOKENS, VARIANTS, WanVariant
from vtb.recipe.schema import VideoTrainTable
from vtb.train.flow.batch import NoisyBatch
from vtb.train.flow.objective import WanObjective
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.launch.estimate import TransformerShape, Workload, num_recomputed, step_flops

RANK, TARGETS = 32, ("q", "k", "v", "o", "ffn.0", "ffn.2")
REPEATS, WARMUP = 7, 3
Step = Callable[[], Tensor]


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement; `tflops` are executed operations per second, recomputation included."""

    model: str
    size: str
    side: str
    seconds: float
    peak_gib: float
    tokens_per_second: float
    useful_tflops: float
    predicted_gib: float | None = None
    first_seconds: float = 0.0


def main() -> None:
    """Measures every size on both sides and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="wan2.2-ti2v-5b", choices=list(VARIANTS))
    parser.add_argument("--size", nargs="+", default=["480x832x81", "704x1280x121"])
    parser.add_argument("--sides", nargs="+", default=["diffsynth", "ours", "fp8"])
    parser.add_argument("--layers", type=int, help="Fewer layers than published, for a trial.")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--warmup", type=int, default=WARMUP)
    parser.add_argument("--recompute", default="auto", help="auto, none, full or a share.")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    import_diffsynth()
    print(f"{device_name()}, torch {torch.__version__}, GEMM ceiling {gemm_tflops():.0f} TFLOP/s")
    rows = list(measure_all(options))
    print_table(rows)
    if options.out:
        facts = {"device": device_name(), "torch": torch.__version__}
        options.out.write_text(
            json.dumps(facts | {"rows": [asdict(row) for row in rows]}, indent=1)
        )


def measure_all(options: argparse.Namespace) -> Iterator[Row]:
    """One row per side and size; a size that does not fit is left out with a line."""
    variant = VARIANTS[options.model]
    for side in options.sides:
        dit = random_transformer(variant, options.layers)
        make = prepare(side, dit, variant, options)
        for size in options.size:
            try:
                yield measure(side, dit, variant, size, make, options)
            except torch.OutOfMemoryError:
                print(f"{side} at {size}: out of memory", flush=True)
            collect()
        del dit, make
        collect()


def random_transformer(variant: WanVariant, layers: int | None) -> Any:
    """A transformer with the published sizes and random bf16 weights at unit scale."""
    from diffsynth.models.wan_video_dit import WanModel

    part = next(part for part in variant.parts if part.name.startswith("dit"))
    arguments = {**part.arguments, **({"num_layers": layers} if layers else {})}
    with torch.device("meta"):
        dit: Any = WanModel(**arguments)
    dit.to_empty(device=device())
    dit.to(torch.bfloat16)
    dit.freqs = WanModel(**{**arguments, "num_layers": 0}).freqs
    for name, weight in dit.named_parameters():
        scale = 1.0 if weight.ndim == 1 else 1 / math.sqrt(math.prod(weight.shape[1:]))
        weight.data.normal_(0, 0.02 if weight.ndim == 1 else scale)
        if "norm" in name and name.endswith("weight"):
            weight.data.add_(1)
    return dit.requires_grad_(False)


def prepare(
    side: str, dit: Any, variant: WanVariant, options: argparse.Namespace
) -> Callable[[NoisyBatch, Workload], Step]:
    """Puts the LoRA on the model; what is returned makes the step for a batch."""
    if side == "diffsynth":
        return diffsynth_step(dit)
    inject_lora(dit, rank=RANK, alpha=RANK, target_modules=TARGETS, seed=0)
    if side == "fp8":
        from vtb.models.wan.fast.fp8 import quantize_base

        quantize_base(dit)
    train = VideoTrainTable()

    def make(batch: NoisyBatch, work: Workload) -> Step:
        free = torch.cuda.mem_get_info()[0] / 2**30 if torch.cuda.is_available() else 1000.0
        free += torch.cuda.memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
        setting = options.recompute
        recompute = num_recomputed(
            setting if setting in ("auto", "none", "full") else float(setting), work, free
        )
        print(f"  {side}: {recompute} of {work.shape.layers} blocks recomputed", flush=True)
        return our_step(
            WanObjective(dit, train, num_recomputed=recompute, compile_blocks=True), batch
        )

    return make


def our_step(objective: WanObjective, batch: NoisyBatch) -> Step:
    """Our objective and fused AdamW with clipping, as in `vtb.train.loop.engine`."""
    from accelerate import Accelerator

    from vtb.train.loop.engine import Engine

    engine = Engine(objective, VideoTrainTable(), Accelerator(cpu=not torch.cuda.is_available()))

    def step() -> Tensor:
        loss = engine.model(batch).mean()
        engine.backward(loss, is_last=True)
        engine.update(1e-4, loss.detach())
        return loss.detach()

    return step


def diffsynth_step(dit: Any) -> Callable[[NoisyBatch, Workload], Step]:
    """Diffsynth's loss and LoRA, recomputation on, as its trainer runs them."""
    from diffsynth.diffusion import FlowMatchSFTLoss
    from diffsynth.diffusion.training_module import DiffusionTrainingModule
    from diffsynth.pipelines.wan_video import WanVideoPipeline

    pipe: Any = WanVideoPipeline(device=device(), torch_dtype=torch.bfloat16)
    pipe.dit = DiffusionTrainingModule().add_lora_to_model(
        dit, list(TARGETS), RANK, upcast_dtype=torch.bfloat16
    )
    pipe.dit.train()
    pipe.scheduler.set_timesteps(1000, training=True)
    parameters = [p for p in dit.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01)

    def make(batch: NoisyBatch, work: Workload) -> Step:
        inputs: dict[str, Any] = {
            "input_latents": batch.latents,
            "context": batch.context,
            "use_gradient_checkpointing": True,
            "cfg_merge": False,
            "vace_scale": 1,
        }
        if batch.first_frame is not None:
            inputs |= {
                "first_frame_latents": batch.first_frame,
                "fuse_vae_embedding_in_latents": True,
            }
        if batch.image_condition is not None:
            inputs["y"] = batch.image_condition

        def step() -> Tensor:
            optimizer.zero_grad()
            loss = FlowMatchSFTLoss(pipe, **inputs)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    return make


def measure(
    side: str,
    dit: Any,
    variant: WanVariant,
    size: str,
    make: Callable[[NoisyBatch, Workload], Step],
    options: argparse.Namespace,
) -> Row:
    """Mean over steps that follow each other, after a warm-up that includes compilation."""
    height, width, frames = map(int, size.split("x"))
    work = workload(dit, variant, frames, height, width, is_fp8=side == "fp8")
    batch = random_batch(dit, variant, frames, height, width)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    step = make(batch, work)
    first, *_ = [timed(step) for _ in range(options.warmup)]
    seconds = timed(lambda: [step() for _ in range(options.repeats)][-1]) / options.repeats
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
    row = Row(
        model=variant.family,
        size=size,
        side=side,
        seconds=seconds,
        peak_gib=peak,
        tokens_per_second=work.shape.tokens / seconds,
        useful_tflops=step_flops(work, 0) / seconds / 1e12,
        first_seconds=first,
    )
    print(
        f"{side:<10} {size:<13} {seconds:.3f} s  {peak:6.1f} GiB  "
        f"{row.useful_tflops:.0f} TFLOP/s useful  (first step {first:.1f} s)",
        flush=True,
    )
    return row


def workload(
    dit: Any, variant: WanVariant, frames: int, height: int, width: int, *, is_fp8: bool
) -> Workload:
    """What is computed, for the number of blocks to recompute and the operations."""
    parameters = list(dit.parameters())
    lora = sum(p.numel() for p in parameters if p.requires_grad)
    block = dit.blocks[0]
    shape = TransformerShape(
        variant.tokens(frames, height, width), len(dit.blocks), block.dim, block.ffn_dim
    )
    base = sum(p.numel() for p in parameters) - lora
    return Workload(shape, base, lora, frozen_bytes=1 if is_fp8 else 2)


def random_batch(dit: Any, variant: WanVariant, frames: int, height: int, width: int) -> NoisyBatch:
    """One sample of random latents, noise and context in the model's shapes."""
    stride = variant.vae_stride
    grid = variant.latent_frames(frames), height // stride[1], width // stride[2]
    channels = variant.latent_channels
    text_dim = dit.text_embedding[0].in_features
    schedule = NoiseSchedule.shifted(5.0, weighting="bell", dtype=torch.bfloat16)
    index = torch.tensor([300])
    is_ti2v = bool(dit.fuse_vae_embedding_in_latents)
    takes_condition = dit.patch_embedding.in_channels > channels

    def random(*shape: int) -> Tensor:
        return torch.randn(1, *shape, device=device(), dtype=torch.bfloat16)

    return NoisyBatch(
        latents=random(channels, *grid),
        noise_keys=torch.zeros(1, dtype=torch.long, device=device()),
        prompts=random(TEXT_TOKENS, text_dim),
        prompt_of=torch.zeros(1, dtype=torch.long, device=device()),
        timesteps=schedule.timesteps[index].to(device()),
        sigmas=schedule.sigmas[index].to(device()),
        weights=schedule.weights[index].to(device()),
        is_image_conditioned=torch.tensor([is_ti2v], device=device()),
        groups=torch.zeros(1, dtype=torch.long, device=device()),
        first_frame=random(channels, 1, *grid[1:]) if is_ti2v else None,
        image_condition=random(4 + channels, *grid) if takes_condition else None,
    )


def timed(step: Step) -> float:
    """Seconds of one step, the device idle before and after."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    loss = step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    assert torch.isfinite(loss), "the loss is not finite"
    return seconds


def gemm_tflops(size: int = 8192) -> float:
    """Measured bf16 matrix multiplication, TFLOP/s; 0 without a GPU."""
    if not torch.cuda.is_available():
        return 0.0
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    times = [timed(lambda: (a @ b).float().sum()) for _ in range(3)]
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(20):
        torch.mm(a, b)
    torch.cuda.synchronize()
    del times
    return 20 * 2 * size**3 / (time.perf_counter() - start) / 1e12


def collect() -> None:
    """Returns the memory of the last measurement."""
    gc.collect()
    torch._dynamo.reset()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def device() -> str:
    """Where everything is."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def device_name() -> str:
    """The device in words."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def print_table(rows: list[Row]) -> None:
    """Each row with its speed-up over diffsynth at the same size."""
    base = {row.size: row.seconds for row in rows if row.side == "diffsynth"}
    for row in rows:
        ratio = f"{base[row.size] / row.seconds:.2f}x" if row.size in base else ""
        print(
            f"| {row.model} | {row.size} | {row.side} | {row.seconds:.3f} | {row.peak_gib:.1f} "
            f"| {row.tokens_per_second:,.0f} | {row.useful_tflops:.0f} | {ratio} |"
        )


if __name__ == "__main__":
    main()
