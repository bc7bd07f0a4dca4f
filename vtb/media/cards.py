"""One sample as a card: puzzle, truth, what was predicted and how it was judged."""

from __future__ import annotations

from vtb.core.errors import UnreadableError
from vtb.core.types import Array, Prediction, Sample, Verdict

from .html import THUMB_PX, Card, Figure, Tone, thumbnail
from .judge import shown_picture

SHOWN_TEXT_CHARS = 400
# The colours that every family's overlay uses.
OVERLAY_LEGEND = (
    "In the verdict pictures green is right, yellow too much, blue missing, magenta forbidden."
)


def sample_card(
    sample: Sample,
    prediction: Prediction | None = None,
    verdict: Verdict | None = None,
    *,
    badge: str = "",
    side_px: int = THUMB_PX,
) -> Card:
    """The card of a sample loaded with pixels, in pictures of at most `side_px`.

    It shows the sample's clip when it was loaded, and the verdict's reason unless there is another
    `badge`.
    """
    pictures: dict[str, Array | None] = {
        "puzzle": sample.puzzle,
        "truth": sample.solution,
        "prediction": _shown(prediction),
        "verdict": verdict.overlay if verdict else None,
    }
    figures = [thumbnail(name, p, side_px) for name, p in pictures.items() if p is not None]
    if sample.video is not None:
        figures.append(Figure("solution clip", sample.video, "video/mp4"))
    return Card(
        title=sample.id,
        badge=badge or (verdict.reason.replace("_", " ") if verdict else ""),
        tone=_tone(verdict),
        figures=figures,
        lines=[_text(prediction), _details(verdict) if verdict else f"answer {sample.answer}"],
    )


def _tone(verdict: Verdict | None) -> Tone:
    if verdict is None or verdict.score is None:
        return "none"
    return "pass" if verdict.passed else "fail"


def _shown(prediction: Prediction | None) -> Array | None:
    if prediction is None or prediction.kind == "text":
        return None
    try:
        return shown_picture(prediction)
    except UnreadableError:
        return None


def _text(prediction: Prediction | None) -> str:
    text = (prediction.text or "") if prediction else ""
    return text[:SHOWN_TEXT_CHARS] + "…" * (len(text) > SHOWN_TEXT_CHARS)


def _details(verdict: Verdict) -> str:
    """The verifier's numbers and short texts in one line, without its lists."""
    return " · ".join(
        f"{name.replace('_', ' ')} {_number(value)}"
        for name, value in verdict.details.items()
        if not isinstance(value, list | dict)
    )


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
