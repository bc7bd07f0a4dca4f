import json

from vtb.data.export import export


def test_lines_name_the_files_of_a_moved_folder(mazes, tmp_path):
    export(mazes, "files", tmp_path / "made", split="all", language="en")
    root = (tmp_path / "made").rename(tmp_path / "moved")
    text = (root / "samples.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    rows = list(mazes.rows())
    assert [line["id"] for line in lines] == [row["id"] for row in rows]
    for line, row in zip(lines, rows, strict=True):
        for column in ("image", "image_vlm", "solution", "video"):
            assert (root / line[column]).read_bytes() == row[column]["bytes"]
        assert line["prompts"] == {
            "video": row["prompt"],
            "image": row["prompt_image"],
            "vlm": row["prompt_vlm"],
        }
        assert (line["answer"], line["split"]) == (row["answer"], row["split"])
        assert line["instance"] == json.loads(row["instance"])
    assert {path.name for path in root.iterdir() if path.is_dir()} == {
        "images",
        "images_vlm",
        "solutions",
        "videos",
    }
