import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_pipe(tiny_wan: Path):
    """The tiny pipeline as loaded; tests that change weights load their own."""
    from vtb.models.wan.load import load_pipeline

    return load_pipeline(tiny_wan)


@pytest.fixture(scope="session")
def small_wan():
    """The module `wan_small.py`: small random transformers, inputs and comparisons."""
    return _module("wan_small")


@pytest.fixture(scope="session")
def diffsynth_clip():
    """The module `diffsynth_clip.py`: clips from diffsynth's own pipeline."""
    return _module("diffsynth_clip")


def _module(name):
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def dit_output():
    """A function: the velocity of a tiny TI2V transformer for fixed inputs, by diffsynth."""
    import torch

    def compute(dit):
        from diffsynth.pipelines.wan_video import model_fn_wan_video

        generator = torch.Generator().manual_seed(0)
        latents = torch.randn(1, 48, 3, 4, 4, generator=generator)
        context = torch.randn(1, 512, 32, generator=generator)
        with torch.no_grad():
            return model_fn_wan_video(
                dit,
                latents=latents,
                timestep=torch.tensor([5.0]),  # small: diffusers takes its sines in float32
                context=context,
                fuse_vae_embedding_in_latents=True,
            )

    return compute


@pytest.fixture(scope="session")
def random_lora(tiny_wan: Path):
    """Makes a float32 LoRA with random updates, alpha twice the rank, for the tiny TI2V model."""
    import torch

    from vtb.models.lora.file import Lora, LoraPair
    from vtb.models.lora.targets import linear_shapes, select_targets
    from vtb.models.structure import read_shapes
    from vtb.models.wan.checkpoint import open_checkpoint

    checkpoint = open_checkpoint(tiny_wan)
    linears = linear_shapes(read_shapes(checkpoint.paths(checkpoint.part("dit"))))

    def make(seed=1, rank=4, targets=("q", "k", "v", "o", "ffn.0", "ffn.2"), **metadata):
        draw = torch.Generator().manual_seed(seed)
        pairs = {
            name: LoraPair(
                torch.randn(rank, linears[name][1], generator=draw) / linears[name][1] ** 0.5,
                torch.randn(linears[name][0], rank, generator=draw) * 0.2,
                2.0 * rank,
            )
            for name in select_targets(linears, targets)
        }
        return Lora(pairs, {"base_family": "wan2.2-ti2v-5b", **metadata}, "random LoRA")

    return make
