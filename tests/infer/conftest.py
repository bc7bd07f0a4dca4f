import importlib.util
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vtb.infer.settings import VideoRequest
from vtb.infer.video import infer_videos
from vtb.media.fit import Size


@pytest.fixture
def infer(tiny_wan: Path, maze_set: Path, tmp_path: Path):
    """Makes clips of 17 frames in 64x64 px with two steps, unless told otherwise."""

    def run(**options):
        defaults = {
            "model": tiny_wan,
            "out": tmp_path / "pred",
            "data": maze_set,
            "size": Size(64, 64),
            "steps": 2,
            "cfg": 1.0,
            "limit": 1,
            "device": "cpu",
        }
        return infer_videos(VideoRequest(**{**defaults, **options}))

    return run


@pytest.fixture
def adapter(tiny_qwen3_vl, tmp_path):
    """A PEFT adapter of rank 2 and alpha 4 for one layer."""
    from vtb.models.qwen3_vl.load import load_model

    layer = "model.language_model.layers.0.self_attn.q_proj"
    outputs, inputs = load_model(tiny_qwen3_vl).get_submodule(layer).weight.shape
    random = torch.Generator().manual_seed(0)
    name = f"base_model.model.{layer}.lora_"
    halves = {"A": torch.randn(2, inputs, generator=random)}
    halves["B"] = torch.randn(outputs, 2, generator=random)
    directory = tmp_path / "adapter"
    directory.mkdir()
    named = {f"{name}{half}.weight": value for half, value in halves.items()}
    save_file(named, directory / "adapter_model.safetensors")
    (directory / "adapter_config.json").write_text(json.dumps({"lora_alpha": 4}))
    return directory


@pytest.fixture
def endpoint():
    """The module `stub_endpoint.py`: an OpenAI-compatible endpoint of this process."""
    path = Path(__file__).with_name("stub_endpoint.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
