"""`python -m vtb.train RUN …`: one training process.

A module of its own because processes that it spawns import their parent's main module, unless that
is a `__main__`; training brings torch along.
"""

from __future__ import annotations

if __name__ == "__main__":
    from vtb.train.video import main

    main()
