"""Frozen, strict configuration models and the translation of their errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from vtb.core.errors import UsageError, did_you_mean

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
