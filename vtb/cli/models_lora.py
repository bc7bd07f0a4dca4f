"""`vtb models lora`: check, convert, merge, resize and extract LoRA files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vtb.cli.models_report import lora_lines, lora_payload, reduced_text, state
from vtb.cli.options import Force, JsonMode, Quiet, Verbose
from vtb.cli.output import emit, next_steps, warn
from vtb.core.errors import UsageError
from vtb.models.lora.keys import LoraFormat
from vtb.run.extras import require_train_extra

if TYPE_CHECKING:
    import torch

    from vtb.models.diffusion_family import DiffusionFamily
    from vtb.models.lora.resize import Reduced

# The rest of a file's metadata is in the JSON.
SHOWN_METADATA = ("base_family", "expert", "step", "run")

app = typer.Typer(no_args_is_help=True, help="Check, convert, merge and resize LoRA files.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="LoRA file, in any usual layout.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="LoRA files.")]
Model = Annotated[Path, typer.Option(help="Checkpoint directory.")]
OutFile = Annotated[Path, typer.Option("--out", "-o", help="File to write.")]
Weights = Annotated[
    list[float] | None, typer.Option("--weight", help="Factor of each FILE in turn; default 1.")
]
Dtype = Annotated[
    Literal["bf16", "fp32"] | None,
    typer.Option(help="Of the tensors.", show_default="as stored"),
]
Expert = Annotated[
    Literal["high", "low"] | None,
    typer.Option(help="Of an A14B model, where a file does not say."),
]


@app.command()
def check(
    file: File,
    model: Model,
    expert: Expert = None,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare a LoRA file with a model, without loading weights; exit 3 when it does not fit."""
    require_train_extra()
    from vtb.models.check import family_of

    family = family_of(model.resolve())
    report = family.check_lora(model.resolve(), file.resolve(), expert)
    payload = {"model": str(model.resolve()), "ok": report.ok, **lora_payload(report)}
    for warning in report.warnings:
        warn(warning)
    lines = [
        f"{'ok' if report.ok else 'does not fit'}",
        *lora_lines(report),
        *(f"  {key}: {value}" for key, value in report.metadata.items() if key in SHOWN_METADATA),
    ]
    emit("vtb.models.lora.check/1", payload, "\n".join(lines), json_mode)
    if not report.ok:
        raise typer.Exit(3)
    next_steps(
        f"vtb infer {family.command} --model {quote(str(model))} --lora {quote(str(file))} "
        "--data DIR",
        f"vtb models lora merge {quote(str(file))} --model {quote(str(model))} -o OUT",
    )


