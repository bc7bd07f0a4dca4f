"""Small random Wan transformers, their inputs, and how results are compared.

Tests get it as the fixture `small_wan`.
"""

from types import SimpleNamespace

import torch

DIM, TEXT_DIM, NUM_BLOCKS, TIMESTEPS = 48, 20, 3, (731.0, 12.0, 500.0)
COMMON = {"dim": DIM, "ffn_dim": 80, "text_dim": TEXT_DIM, "freq_dim": 32, "eps": 1e-3} | {
    "patch_size": (1, 2, 2),
    "num_heads": 2,
    "has_image_input": False,
    "require_clip_embedding": False,
}
KINDS = {
    "TI2V": {"in_dim": 16, "out_dim": 16, "require_vae_embedding": False}
    | {"seperated_timestep": True, "fuse_vae_embedding_in_latents": True},
    "I2V": {"in_dim": 36, "out_dim": 16},
}


def transformer(kind="TI2V", *, dtype=torch.float32, lora=True, num_layers=NUM_BLOCKS):
    """A WanModel whose every weight is random and not zero, with a LoRA that does something."""
    from vtb.models.lora.layers import inject_lora
    from vtb.models.upstream import import_diffsynth

    import_diffsynth()
    from diffsynth.models.wan_video_dit import WanModel

    dit = WanModel(**COMMON, **KINDS[kind], num_layers=num_layers).to(dtype)
    draw = torch.Generator().manual_seed(0)
    for name, weight in dit.named_parameters():
        deviation = 0.3 if weight.ndim == 1 else weight[0].numel() ** -0.5
        weight.data.normal_(0, deviation, generator=draw)
        if "norm" in name and name.endswith("weight"):
            weight.data.add_(1)
    if lora:
        targets = ("q", "k", "v", "o", "ffn.0", "ffn.2")
        layers = inject_lora(dit, rank=4, alpha=6, target_modules=targets, seed=0)
        for layer in layers.values():
            layer.lora_B.data.normal_(0, 0.2, generator=draw)
    return dit


def inputs(kind="TI2V", given=(True, False, True), *, grid=(3, 6, 4), dtype=torch.float32):
    """The arguments of a forward for `len(given)` samples."""
    draw, batch = torch.Generator().manual_seed(1), len(given)

    def random(*shape):
        return torch.randn(batch, *shape, generator=draw).to(dtype)

    return (
        random(KINDS[kind]["out_dim"], *grid),
        torch.tensor(TIMESTEPS[:batch], dtype=dtype),
        random(512, TEXT_DIM),
        torch.tensor(given),
        random(20, *grid) if kind == "I2V" else None,
    )


def one(arguments, number):
    """The arguments of one sample alone."""
    return [None if a is None else a[number : number + 1] for a in arguments]


def fast(dit, *, compile=False, num_checkpointed=0):
    from vtb.models.wan.fast import WanForward

    return WanForward(dit, compile=compile, num_checkpointed=num_checkpointed)


def reference(dit):
    from vtb.models.wan.reference import ReferenceForward

    return ReferenceForward(dit, recompute=False)


def run(model, arguments):
    """The velocity and the gradients of everything trainable."""
    model.zero_grad()
    velocity = model(*arguments)
    target = torch.linspace(-1, 1, velocity.numel()).view_as(velocity).to(velocity.dtype)
    (velocity - target).square().mean().backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return SimpleNamespace(velocity=velocity.detach(), gradients=gradients)


def relative(a, b):
    return ((a - b).norm() / b.norm()).item()


def assert_equal(ours, theirs, value=1e-5, gradient=1e-4):
    assert relative(ours.velocity, theirs.velocity) < value
    assert ours.gradients.keys() == theirs.gradients.keys()
    assert theirs.gradients
    for name, expected in theirs.gradients.items():
        assert relative(ours.gradients[name], expected) < gradient, name
