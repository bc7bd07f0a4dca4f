"""GPUs as the driver's tool tells them."""

import pytest

from vtb.run import provenance
from vtb.run.provenance import Gpu, gpus

LISTED = "NVIDIA H100, 81559, GPU-aa1\nNVIDIA H200, 143771, GPU-bb2\n"


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["NVIDIA H100", "NVIDIA H200"]),
        ("", []),
        ("1", ["NVIDIA H200"]),
        ("1,0", ["NVIDIA H200", "NVIDIA H100"]),
        ("GPU-bb", ["NVIDIA H200"]),
        ("7", []),
    ],
)
def test_visible_devices_are_chosen_as_torch_does(monkeypatch, visible, names):
    monkeypatch.setattr(provenance, "_output", lambda *command: LISTED)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.name for gpu in gpus()] == names


def test_memory_is_in_gib(monkeypatch):
    monkeypatch.setattr(provenance, "_output", lambda *command: "NVIDIA X, 2048, GPU-1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus() == [Gpu("NVIDIA X", 2.0)]
