"""`python -m vtb.train.vlm preflight|train RUN …`: one process of a run."""

from __future__ import annotations

if __name__ == "__main__":
    from vtb.train.vlm.main import main

    main()
