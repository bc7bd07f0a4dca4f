import pytest

from vtb.core.frames import FramePlan
from vtb.core.splits import SplitRule
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.data.store import open_dataset
from vtb.infer.image import run
from vtb.infer.image.settings import ImageRequest

EDIT = "qwen-image-edit-2511"


@pytest.fixture(scope="session")
def small_mazes(tmp_path_factory):
    """Four test mazes of 64 px, without clips; do not write into it."""
    task = Task.of("maze-square", {"rows": 7, "cols": 7}, {"cell": 9})
    directory = tmp_path_factory.mktemp("data") / "small"
    rule = SplitRule(test=1000, validation=0)
    build(Request([task], 0, FramePlan.of(17, 16), False, rule=rule), directory, 4)
    return directory


@pytest.fixture
def infer(tiny_qwen_image, small_mazes, tmp_path):
    """Makes pictures of 64 px with the tiny Edit-2511 and two steps, unless told otherwise."""

    def make(family=EDIT, **options):
        defaults = {
            "model": tiny_qwen_image[family],
            "out": tmp_path / "pred",
            "data": small_mazes,
            "steps": 2,
            "cfg": 1.0,
            "limit": 1,
            "device": "cpu",
        }
        return run.infer_images(ImageRequest(**{**defaults, **options}))

    return make


@pytest.fixture
def stub(monkeypatch, small_mazes):
    """Replaces the model by one that knows the solutions; gives the jobs it was asked."""
    jobs = []
    dataset = open_dataset(small_mazes)

    def make_picture(order):
        jobs.append((order.job.sample_id, order.seed))
        return order.fit.apply(dataset.sample(order.job.sample_id).solution)

    monkeypatch.setattr(run, "load_model", lambda *_: make_picture)
    return jobs


@pytest.fixture
def lora_of(tiny_qwen_image, tmp_path):
    """Writes a random LoRA of alpha twice the rank for the tiny Edit-2511."""
    import torch

    from vtb.models.lora.file import Lora, LoraPair, write_lora
    from vtb.models.lora.targets import linear_shapes, select_targets
    from vtb.models.qwen_image.checkpoint import open_checkpoint

    checkpoint = open_checkpoint(tiny_qwen_image[EDIT])
    linears = linear_shapes(checkpoint.shapes(checkpoint.part("dit")))

    def write(name="lora", layout="comfyui", scale=1.0, extra_inputs=0, **metadata):
        draw = torch.Generator().manual_seed(0)
        pairs = {
            module: LoraPair(
                torch.randn(2, linears[module][1] + extra_inputs, generator=draw),
                scale * torch.randn(linears[module][0], 2, generator=draw),
                4.0,
            )
            for module in select_targets(linears, ["to_q", "to_out.0", "img_mod.1"])
        }
        path = tmp_path / f"{name}.safetensors"
        write_lora(path, Lora(pairs, metadata), layout=layout, dtype=torch.float32)
        return path

    return write
