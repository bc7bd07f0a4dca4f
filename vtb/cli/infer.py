"""`vtb infer`: run a model on a dataset."""

from __future__ import annotations

import typer

from vtb.cli.infer_image import image
from vtb.cli.infer_video import video
from vtb.cli.infer_vlm import vlm

app = typer.Typer(no_args_is_help=True, help="Run a model on a dataset.")


@app.callback()
def infer() -> None:
    """Run a model on a dataset."""


app.command()(video)
app.command()(image)
app.command()(vlm)
