"""Training of a Wan VAE: its loss is that of inference, and its latents come to fit."""

import pytest

pytest.importorskip("diffsynth")

import torch

from vtb.data.store import open_dataset
from vtb.models.wan.load import load_pipeline
from vtb.recipe.load import load
from vtb.recipe.schema import VaeTable, VideoRecipe
from vtb.train.latents.clips import ClipSource
from vtb.train.loop.randomness import normal
from vtb.train.vae_task import VaeBatch, VaeObjective, VaeTask
from vtb.train.weights import FullWeights

SIZE = ("data.height=64", "data.width=64", "data.num_frames=9", "data.fit=pad")


@pytest.fixture
def vae(tiny_wan):
    return load_pipeline(tiny_wan, parts=("vae",)).vae


@pytest.fixture
def task_of(vae, mazes):
    def make(*overrides):
        recipe = load(VideoRecipe, "video/wan2.2-ti2v-5b-tiny", [*SIZE, *overrides]).recipe
        weights = FullWeights(vae.model)
        clips = ClipSource(open_dataset(mazes), recipe.data)
        return VaeTask(VaeObjective(vae, recipe.vae), weights, recipe, clips, grid=32)

    return make


def random_batch(count=2, frames=9):
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(256, (count, frames, 32, 64, 3), dtype=torch.uint8, generator=generator)
    return VaeBatch(clips, torch.arange(count), torch.zeros(count, dtype=torch.int64))


def noise_of(batch):
    return normal(batch.noise_keys, (48, 3, 2, 4))


def test_without_noise_the_loss_is_the_error_of_the_wrappers_reconstruction(vae):
    """The wrapper's own way in and out, clip by clip, is the reference."""
    batch = random_batch()
    losses = VaeObjective(vae, VaeTable(kl_weight=0)).losses(
        batch.frames, torch.zeros_like(noise_of(batch))
    )
    videos = [frames.permute(3, 0, 1, 2).float() / 127.5 - 1 for frames in batch.frames]
    latents = vae.encode(videos, device="cpu")
    # Not the wrapper's `decode`, which clamps: a loss must not.
    decoded = torch.cat([vae.model.decode(z[None], vae.scale) for z in latents])
    error = decoded - torch.stack(videos)
    # Three latent frames that count alike, the first of one pixel frame, the others of four.
    parts = [error[:, :, :1], error[:, :, 1:5], error[:, :, 5:]]
    means = [(part.abs() + part**2).mean(dim=(1, 2, 3, 4)) for part in parts]
    expected = torch.stack(means).mean(0)
    assert losses.shape == (2,)
    torch.testing.assert_close(losses, expected, rtol=1e-5, atol=1e-6)


def test_every_weight_gets_a_gradient_that_is_the_slope_of_the_loss(vae):
    FullWeights(vae.model)
    objective, batch = VaeObjective(vae, VaeTable(kl_weight=0.1)), random_batch(count=1)
    objective(batch).mean().backward()
    gradients = {name: p.grad for name, p in objective.losses.model.named_parameters()}
    assert all(gradient is not None and gradient.any() for gradient in gradients.values())
    # Along the gradient, across all chunks of the clip and their caches.
    norm = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
    step = 1e-3 / norm

    @torch.no_grad()
    def shifted(sign):
        for name, parameter in objective.losses.model.named_parameters():
            parameter += sign * step * gradients[name] / norm
        return objective(batch).item()

    slope = (shifted(1) - shifted(-2)) / (2 * step)
    assert slope == pytest.approx(norm.item(), rel=0.02)


def test_the_divergence_is_taken_in_the_normalised_latents(vae):
    batch = random_batch()
    plain = VaeObjective(vae, VaeTable(kl_weight=0))(batch)
    weighted = VaeObjective(vae, VaeTable(kl_weight=2))(batch)
    means, variances = [], []
    mean, deviation = (value.view(1, -1, 1, 1, 1) for value in (vae.mean, vae.std))
    handle = vae.model.conv1.register_forward_hook(lambda *call: means.append(call[2]))
    vae.model.encode(batch.frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1, vae.scale)
    handle.remove()
    raw, log_variance = means[0].chunk(2, dim=1)
    variances = log_variance.exp() / deviation**2
    posterior = torch.distributions.Normal((raw - mean) / deviation, variances.sqrt())
    prior = torch.distributions.Normal(0.0, 1.0)
    divergence = torch.distributions.kl_divergence(posterior, prior).mean(dim=(1, 2, 3, 4))
    torch.testing.assert_close(weighted - plain, 2 * divergence, rtol=1e-4, atol=1e-5)


