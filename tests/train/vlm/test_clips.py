"""Training on clips: what is asked, what is refused, and a run of it by ms-swift."""

import json

import numpy as np
import pytest
from PIL import Image

from vtb.core.answers import wrap
from vtb.core.files import read_json_lines
from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.data.store import open_dataset
from vtb.train.vlm import questions
from vtb.train.vlm.plan import plan_vlm

GRPO = "vlm/qwen3-vl-tiny-grpo"
CLIPS = ("data.media=video", "train.backend=ms-swift", "data.video_min_tokens=4")


@pytest.fixture
def clip_job(job_of, square_clips, tmp_path):
    def open_(*overrides, **options):
        return job_of(tmp_path / "run", *CLIPS, *overrides, **{"data": square_clips} | options)

    return open_


def errors(job):
    return {check.name: check for check in plan_vlm(job).checks if check.level == "error"}


def inputs_of(processor, root, line):
    """What transformers makes of an exported line."""
    paths = line["videos"][0]
    frames = np.stack([np.asarray(Image.open(root / path).convert("RGB")) for path in paths])
    parts = [{"type": "video"}, {"type": "text", "text": line["messages"][0]["content"][7:]}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": parts}], add_generation_prompt=True, tokenize=False
    )
    facts = {"fps": 2.0, "frames_indices": [*range(len(frames))], "total_num_frames": len(frames)}
    options = {"video_metadata": [facts], "do_sample_frames": False, "do_resize": False}
    return processor(text=[text], videos=[frames], videos_kwargs=options, return_tensors="pt")


def test_a_line_has_two_frames_per_second_and_the_last(clip_job, square_clips):
    job = clip_job()
    plan = plan_vlm(job)
    assert not plan.errors
    wanted = {"IMAGE_MIN_TOKEN_NUM": "1", "VIDEO_MIN_TOKEN_NUM": "4", "FPS": "2.0"}
    assert wanted.items() <= plan.env.items()
    assert plan.env["IMAGE_MAX_TOKEN_NUM"] == plan.env["VIDEO_MAX_TOKEN_NUM"] == "768"
    assert questions.export_questions(job, "ms-swift-video").made == 40
    lines = read_json_lines(job.run.data / "train_sft.jsonl")
    rows = {row["id"]: row for row in open_dataset(square_clips).rows("train")}
    for line in lines:
        assert line["messages"][0]["content"] == "<video>" + rows[line["vtb_id"]]["prompt_vlm"]
        frames = [np.asarray(Image.open(job.run.data / path)) for path in line["videos"][0]]
        # Those of 0, 0.5 and 1.0 s, and the last at 1.25 s, which alone has a colour.
        assert [np.ptp(frame.mean((0, 1))) > 50 for frame in frames] == [False] * 3 + [True]
    record = json.loads((job.run.data / "export.json").read_text())
    assert record["settings"]["clips"]["fps"] == 2.0


def test_lengths_are_those_of_the_real_input(clip_job, tiny_qwen3_vl):
    from vtb.models.qwen3_vl.load import load_processor

    job = clip_job("data.video_min_tokens=16")
    questions.export_questions(job, "ms-swift-video")
    line = read_json_lines(job.run.data / "train_sft.jsonl")[0]
    inputs = inputs_of(load_processor(tiny_qwen3_vl), job.run.data, line)
    assert inputs["video_grid_thw"].tolist() == [[2, 8, 8]]
    assert questions.measure(job).question == inputs["input_ids"].shape[1]


def test_what_cannot_be_shown_as_clips(clip_job, squares):
    found = errors(clip_job("train.backend=trl"))
    assert "--backend ms-swift" in found["clips"].hint
    assert "--method sft" in errors(clip_job(recipe=GRPO, data=squares))["clips"].hint
    assert errors(clip_job(data=squares))["videos"].message == "50 of 50 samples have no video"
    check = errors(clip_job("data.max_frames=3"))["frames"]
    assert "4 frames at 2 per second" in check.message and "data.max_frames=4" in check.hint
    assert not errors(clip_job("data.max_frames=3", "data.fps=1"))
    assert errors(clip_job("data.video_min_tokens=90", "data.video_max_tokens=91"))["clips"]
    long = errors(clip_job("train.max_length=60"))["max_length"]
    assert "data.video_max_tokens" in long.hint


def test_labels_that_clips_lack(clip_job, tmp_path):
    task = Task.of("maze-square", {"rows": 5, "cols": 5}, {"cell": 16})
    mazes = tmp_path / "mazes"
    build(Request([task], 0, FramePlan.of(17, 16), True, split="train"), mazes, 10)
    check = errors(clip_job(data=mazes))["clips"]
    assert "`maze_square` is asked about labels" in check.message


@pytest.mark.slow
def test_ms_swift_learns_what_only_the_end_of_clips_shows(clip_job, square_clips, tiny_qwen3_vl):
    pytest.importorskip("swift")
    import torch

    from vtb.models.qwen3_vl.load import load_model, load_processor
    from vtb.train.vlm.stages import run_vlm_job

    torch.set_num_threads(1)
    job = clip_job("train.steps=200", "save.every=200")
    outcome = run_vlm_job(job, warn=print)
    events = read_json_lines(job.run.events)
    assert events[-1]["token_acc"] >= 0.99
    assert "| clips | 2 frames per second" in (outcome.final / "README.md").read_text()
    model, processor = load_model(outcome.final), load_processor(tiny_qwen3_vl)
    right = 0
    lines = read_json_lines(job.run.data / "train_sft.jsonl")
    for line in lines:
        inputs = inputs_of(processor, job.run.data, line)
        ids = model.generate(**inputs, max_new_tokens=16, do_sample=False)
        said = processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        right += said == wrap(line["solution"])
    assert right >= 39
