"""Our forward of Qwen-Image against diffsynth's own, in float32."""

import pytest
import torch

FAMILIES = ("qwen-image", "qwen-image-edit-2511")


@pytest.fixture(scope="module", params=FAMILIES)
def forwards(request, tiny_qwen_image):
    """Ours and diffsynth's."""
    from vtb.models.qwen_image.fast.forward import QwenImageForward
    from vtb.models.qwen_image.load import load_pipeline
    from vtb.models.qwen_image.reference import ReferenceForward
    from vtb.models.qwen_image.variants import VARIANTS

    dit = load_pipeline(tiny_qwen_image[request.param], parts=("dit",)).dit
    zero = VARIANTS[request.param].zero_cond_t
    return (
        QwenImageForward(dit, zero_cond_t=zero, compile=False, num_checkpointed=1),
        ReferenceForward(dit, zero_cond_t=zero, recompute=False),
    )


def inputs(forward, *reference_sizes):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    width = forward.dit.txt_in.in_features
    timesteps = torch.tensor([900.0, 500.0, 20.0])
    references = [draw(3, 16, *size) for size in reference_sizes]
    return draw(3, 16, 6, 8), timesteps, draw(3, 7, width), references


@pytest.mark.parametrize("reference_sizes", [(), ((6, 8),), ((4, 8), (6, 2))])
@pytest.mark.parametrize("lengths", [None, (7, 5, 3)])
def test_velocity_is_that_of_diffsynth(forwards, lengths, reference_sizes):
    fast, reference = forwards
    latents, timesteps, prompts, references = inputs(fast, *reference_sizes)
    mask = None if lengths is None else torch.arange(7) < torch.tensor(lengths)[:, None]
    expected = reference(latents, timesteps, prompts, mask, references)
    found = fast(latents, timesteps, prompts, mask, references)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_references_and_prompt_matter(forwards):
    fast, _ = forwards
    latents, timesteps, prompts, references = inputs(fast, (6, 8))
    alone = fast(latents, timesteps, prompts)
    assert not torch.allclose(alone, fast(latents, timesteps, prompts, None, references))
    assert not torch.allclose(alone, fast(latents, timesteps, -prompts))


def test_recomputed_blocks_give_the_same_gradients(forwards):
    from vtb.models.qwen_image.fast.forward import QwenImageForward

    fast, _ = forwards
    whole = QwenImageForward(fast.dit, zero_cond_t=False, compile=False, num_checkpointed=0)
    recomputed = QwenImageForward(fast.dit, zero_cond_t=False, compile=False, num_checkpointed=2)
    latents, timesteps, prompts, references = inputs(fast, (6, 8))
    gradients = []
    for forward in (whole, recomputed):
        given = latents.clone().requires_grad_()
        forward(given, timesteps, prompts, None, references).square().sum().backward()
        gradients.append(given.grad)
    torch.testing.assert_close(gradients[1], gradients[0])
    assert not recomputed.checkpoint_more() and whole.checkpoint_more()
