"""Where downloads and encoded samples are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """`VTB_HOME`, else the platform's cache directory of this user; absolute, may not exist yet."""
    home = os.environ.get("VTB_HOME")
    if home:
        return Path(home).expanduser().resolve()
    from platformdirs import user_cache_path

    return user_cache_path("vtb", appauthor=False)
