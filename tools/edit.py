"""Edits photographs by mask, sketch and colour strokes, or draws them from sketches alone: one, or folders of them.

    python -m tools.edit --image=photo.jpg --mask=mask.png --sketch=sketch.png --color=color.png --output=edited.png
    python -m tools.edit --image=photo.jpg --strokes=edits.json --output=edited.png
    python -m tools.edit photo.jpg edits.json                   # the same, into photo_edited.png
    python -m tools.edit --image=photos --mask=masks --sketch=sketches --output=edited
    python -m tools.edit --model=cali_sketch --sketch=drawing.png --output=drawn.png
    python -m tools.edit --model=contextual_gan --sketch=drawing.png --results=4 --output=drawn.png
    python -m tools.edit --model=contextual_gan --image=face.jpg --output=sketch.png
    python -m tools.edit --demo --output=out/demo

Masks are white where the picture is to be drawn anew. In folders, files belong together that have the same name but for
the suffix. A picture that cannot be edited is named and skipped; the exit status is then 1. A drawing leaves its
redrawn lines beside it, as NAME_refined.png. contextual_gan completes a sketch or a photograph, several times, the
best first: NAME.png, NAME_2.png and on. Results keep the photograph's metadata, and say that they were edited.
"""

import pathlib
import sys

from absl import flags
from tqdm import tqdm

from tfsketch import batch, cli, editor, zoo
from tfsketch.errors import TfsketchError

_IMAGE = flags.DEFINE_string("image", None, "Photograph, or a folder of them.")
_MASK = flags.DEFINE_string("mask", None, "Mask, white = draw anew; or a folder of them.")
_SKETCH = flags.DEFINE_string("sketch", None, "Lines, white on black, black on white or on transparency; or a folder.")
_COLOR = flags.DEFINE_string("color", None, "Colour strokes as PNG, on transparent or black paper; or a folder.")
_STROKES = flags.DEFINE_string("strokes", None, "Strokes as JSON, over the layers above; or a folder.")
_MODEL = flags.DEFINE_string("model", zoo.SHIPPED[0], "A shipped model's name, or a model directory.")
_OUTPUT = flags.DEFINE_string(
    "output", None, "A .png file or a folder; a folder for folders. By default beside the photograph, as NAME_edited."
)
_SIDE = flags.DEFINE_integer(
    "side", None, "Working side in pixels; by default the model's own. A larger one is sharper, and less sure."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the noise, or of the search.", lower_bound=0)
_FILL = flags.DEFINE_float(
    "fill",
    None,
    "For sketches alone: share of the photograph that the paper takes, 1 for a drawing framed like a portrait, about "
    "0.6 for a face that fills its paper; by default what suits the drawing best.",
)
_RESULTS = flags.DEFINE_integer(
    "results", 4, "How many different photographs of a sketch, or sketches of a photograph, contextual_gan makes.", 1
)
_CONCAT = flags.DEFINE_bool("concat", False, "Write input, mask, sketch, colour (or lines) and result side by side.")
_DEMO = flags.DEFINE_bool("demo", False, "Edit scikit-image's portrait by ready-made strokes into the folder --output.")
_MARK = flags.DEFINE_bool("mark", True, "Say in the result's metadata (IPTC's, in XMP) that it was edited.")


def _main(argv: list[str]) -> int:
    for name, path in batch.sort_files(argv[1:], [f.name for f in (_IMAGE, _MASK, _STROKES) if f.value]).items():
        flags.FLAGS[name].value = path
    source = _IMAGE.value or _SKETCH.value
    output = _OUTPUT.value or batch.default_output(source, _DEMO.value)
    partners = {f.name: f.value for f in (_MASK, _SKETCH, _COLOR, _STROKES)}
    if _DEMO.value:
        if _IMAGE.value or any(partners.values()):
            raise TfsketchError(
                "--demo: expected no other picture, found one in --image, --mask, --sketch, --color or --strokes"
            )
        for file in batch.edit_demo(editor.Editor(zoo.load_model(_MODEL.value), _SIDE.value), output, _SEED.value):
            print(file)
        return 0
    if not source:
        raise TfsketchError(
            "--image: expected a photograph or a folder of them (or --sketch alone with a model that draws, such as "
            "cali_sketch, or --demo), found none"
        )
    model = editor.Editor(zoo.load_model(_MODEL.value), _SIDE.value)
    results = _RESULTS.value if model.completes else 0
    jobs, skipped = batch.find_jobs(_IMAGE.value, output, results, **partners)
    single = not pathlib.Path(source).is_dir()
    for line in skipped:
        print(line, file=sys.stderr)
    failed = len(skipped)
    edits = batch.edit_files(model, jobs, _SEED.value, _CONCAT.value, _FILL.value, _MARK.value)
    with tqdm(edits, total=len(jobs), unit="picture", disable=single) as progress:
        for outcome in progress:
            for note in outcome.notes:
                progress.write(note)
            if outcome.error and single:
                raise outcome.error
            if outcome.error:
                progress.write(f"{outcome.job.source}: skipped: {outcome.error}", file=sys.stderr)
                failed += 1
    place = jobs[0].output if single else output
    print(f"{len(jobs) + len(skipped) - failed} edited into {place}, {failed} skipped")
    return 1 if failed else 0


def main() -> None:
    cli.run(_main, arguments=2)


if __name__ == "__main__":
    main()
