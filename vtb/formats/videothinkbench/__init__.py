"""VideoThinkBench's dataset folder: one folder per task, and a manifest over all of them.

`tasks/<task>/data.json` lists the records of a task, with paths relative to the task's folder;
`canonical_manifest.jsonl` has a line per sample. The benchmark's own tool writes absolute paths
there, which break when the folder moves; ours are relative to the manifest.
"""

from vtb.formats.videothinkbench.layout import TASK_GROUPS
from vtb.formats.videothinkbench.reader import FolderSample, is_folder, read
from vtb.formats.videothinkbench.writer import write

__all__ = ["TASK_GROUPS", "FolderSample", "is_folder", "read", "write"]
