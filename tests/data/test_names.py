from pathlib import Path

import pytest

from vtb.core.errors import UnreadableError
from vtb.data.names import sample_file


def test_a_plain_id_names_a_file(tmp_path):
    assert sample_file(tmp_path, "maze_square-0123-s1", ".mp4") == (
        tmp_path / "maze_square-0123-s1.mp4"
    )


@pytest.mark.parametrize("sample_id", ["", ".", "..", "../x", "/etc/x", "a/b", "a\\b", "a\0b"])
def test_an_id_cannot_leave_the_directory(sample_id):
    with pytest.raises(UnreadableError, match="cannot name a file"):
        sample_file(Path("out"), sample_id, ".mp4")
