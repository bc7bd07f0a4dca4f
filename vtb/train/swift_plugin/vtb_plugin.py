"""What ms-swift loads with `--external_plugins`: our rewards, and the media tokens of any model.

ms-swift imports this file under a name of its own and puts its folder first on `sys.path`, so it
stands alone here.
"""

from __future__ import annotations

from typing import Any

# First: it mends what a torchvision of another build than torch's breaks (vtb/_torchvision.py).
import vtb.train.rewards as rewards

from swift.rewards import ORM, orms  # isort: skip
from swift.template.templates.qwen import Qwen2VLTemplate  # isort: skip


def reward_class(name: str, reward: rewards.Reward) -> type:
    """A class as ms-swift wants them; its name is that of the metric."""

    def call(self: Any, completions: list[str], **columns: Any) -> list[float]:
        return reward(completions, **columns)

    title = "".join(word.capitalize() for word in name.split("_"))
    return type(title, (ORM,), {"__call__": call, "__doc__": reward.__doc__})


def _token_id(token: str) -> property:
    # The template has the published ids as constants; with others, training dies of a mismatch
    # between pictures and their tokens.
    def look_up(self: Any) -> int:
        found: int = self.tokenizer.convert_tokens_to_ids(token)
        return found

    return property(look_up)


orms.update({name: reward_class(name, reward) for name, reward in rewards.REWARDS.items()})
template: Any = Qwen2VLTemplate
template.image_token_id = _token_id("<|image_pad|>")
template.video_token_id = _token_id("<|video_pad|>")
