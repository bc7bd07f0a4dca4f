"""What ms-swift loads with `--external_plugins`: rewards, our callback, and what mends it.

ms-swift imports this file under a name of its own and puts its folder first on `sys.path`, so it
stands alone here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

# First: it mends what a torchvision of another build than torch's breaks (vtb/_torchvision.py).
import vtb.train.rewards as rewards
from vtb.core.errors import VtbError
from vtb.models.qwen3_vl.checkpoint import media_token_ids
from vtb.run.rundir import RunDirectory
from vtb.train.loop.watchdog import Limits, Watchdog
from vtb.train.vlm.completions import CompletionLog
from vtb.train.vlm.swift.callback import RunCallback, fail
from vtb.train.vlm.swift.rollouts import Rollouts
from vtb.train.vlm.swift.settings import CALLBACK, COMPLETIONS, PluginSettings

from swift.callbacks import callbacks_map  # isort: skip
from swift.rewards import ORM, orms  # isort: skip
from swift.rl_core.data import OnPolicySample  # isort: skip
from swift.template.templates.qwen import Qwen2VLTemplate  # isort: skip

# A rollout of long completions gives no sign.
LIMITS = Limits(first_s=1800.0, later_s=900.0)


def reward_class(name: str, reward: rewards.Reward, rollouts: Rollouts | None) -> type:
    """A class as ms-swift wants them; its name is that of the metric.

    In a run, the class of `vtb_correct`, which each run has, also notes the completions.
    """

    def call(self: Any, completions: list[str], **columns: Any) -> list[float]:
        is_filtered = self.args is not None and self.args.overlong_filter
        scored = rewards.counted(columns, overlong_filter=is_filtered)
        if rollouts is None:
            return reward(completions, **scored)
        if reward is rewards.vtb_correct:
            step = columns["trainer_state"].global_step + 1
            try:
                rollouts.note(step, completions, scored, columns["is_truncated"])
            except VtbError as error:
                fail(error)
        return reward(rollouts.readable(completions, columns), **scored)

    title = "".join(word.capitalize() for word in name.split("_"))
    return type(title, (ORM,), {"__call__": call, "__doc__": reward.__doc__})


def join_run(settings: PluginSettings) -> Rollouts:
    """Registers the callback of a run; returns what takes note of its completions."""
    rank, directory = int(os.environ.get("RANK", "0")), RunDirectory(settings.run)
    file = directory.backend / COMPLETIONS / f"rank-{rank}.jsonl"
    log, dog = CompletionLog(file, settings.completions_keep), Watchdog(directory, rank, LIMITS)
    rollouts = Rollouts(media_token_ids(settings.model), log, dog.beat)
    known: dict[str, Any] = callbacks_map
    known[CALLBACK] = lambda args, trainer: RunCallback(settings, rank, log, dog, rollouts.by_task)
    return rollouts


def end_empty_turns() -> None:
    """Gives a completion without any token its end.

    The engine drops the padding token, which may be all that was sampled, and a row without a
    token to train on stops the trainer: `Size does not match at dimension 1`.
    """
    apply = OnPolicySample.apply_rollout_output

    def apply_and_end(self: OnPolicySample, *, rollout_output: Any) -> None:
        apply(self, rollout_output=rollout_output)
        if not self.response_token_ids:
            self.add_eos = True

    OnPolicySample.apply_rollout_output = apply_and_end


def find_frames() -> None:
    """Has the frames of clips looked for where pictures are.

    ms-swift takes the paths in a list as they are.
    """
    template: Any = Qwen2VLTemplate
    replace = template.replace_tag

    def find_and_replace(self: Any, media_type: str, index: int, inputs: Any) -> Any:
        if media_type == "video" and isinstance(inputs.videos[index], list):
            root = Path(self.root_image_dir or "")
            inputs.videos[index] = [str(root / frame) for frame in inputs.videos[index]]
        return replace(self, media_type, index, inputs)

    template.replace_tag = find_and_replace


def _token_id(token: str) -> property:
    # The template has the published ids as constants; with others, training dies of a mismatch
    # between pictures and their tokens.
    def look_up(self: Any) -> int:
        found: int = self.tokenizer.convert_tokens_to_ids(token)
        return found

    return property(look_up)


run = PluginSettings.read(os.environ)
noted = None if run is None else join_run(run)
orms.update({name: reward_class(name, one, noted) for name, one in rewards.REWARDS.items()})
end_empty_turns()
find_frames()
template: Any = Qwen2VLTemplate
template.image_token_id = _token_id("<|image_pad|>")
template.video_token_id = _token_id("<|video_pad|>")
