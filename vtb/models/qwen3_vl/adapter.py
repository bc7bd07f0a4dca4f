"""PEFT adapters of Qwen3-VL models, as both training backends save them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from vtb.core.errors import UnreadableError
from vtb.core.files import read_json
from vtb.models.lora.file import Lora, paired

ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
# Settings of peft with which an adapter is more, or other, than alpha / rank * B A on its base.
OTHER_UPDATES = (
    "use_rslora",
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "alora_invocation_tokens",
)
# These begin with A and B taken out of the base's weights, which are others from then on.
OTHER_BASES = ("pissa", "corda", "olora", "loftq", "lora_ga")
KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<half>[AB])\.weight")


def adapter_file(path: Path) -> Path:
    """The `adapter_model.safetensors` that `path` is, or that the directory holds."""
    return path / ADAPTER if path.is_dir() else path


def read_adapter(path: Path) -> Lora:
    """The updates in an `adapter_model.safetensors`, by the layer's name, on the CPU.

    Their alphas are those of the `adapter_config.json` beside it. Raises UnreadableError when
    either file is damaged, when the second asks for more than plain LoRA, or when the first holds
    nothing, other tensors too, or half a pair.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in list(file.keys())}
            metadata = dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise UnreadableError(f"`{path}` is no safetensors file", fact=str(error)) from error
    config = path.with_name(ADAPTER_CONFIG)
    _require_plain(config)
    alpha = _Alpha(config)
    pairs = {
        module: paired(path, module, halves.get("A"), halves.get("B"), alpha.of(module))
        for module, halves in _halves(path, tensors).items()
    }
    return Lora(pairs, metadata, str(path), "peft")


def _require_plain(path: Path) -> None:
    config = read_json(path)
    asked = [key for key in OTHER_UPDATES if config.get(key)]
    if config.get("bias", "none") != "none":
        asked.append("bias")
    if str(config.get("init_lora_weights")).lower().startswith(OTHER_BASES):
        asked.append("init_lora_weights")
    if asked:
        raise UnreadableError(
            f"`{path.parent}` holds no plain LoRA adapter",
            fact=", ".join(f"{key} is {json.dumps(config[key])}" for key in asked),
            hint="merge it into its base with peft, then use that as --model",
        )


def _halves(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    modules: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        match = KEY.fullmatch(key)
        if match is None:
            raise UnreadableError(f"`{path}` is no LoRA adapter", fact=f"it holds `{key}`")
        modules.setdefault(match["module"], {})[match["half"]] = tensor
    if not modules:
        raise UnreadableError(f"`{path}` is no LoRA adapter", fact="it holds no tensors")
    return modules


class _Alpha:
    """The alpha of each module: the one for all, or that of the first pattern its name ends in."""

    def __init__(self, path: Path) -> None:
        config = read_json(path)
        patterns: Mapping[str, Any] = config.get("alpha_pattern") or {}
        try:
            self._default = float(config["lora_alpha"])
            self._patterns = {
                re.compile(rf"(.*\.)?({end})"): float(alpha) for end, alpha in patterns.items()
            }
        except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
            raise UnreadableError(
                f"`{path}` is damaged", fact="`lora_alpha` or `alpha_pattern` is wrong"
            ) from error

    def of(self, module: str) -> float:
        """The alpha of the module of that name."""
        found = (alpha for end, alpha in self._patterns.items() if end.fullmatch(module))
        return next(found, self._default)
