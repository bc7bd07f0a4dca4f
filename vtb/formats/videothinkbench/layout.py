"""Names in VideoThinkBench's dataset folder."""

from __future__ import annotations

MANIFEST_NAME = "canonical_manifest.jsonl"
REPORT_NAME = "generation_report.json"
LIST_NAME = "data.json"
TASKS_NAME = "tasks"
TASK_GROUPS = frozenset({"eyeballing", "maze", "visual_puzzle"})
