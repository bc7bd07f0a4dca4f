"""`python -m vtb.train.image RUN …`: one training process."""

from __future__ import annotations

if __name__ == "__main__":
    from vtb.train.image.main import main

    main()
