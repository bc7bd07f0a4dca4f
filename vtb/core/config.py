"""Frozen, strict configuration models, types of their values, and translation of their errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vtb.core.errors import UsageError, did_you_mean

# Sides of a canvas are multiples of this many px.
MULTIPLE_PX = 32


def _multiple(side_px: int) -> int:
    if side_px % MULTIPLE_PX:
        raise ValueError(f"sides of a canvas are multiples of {MULTIPLE_PX} px")
    return side_px


# Of a canvas, px: any, and one of a figure that is to be read at half its size.
Side = Annotated[int, Field(ge=MULTIPLE_PX), AfterValidator(_multiple)]
FigureSide = Annotated[int, Field(ge=224, le=2048), AfterValidator(_multiple)]
Channel = Annotated[int, Field(ge=0, le=255)]
Colour: TypeAlias = tuple[Channel, Channel, Channel]  # red, green, blue

# The allowed values in pydantic's description of a literal: "'random' or 'corners'".
_QUOTED = re.compile("'([^']+)'")


class Config(BaseModel):
    """Base of every generator configuration, style and recipe table."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ModelT = TypeVar("ModelT", bound=BaseModel)


def parse(model: type[ModelT], values: Mapping[str, Any], source: str) -> ModelT:
    """Validates `values`; raises UsageError naming the key, the value and `source`."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _usage_error(model, error, source) from None


def _usage_error(model: type[BaseModel], error: ValidationError, source: str) -> UsageError:
    # A misspelt key tells more than the one that is missing for it.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _keys_beside(model, first["loc"])
        return UsageError(
            f"unknown key `{path}`", fact=source, hint=did_you_mean(str(first["loc"][-1]), known)
        )
    if first["type"] == "missing":
        return UsageError(f"`{path}` is missing", fact=source)
    message = first["msg"].removeprefix("Value error, ")
    if not path:
        return UsageError(message, fact=source)
    expected = _QUOTED.findall(first.get("ctx", {}).get("expected", ""))
    return UsageError(
        f"`{path}` = {first.get('input')!r} is not valid",
        fact=source,
        hint=did_you_mean(str(first.get("input")), expected) or message,
    )


def _keys_beside(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = model
    for part in location[:-1]:
        annotation = current.model_fields[str(part)].annotation if isinstance(part, str) else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        current = annotation
    return list(current.model_fields)
