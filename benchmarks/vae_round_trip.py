"""What a VAE lets through: true solutions in and out of it, through H.264, before their verifier.

A model can solve no more puzzles than its VAE can show. Prints the share that still passes, the
PSNR of the clips in dB, and the deviation of the normalised latents, which should be near 1.

    python benchmarks/vae_round_trip.py --model DIR --data DIR [--work DIR] [--limit N]

`--data` needs a split `test` (`vtb gen … --split test`).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vtb.data.names import sample_file
from vtb.data.store import open_dataset
from vtb.eval.puzzles import PuzzleEval, evaluate
from vtb.media.video import encode, read_frames
from vtb.models.wan.load import load_pipeline
from vtb.models.wan.sample import decode

if TYPE_CHECKING:
    from vtb.core.types import Array


def main() -> None:
    """Writes the reconstructions below `--work` and prints one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp())
    vae: Any = load_pipeline(options.model, device="cpu", dtype=torch.float32, parts=("vae",)).vae
    (work / "clips").mkdir(parents=True, exist_ok=True)
    rows = open_dataset(options.data).rows(
        "test", columns=["id", "video", "fps"], limit=options.limit
    )
    noise, latents = list[float](), list[torch.Tensor]()
    for row in rows:
        clip = read_frames(row["video"]["bytes"])
        encoded, shown = round_trip(vae, clip)
        noise.append(psnr(clip, shown))
        latents.append(encoded.flatten())
        count, height, width = shown.shape[:3]
        mp4 = encode(shown, num_frames=count, height=height, width=width, fps=row["fps"])
        sample_file(work / "clips", row["id"], ".mp4").write_bytes(mp4)
    request = PuzzleEval(
        data=options.data, out=work / "scores", pred=work / "clips", limit=options.limit, force=True
    )
    found = evaluate(request).results
    print(
        f"{options.data.name}: {found['passed']} of {found['n']} pass, "
        f"PSNR {np.mean(noise):.1f} dB, latents' deviation {torch.cat(latents).std():.2f}"
    )


@torch.no_grad()
def round_trip(vae: Any, clip: Array) -> tuple[torch.Tensor, Array]:
    """The latents of RGB uint8 (T, H, W, 3) and what they are decoded to."""
    pixels = torch.from_numpy(clip).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    latents = vae.model.encode(pixels, vae.scale)
    return latents, decode(vae, latents)[0]


def psnr(clip: Array, shown: Array) -> float:
    """Peak signal-to-noise ratio in dB of uint8 frames."""
    error = np.square(clip.astype(np.float64) - shown).mean()
    return float(10 * np.log10(255**2 / error))


if __name__ == "__main__":
    main()
