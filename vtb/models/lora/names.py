"""The names of linear layers: original, in diffusers, and in the files of kohya's tools."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Naming:
    """One kind of transformer, whose `blocks` are in a list of that name.

    `inner` and `outer` map original names to those in diffusers, within a block and outside.
    kohya's tools write `_` for `.`; which is which follows from the same tables.
    """

    blocks: str
    inner: Mapping[str, str]
    outer: Mapping[str, str]

    def in_diffusers(self, module: str) -> str:
        """A layer's name in diffusers; one that is not in the tables stays."""
        return self._renamed(module, self.inner, self.outer)

    def original(self, name: str) -> str:
        """The original name of a layer as diffusers calls it, or as it is."""
        return self._renamed(name, _inverse(self.inner), _inverse(self.outer))

    def from_kohya(self, name: str) -> str:
        """The original name of a layer whose name has no dots."""
        match = re.fullmatch(rf"{self.blocks}_(\d+)_(.+)", name)
        if match is None:
            return _dotted(self.outer).get(name, name)
        return f"{self.blocks}.{match[1]}.{_dotted(self.inner).get(match[2], match[2])}"

    def _renamed(self, name: str, inner: Mapping[str, str], outer: Mapping[str, str]) -> str:
        match = re.fullmatch(rf"({self.blocks}\.\d+\.)(.+)", name)
        if match is None:
            return outer.get(name, name)
        return match[1] + inner.get(match[2], match[2])


def _inverse(names: Mapping[str, str]) -> dict[str, str]:
    return {theirs: ours for ours, theirs in names.items()}


def _dotted(names: Iterable[str]) -> dict[str, str]:
    return {name.replace(".", "_"): name for name in names}


WAN = Naming(
    blocks="blocks",
    inner={
        "ffn.0": "ffn.net.0.proj",
        "ffn.2": "ffn.net.2",
        **{
            f"{ours}.{layer}": f"{theirs}.to_{renamed}"
            for ours, theirs in (("self_attn", "attn1"), ("cross_attn", "attn2"))
            for layer, renamed in (("q", "q"), ("k", "k"), ("v", "v"), ("o", "out.0"))
        },
    },
    outer={
        "head.head": "proj_out",
        "time_projection.1": "condition_embedder.time_proj",
        **{
            f"{kind}_embedding.{ours}": f"condition_embedder.{kind}_embedder.linear_{theirs}"
            for kind in ("text", "time")
            for ours, theirs in ((0, 1), (2, 2))
        },
    },
)
# Published in the layout of diffusers.
QWEN_IMAGE = Naming(
    blocks="transformer_blocks",
    inner={
        name: name
        for name in (
            *(f"attn.to_{layer}" for layer in ("q", "k", "v", "out.0", "add_out")),
            *(f"attn.add_{layer}_proj" for layer in ("q", "k", "v")),
            *(f"{stream}_mod.1" for stream in ("img", "txt")),
            *(f"{s}_mlp.net.{layer}" for s in ("img", "txt") for layer in ("0.proj", "2")),
        )
    },
    outer={
        name: name
        for name in (
            "img_in",
            "txt_in",
            "norm_out.linear",
            "proj_out",
            "time_text_embed.timestep_embedder.linear_1",
            "time_text_embed.timestep_embedder.linear_2",
        )
    },
)


def naming_of(names: Iterable[str]) -> Naming:
    """Whose layers these are, from their names in any layout."""
    return QWEN_IMAGE if any(QWEN_IMAGE.blocks in name for name in names) else WAN
