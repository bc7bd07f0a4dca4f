"""Pictures of a batch at once: the same numbers as transformers', picture by picture."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

IMAGE, VIDEO = 1, 2


@pytest.fixture
def plain(tiny_qwen3_vl: Any) -> Any:
    return transformers.AutoModelForImageTextToText.from_pretrained(tiny_qwen3_vl)


def layout(*samples: list[int], left: bool) -> tuple[Any, Any]:
    """Kinds and mask of samples that are padded to the longest."""
    length = max(map(len, samples))
    kinds, mask = torch.zeros(len(samples), length).int(), torch.zeros(len(samples), length).long()
    for row, sample in enumerate(samples):
        place = slice(length - len(sample), None) if left else slice(len(sample))
        kinds[row, place] = torch.tensor(sample).int()
        mask[row, place] = 1
    return kinds, mask


@pytest.mark.parametrize("left", [True, False])
def test_positions_are_those_of_transformers(plain: Any, left: bool) -> None:
    from vtb.models.qwen3_vl.batched import rope_index

    kinds, mask = layout(
        [0, 0, *[IMAGE] * 6, 0, 0, 0],
        [0, *[VIDEO] * 4, 0, *[VIDEO] * 4, 0, *[IMAGE] * 2, 0],
        [0, 0, 0],
        [*[IMAGE] * 9],
        left=left,
    )
    arguments = {
        "input_ids": torch.zeros_like(kinds).long(),
        "mm_token_type_ids": kinds,
        "image_grid_thw": torch.tensor([[1, 4, 6], [1, 4, 2], [1, 6, 6]]),
        "video_grid_thw": torch.tensor([[2, 4, 4]]),
        "attention_mask": mask,
    }
    expected = plain.model.get_rope_index(**arguments)
    found = rope_index(2, **arguments)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_positions_of_text_alone(plain: Any) -> None:
    from vtb.models.qwen3_vl.batched import rope_index

    ids = torch.zeros(2, 5).long()
    expected = plain.model.get_rope_index(ids, ids.int())
    found = rope_index(2, ids, ids.int())
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize(
    "grids",
    [
        pytest.param([[1, 4, 6], [1, 4, 6]], id="of one size"),
        pytest.param([[1, 4, 6], [1, 6, 6], [2, 4, 4]], id="of several sizes"),
        pytest.param([[1, 2, 2], [1, 2, 2], [1, 2, 2], [1, 16, 16]], id="mostly padding"),
    ],
)
def test_features_and_gradients_of_pictures(plain: Any, grids: list[list[int]]) -> None:
    from vtb.models.qwen3_vl.batched import batch_pictures

    batched = deepcopy(plain)
    batch_pictures(batched)
    grid = torch.tensor(grids)
    pixels = torch.randn(int(grid.prod(1).sum()), 1536, generator=torch.Generator().manual_seed(0))
    results = []
    for model in (plain, batched):
        model.zero_grad()
        features = model.model.visual(pixels, grid_thw=grid).pooler_output
        features.square().sum().backward()
        results.append((features.detach(), model.model.visual.blocks[0].attn.qkv.weight.grad))
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-5)


def test_weights_keep_their_names(plain: Any) -> None:
    from vtb.models.qwen3_vl.batched import batch_pictures

    batched = deepcopy(plain)
    batch_pictures(batched)
    assert list(batched.state_dict()) == list(plain.state_dict())
