import pytest

from vtb.core.errors import MissingEnvironmentError
from vtb.run import extras


def test_names_what_is_missing_and_the_cure(monkeypatch):
    monkeypatch.setattr(extras, "TRAIN_MODULES", ("json", "no_such_module"))
    with pytest.raises(MissingEnvironmentError, match="no_such_module") as caught:
        extras.require_train_extra()
    assert caught.value.exit_code == 4 and "[train]" in caught.value.hint