def test_what_is_decoded_is_drawn_from_the_posterior(vae):
    """With next to no variance it is the mean, else mean plus deviation times noise."""
    batch, objective = random_batch(), VaeObjective(vae, VaeTable(kl_weight=0))
    silent = torch.zeros_like(noise_of(batch))
    variance = slice(48, 96)
    vae.model.conv1.bias.data[variance] = -100
    still = objective.losses(batch.frames, silent)
    torch.testing.assert_close(objective(batch), still, rtol=1e-4, atol=1e-5)
    vae.model.conv1.weight.data[variance] = 0
    vae.model.conv1.bias.data[variance] = (2 * (vae.std * 3).log()).to(torch.float32)
    mean = vae.model.encode(batch.frames.permute(0, 4, 1, 2, 3) / 127.5 - 1, vae.scale)
    decoded = []
    handle = vae.model.decoder.register_forward_hook(lambda *call: decoded.append(call[2][0]))
    objective(batch)
    vae.model.decode(mean + 3 * noise_of(batch), vae.scale)
    handle.remove()
    half = len(decoded) // 2
    for ours, theirs in zip(decoded[:half], decoded[half:], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_a_batch_is_a_function_of_its_counters(task_of):
    task = task_of()
    first, again = task.batch(range(4, 6)), task.batch(range(5, 7))
    assert first.frames.shape == (2, 9, 64, 64, 3)
    assert torch.equal(first.frames[1], again.frames[0])
    assert first.noise_keys[1] == again.noise_keys[0] != first.noise_keys[0]
    assert {task.describe(counter) for counter in range(3)} == set(task._clips.ids)


def test_weights_are_restored_exactly_under_their_published_names(task_of, vae, tmp_path):
    task = task_of()
    before = {name: tensor.clone() for name, tensor in vae.model.state_dict().items()}
    task.write_weights(tmp_path, 7)
    for parameter in vae.model.parameters():
        parameter.data.zero_()
    task.read_weights(tmp_path)
    after = vae.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_crops_are_cut_on_the_grid_and_belong_to_their_counters(task_of):
    whole, cropped = task_of(), task_of("vae.crop=32")
    places = set()
    for counter in range(24):
        clip = whole.batch(range(counter, counter + 1)).frames[0]
        batch = cropped.batch(range(counter, counter + 1))
        assert batch.frames.shape == (1, 9, 32, 32, 3)
        grid = ((top, left) for top in (0, 32) for left in (0, 32))
        places |= {
            (top, left)
            for top, left in grid
            if torch.equal(clip[:, top : top + 32, left : left + 32], batch.frames[0])
        }
    assert places == {(0, 0), (0, 32), (32, 0), (32, 32)}
    assert torch.equal(cropped.batch(range(5, 6)).frames, cropped.batch(range(4, 6)).frames[1:])


@pytest.mark.gpu
def test_recorded_steps_have_the_losses_and_gradients_of_others(tiny_wan):
    """On random weights and two batches; the second one replays what the first recorded."""

    def losses_and_slopes(is_recorded):
        vae = load_pipeline(tiny_wan, device="cuda", dtype=torch.float32, parts=("vae",)).vae
        vae.model.requires_grad_(True)
        objective = VaeObjective(vae, VaeTable())
        if is_recorded:
            objective.record(2, 9, 32)
        for seed in (0, 1):
            frames = torch.randint(
                256, (2, 9, 32, 32, 3), generator=torch.Generator().manual_seed(seed)
            )
            batch = VaeBatch(frames.byte(), torch.arange(2) + seed, torch.zeros(2).long())
            losses = objective(batch.map(lambda tensor: tensor.cuda()))
            vae.model.zero_grad()
            losses.mean().backward()
            yield losses.detach().clone()
            yield torch.cat([p.grad.flatten() for p in vae.model.parameters()])

    for ours, theirs in zip(losses_and_slopes(True), losses_and_slopes(False), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=1e-3)