@app.command()
def convert(
    file: File,
    to: Annotated[LoraFormat, typer.Option(help="Layout of the tensor names.")],
    out: OutFile,
    dtype: Dtype = None,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a LoRA file in another layout, with the same effect and metadata."""
    require_train_extra()
    from vtb.models.lora.file import read_lora, stored_dtype
    from vtb.models.lora.save import DTYPES, save_lora

    lora = read_lora(file.resolve())
    kind = stored_dtype([lora]) if dtype is None else DTYPES[dtype]
    is_new = save_lora(out.resolve(), lora, layout=to, dtype=kind, force=force)
    payload = {
        "out": str(out.resolve()),
        "from": lora.layout,
        "to": to,
        "layers": len(lora.pairs),
        "ranks": list(lora.ranks),
        "is_new": is_new,
    }
    text = f"{state(is_new)}: {len(lora.pairs)} layers, {lora.layout} to {to}\n{out.resolve()}"
    emit("vtb.models.lora.convert/1", payload, text, json_mode)
    next_steps(f"vtb models lora check {quote(str(out))} --model DIR")


@app.command()
def merge(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="LoRA files, or directories of PEFT adapters."),
    ],
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to write.")],
    weight: Weights = None,
    expert: Expert = None,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a checkpoint with LoRAs merged into its weights, in the published layout."""
    weights = _weights(weight, files)
    require_train_extra()
    from vtb.models.check import family_of

    sources = [file.resolve() for file in files]
    base, family = model.resolve(), family_of(model.resolve())
    made = family.merge_loras(sources, weights, base, out.resolve(), expert=expert, force=force)
    for warning in made.warnings:
        warn(warning)
    payload = {
        "family": made.family,
        "model": str(base),
        "out": str(made.out),
        "lora": [
            {"file": str(file), "weight": factor, "layers": layers}
            for file, factor, layers in zip(sources, weights, made.layers, strict=True)
        ],
        "is_new": made.is_new,
    }
    layers = ", ".join(map(str, made.layers))
    text = f"{state(made.is_new)}: {made.family} with {layers} layers changed\n{made.out}"
    emit("vtb.models.lora.merge/1", payload, text, json_mode)
    place = quote(str(out))
    next_steps(
        f"vtb models check {place}", f"vtb infer {family.command} --model {place} --data DIR"
    )


@app.command()
def resize(
    files: Files,
    out: OutFile,
    rank: Annotated[
        int | None, typer.Option(min=1, help="Largest rank of a layer.", show_default="the sum")
    ] = None,
    weight: Weights = None,
    dtype: Dtype = None,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Lower a LoRA's rank by singular values; several files are added up first, exactly."""
    weights = _weights(weight, files)
    if len(files) == 1 and rank is None and weight is None:
        raise UsageError("nothing to do", fact="one FILE without --rank", hint="--rank R")
    require_train_extra()
    from vtb.models.lora.file import read_lora, stored_dtype
    from vtb.models.lora.resize import Reduced, concatenate
    from vtb.models.lora.resize import resize as resize_lora
    from vtb.models.lora.save import DTYPES

    loras = [read_lora(file.resolve()) for file in files]
    whole = concatenate(loras, weights)
    reduced = Reduced.whole(whole) if rank is None else resize_lora(whole, rank)
    kind = stored_dtype(loras) if dtype is None else DTYPES[dtype]
    payload = _write(reduced, out.resolve(), kind, force=force)
    emit("vtb.models.lora.resize/1", payload, reduced_text(payload), json_mode)
    next_steps(f"vtb models lora check {quote(str(out))} --model DIR")


@app.command()
def extract(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="Checkpoint directory.")],
    tuned: Annotated[Path, typer.Argument(metavar="TUNED", help="The same model, trained on.")],
    rank: Annotated[int, typer.Option(min=1, help="Largest rank of a layer.")],
    out: OutFile,
    expert: Expert = None,
    dtype: Annotated[Literal["bf16", "fp32"], typer.Option(help="Of the tensors.")] = "bf16",
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the LoRA nearest to the difference of two models of one family."""
    require_train_extra()
    from vtb.models.lora.extract import extract as extract_lora
    from vtb.models.lora.save import DTYPES

    opened = _diffusion_family(base.resolve()).open
    found = extract_lora(opened(base.resolve()), opened(tuned.resolve()), rank, expert)
    if found.left_out:
        shown = ", ".join(found.left_out[:5])
        warn(f"{len(found.left_out)} changed tensors are no linear weights, left out: {shown}")
    payload = _write(found.reduced, out.resolve(), DTYPES[dtype], force=force)
    payload["left_out"] = list(found.left_out)
    emit("vtb.models.lora.extract/1", payload, reduced_text(payload), json_mode)
    next_steps(f"vtb models lora check {quote(str(out))} --model {quote(str(base))}")


def _diffusion_family(directory: Path) -> DiffusionFamily:
    from vtb.models.check import family_of
    from vtb.models.diffusion_family import DiffusionFamily

    family = family_of(directory)
    if not isinstance(family, DiffusionFamily):
        raise UsageError(
            f"no LoRA of `{family.name}` can be extracted",
            fact="only those of diffusion models can",
        )
    return family


def _write(reduced: Reduced, out: Path, dtype: torch.dtype, *, force: bool) -> dict[str, Any]:
    from vtb.models.lora.save import save_lora

    is_new = save_lora(out, reduced.lora, layout="comfyui", dtype=dtype, force=force)
    lowest = min(reduced.energies, key=lambda name: reduced.energies[name])
    return {
        "out": str(out),
        "layers": len(reduced.energies),
        "ranks": list(reduced.lora.ranks),
        "retained_energy": reduced.energy,
        "lowest": {"layer": lowest, "retained_energy": reduced.energies[lowest]},
        "is_new": is_new,
    }


def _weights(given: Sequence[float] | None, files: Sequence[Path]) -> list[float]:
    if given and len(given) != len(files):
        raise UsageError(
            f"{len(given)} weights for {len(files)} files",
            fact="each `--weight` belongs to one FILE, in order",
            hint=" ".join(["--weight 1"] * len(files)),
        )
    return list(given or [1.0] * len(files))
