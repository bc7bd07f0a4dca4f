"""VideoThinkBench's own way of judging pictures, to be compared with its published figures.

It is no better than it was: it takes any red for a path, so that red drawn beside the path, loops
and floods of a corridor pass, and a single stray pixel on a wall fails.
"""

from vtb.eval.videothinkbench.rule import VERSION, check

__all__ = ["VERSION", "check"]
