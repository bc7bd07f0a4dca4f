# `just` alone lists the recipes; each line also works by hand.
default:
    @just --list

# install everything, CPU build of torch
setup:
    pip install -c constraints-cpu.txt -e '.[train,dev]'

# ruff, pyright, import-linter, codespell
check:
    bash .ci/check

# the default tests, below five minutes on two cores
test:
    pytest

# the heavier tests: full chains, many kills
slow:
    pytest -m slow

# tests that need an accelerator
gpu:
    pytest -m gpu

# kill and disk-full tests, more repetitions
crash:
    pytest -m 'slow or not slow' tests/crash tests/core/test_files.py

# the whole loop with tiny models
demo:
    vtb demo

# rewrite golden files and show what changed
golden:
    VTB_REWRITE_GOLDEN=1 pytest tests/generators tests/property tests/cli
    git diff --stat tests/golden

# docs/GALLERY.md: every registered generator with pictures
gallery:
    python -m vtb.data.gallery docs

# side-by-side speed measurements
bench:
    python benchmarks/puzzles.py

# what .ci/run does
ci:
    bash .ci/run
