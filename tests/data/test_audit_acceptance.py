"""No shortcut finds the answer of an eyeballing puzzle: the acceptance figure, 1,000 a task."""

import pytest

from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.data.audit import audit
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.data.store import open_dataset

SAMPLES = 1000
MAX_ACCURACY = 0.3


@pytest.mark.slow
@pytest.mark.parametrize("group", ["point", "line", "shape"])
def test_shortcuts_are_at_chance(group, tmp_path):
    names = [name for name in registry.names() if name.startswith("eyeballing-")]
    tasks = [Task.of(name, {}, {}) for name in names if registry.load(name).group == group]
    request = Request(tasks, 21, FramePlan.of(17, 16), video=False)
    build(request, tmp_path / "set", SAMPLES * len(tasks), shard_size=2048, workers=2)
    report = audit(open_dataset(tmp_path / "set"))
    assert report["faults"] == []
    for heuristic, by_task in report["heuristics"].items():
        for task, found in by_task.items():
            if found["limited"] and found["n"] == SAMPLES:
                assert found["accuracy"] <= MAX_ACCURACY, (heuristic, task)
    assert all(facts["label_p"] > 0.001 for facts in report["tasks"].values())
