"""A plugin for tests: a reward that any policy can raise, and one that counts empty completions."""

from swift.rewards import ORM, orms


class VtbShareOfA(ORM):
    """The share of the letter a in a text."""

    def __call__(self, completions, **columns):
        return [text.count("a") / max(1, len(text)) for text in completions]


class VtbIsEmpty(ORM):
    """Whether there is no token."""

    def __call__(self, completions, **columns):
        return [float(not ids) for ids in columns["response_token_ids"]]


orms.update(share_of_a=VtbShareOfA, is_empty=VtbIsEmpty)
