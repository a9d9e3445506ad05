"""The demo of tools.edit."""

from __future__ import annotations

from tests.edits import run_edit
from tfsketch.editor.batch import demo
from tfsketch.images import files as files_lib


def test_demo(editing_folder, tmp_path):
    out = tmp_path / "demo"
    assert run_edit(editing_folder, "--demo", f"--output={out}") == 0
    assert {path.name for path in out.iterdir()} == {"input.png", "sheet.png", *demo.EDITS}
    names, image = ("mask", "sketch", "color", "result"), files_lib.read_rgb(out / "input.png")
    sheet = files_lib.read_rgb(out / "sheet.png")
    assert sheet.shape[1] > 5 * 300 and sheet.shape[0] > len(demo.EDITS) * 300
    for edit in demo.EDITS:
        pictures = {name: files_lib.read_rgb(out / edit / f"{name}.png") for name in names}
        assert {p.shape for p in pictures.values()} == {image.shape}
        mask = pictures["mask"][..., 0] > 0
        assert (pictures["result"][~mask] == image[~mask]).all() and (pictures["result"][mask] != image[mask]).any()
        assert 0.002 <= mask.mean() <= 0.1
        assert (pictures["sketch"] < 128).any() == (edit != "badge")  # that one is erased without a stroke
    files = {"input": out / "input.png", **{name: out / "eyes" / f"{name}.png" for name in names}}
    result = files_lib.read_rgb(files["result"])
    # The layers are files that the tool takes, and the edit can be repeated from them.
    assert (
        run_edit(
            editing_folder,
            f"--image={files['input']}",
            f"--mask={files['mask']}",
            f"--sketch={files['sketch']}",
            f"--color={files['color']}",
            f"--output={tmp_path}/again.png",
        )
        == 0
    )
    assert (files_lib.read_rgb(tmp_path / "again.png") == result).all()
