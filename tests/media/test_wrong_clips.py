import numpy as np

from vtb.media.video import read_frames
from vtb.media.wrong_clips import wrong_clips


def test_clips_show_the_solution_only_where_it_does_not_count():
    puzzle, solved = (np.full((32, 32, 3), grey, np.uint8) for grey in (0, 200))
    shown = {
        name: [round(float(frame.mean()), -2) for frame in read_frames(clip)]
        for name, clip in wrong_clips(puzzle, solved)
    }
    assert shown == {
        "video_unsolved": [0, 0, 0, 0, 0],
        "video_late": [0, 0, 0, 0, 200],
        "video_undone": [200, 200, 200, 0, 0],
    }
