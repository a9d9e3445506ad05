"""What every binary does around its call: installed commands explain themselves, and mistakes cost no time."""

import json
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest
from PIL import Image

from tfsketch.config import shipped
from tfsketch.errors import ConfigError, WeightsError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _run(command: list[str], cwd: str | os.PathLike = ROOT, **more) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd, **more)


def test_an_installed_command_explains_itself(tmp_path):
    """Started as the stub that pip writes starts it, whose module has neither flags nor documentation."""
    stub = tmp_path / "tfsketch-edit"
    stub.write_text("import sys\nfrom tools.edit import main\nsys.exit(main())\n")
    process = _run([sys.executable, str(stub), "--help"])
    assert "Edits photographs by mask" in process.stdout and "--style_from" in process.stdout
    assert "    tfsketch-edit --image=photo.jpg" in process.stdout and "python -m tools" not in process.stdout
    assert process.returncode == 0
    other = tmp_path / "tfsketch-app"
    other.write_text("from tools.app import main\nmain()\n")
    assert "see tfsketch-edit --precision" in _run([sys.executable, str(other), "--help"]).stdout.replace("\n    ", " ")
    wrong = _run([sys.executable, str(stub), "--imgae=a.png"])
    assert wrong.returncode == 2 and wrong.stderr.startswith("tfsketch-edit: Unknown command line flag 'imgae'")
    assert "usage: tfsketch-edit --image=" in wrong.stderr and len(wrong.stderr.splitlines()) <= 4


SMOKE = "--config=sc_fegan_smoke_64"
MISTAKES = {
    "edit --image=nowhere.jpg --mask=m.png": "--image: expected a file or a folder, found nothing at nowhere.jpg",
    "edit --image=README.md --model=sc_fegam": "did you mean 'sc_fegan'?",
    "edit": "--image: expected a photograph",
    "edit --mask=m.png": "usage: python -m tools.edit --image=photo.jpg",
    "edit a b c": "expected at most 2 files beside flags",
    "edit --image=README.md": "expected a mask or strokes, found neither; --mask=FILE",
    "edit --image=README.md --mask=docs/a.png --output=x.gif": "expected a file of .avif",
    "edit --image=README.md --mask=README.md --format=gif": "expected a file of .avif",
    "edit --image=README.md --mask=README.md --results=3": "--results: expected a model that draws or completes",
    "edit --image=README.md --mask=README.md --output=README.md/x.png": "--output: expected a folder, or a place for",
    "edit --image=README.md --mask=docs/a.png --output=README.md": "expected a folder, or a file with a suffix of",
    "edit --sketch=README.md --model=cali_sketch --fill=2": "fill: expected a share above 0 and at most 1, found 2.0",
    "edit --sketch=README.md": "--image: expected a photograph, which this model edits, found none",
    "edit --image=README.md --model=cali_sketch": "--image: expected none, but --sketch alone, of which this model",
    "edit --image=README.md --mask=README.md --style_image=README.md": "--style_image: expected a model that restyles",
    "edit --image=README.md --region=hair": "--region: expected a model that restyles, such as region_edit",
    "edit --image=README.md --model=region_edit": "--style_image: expected a photograph whose style is taken",
    "edit --image=README.md --model=region_edit --style_image=README.md --region=hare": "region: expected face or one",
    "edit --image=README.md --model=region_edit --style_image=README.md --steps=1": "steps: expected 2 to 100, found 1",
    "edit --image=README.md --grid --mask=README.md": "--grid: expected photographs and styles alone",
    "train --config=sc_fegan_smoke_65 --model_dir=x": "did you mean 'sc_fegan_smoke_64'?",
    "train --config=sc_fegan_smoke_64": "expected --model_dir=FOLDER",
    "train --model_dir=x": "tools.train: --config: expected a value, found none\nusage: ",
    f"train {SMOKE} --model_dir=x --set train.stepz=3": "--set train: unknown key 'stepz'; did you mean 'train.phases",
    f"train {SMOKE} --model_dir=x --set train.batch_size=many": "--set train.batch_size: expected int, found 'many'",
    f"train {SMOKE} --model_dir=x --set train.batch_size": "expected key=value",
    f"train {SMOKE} --model_dir=x --set train.log_every=0": "--set train.log_every: expected at least 1, found 0",
    f"train {SMOKE} --model_dir=x --set image_size=65": "image_size: expected a multiple of",
    f"train {SMOKE} --model_dir=README.md --set data.train=docs --set data.validation=": "found a file at ",
    f"train {SMOKE} --model_dir=x --set data.train=nothing": "data.train: expected a folder of shards or of photogr",
    f"train {SMOKE} --model_dir=x --set data.train=docs --set data.validation=nothing": "with --set data.validation=",
    "train --config=README.md --dry_run": "README.md: expected",
    f"train {SMOKE} --model_dir=x --set data.train=no --set data.service=grpc://a:1": "data.train: expected a folder",
    "export --model=nothing --output=x": "in nothing",
    "export --model=sc_fegn --output=x": "in sc_fegn; did you mean 'sc_fegan'?",
    "export --model=docs --output=x": "found no config.yaml and no weights.npz in docs",
    "export --model=sc_fegan --output=x --data=nothing": "--data: expected a folder of shards or of photographs, found",
    "export --model=contextual_gan --format=web --output=x": "expected a model that edits, draws or restyles",
    "export --model=sc_fegan --format=web --variant=all --output=x": "variant: expected one for --format=web",
    "evaluate --data=docs --output=README.md/x": "--output: expected a folder, or a place for one, at README.md/x",
    "export --model=sc_fegan --format=web --output=docs": "--output: expected a new or an empty folder",
    "export --model=sc_fegan --output=README.md": "--output: expected a folder, or a place for one, at README.md",
    "export --model=sc_fegan --format=tflite --output=README.md/x.tflite": "at README.md, found a file at ",
    f"prepare_data --input=docs --output=README.md {SMOKE}": "--output: expected a folder, or a place for one",
    "evaluate --data=nothing --output=x": "--data: expected a folder of shards or of photographs",
    "evaluate --data=docs --output=x --model=cali_sktech": "in cali_sktech",
    "evaluate --data=docs --output=x --protocol=regions": "protocol: expected one for a model of sc_fegan (free_form",
    f"prepare_data --input=nothing --output=x {SMOKE}": "found nothing at nothing",
    f"prepare_data --input=docs --output=x {SMOKE} --set prepare.regoins=none": "did you mean 'regions'?",
    f"prepare_data --input=docs --output=x {SMOKE} --set prepare.workers": "expected key=value",
    f"prepare_data --input=docs --output=x {SMOKE} --exclude=nothing": "--exclude: expected a file, found nothing at",
    f"prepare_data --input=docs --output=x {SMOKE} --beam=--x=1": "--beam: expected --runner beside it",
    "app --model=nothing": "found nothing at nothing",
    "app --port=many": "flag --port=many: expected a whole number, found 'many'",
    "edit --image=README.md --mask=README.md --level=much": "flag --level=much: expected a number, found 'much'",
    "benchmark": "expected one of pipeline, projection",
    "benchmark pipelien": "expected one of pipeline, projection",
    "benchmark pipeline --set train.stepz=3": "unknown key 'stepz'",
    "benchmark runtimes": "--data: expected a folder",
    "benchmark edits --markdown=docs": "--markdown: expected a file, found a folder at docs",
    "conditions --output=x --markdown=README.md/x.md": "--markdown: expected a folder, or a place for one, at R",
    "evaluate --data=docs --output=x --markdown=docs": "--markdown: expected a file, found a folder at docs",
    "export --output=x --markdown=docs": "--markdown: expected a file, found a folder at docs",
    "conditions --output=x --set sketch.stlye=xdog": "unknown key 'stlye'; did you mean 'style'?",
    "conditions --output=x --image=nothing": "--image: expected a photograph, found no file at nothing",
    "convert_sc_fegan --checkpoint=nothing --output=x": "nothing: expected a checkpoint's prefix",
    f"data_worker {SMOKE} --set data.train=nothing": "data.train: expected a folder of shards or of photographs",
    f"data_worker {SMOKE} --set data.tarin=nothing": "unknown key 'tarin'; did you mean 'train'?",
    f"prune {SMOKE} --data=nothing --output=x": "--data: expected a folder of shards or of photographs",
    f"slim {SMOKE} --data=nothing --output=x": "tools.slim is now tools.prune",
    f"prune {SMOKE} --data=docs --output=x --set model.genrator=1": "did you mean 'generator'?",
}
"""Wrong call -> what it is told."""
TOOLS = sorted({path.stem for path in (ROOT / "tools").glob("[a-z]*.py")} - {"slim"})  # whose help is prune's


@pytest.fixture(name="answers", scope="module")
def _answers(tmp_path_factory) -> dict[str, tuple[int, str]]:
    """(exit status, all that was said) of every wrong call and of every --help, where TensorFlow cannot be imported: by
    forks of one process, which imports once what every binary needs."""
    code = """
        import io, json, os, sys
        import absl.app, cv2, numpy, PIL.Image, yaml
        sys.modules["tensorflow"] = None  # importing it is then an error
        for call in json.load(sys.stdin):
            name, *arguments = call.split()
            reading, writing = os.pipe()
            if not os.fork():
                os.dup2(writing, 1), os.dup2(writing, 2)
                sys.argv = [f"tools/{name}.py", *arguments]
                try:
                    __import__(f"tools.{name}", fromlist=["main"]).main()
                except SystemExit as error:
                    sys.stdout.flush()  # the exit below flushes nothing, and into a pipe Python buffers
                    os.write(writing, f"\\n{error.code}".encode())
                except BaseException as error:
                    os.write(writing, f"Traceback: {error!r}\\n1".encode())
                os._exit(0)
            os.close(writing)
            said = os.fdopen(reading, errors="replace").read()
            os.wait()
            print(json.dumps([call, said]), flush=True)
    """
    calls = [*MISTAKES, *(f"{name} --help" for name in TOOLS)]
    # A folder to write to, which Bazel's sandbox, with links to the sources, is not.
    folder = tmp_path_factory.mktemp("calls")
    (folder / "README.md").write_text("A text, and no picture.")
    (folder / "docs").mkdir()
    Image.new("RGB", (80, 80)).save(folder / "docs" / "a.png")
    process = _run([sys.executable, "-c", textwrap.dedent(code)], folder, input=json.dumps(calls))
    assert process.returncode == 0, process.stderr
    answers = {}
    for call, output in map(json.loads, process.stdout.splitlines()):
        text, _, status = output.rpartition("\n")
        answers[call] = (int(status), text)
    return answers


@pytest.mark.parametrize("call", MISTAKES)
def test_a_mistake_is_told_before_tensorflow_is_imported(answers, call):
    status, text = answers[call]
    assert status == 2 and MISTAKES[call] in text and "Traceback" not in text, text
    assert len(text.splitlines()) <= 4


@pytest.mark.parametrize("name", TOOLS)
def test_help_is_told_before_tensorflow_is_imported(answers, name):
    status, text = answers[f"{name} --help"]
    assert status == 0 and "Traceback" not in text and ".;" not in text
    assert f"python -m tools.{name} " in text and "\n  --" in text


def test_an_installed_command_names_others_as_they_are_installed(tmp_path):
    code = """
        import sys
        from tfsketch.config import cli
        from tfsketch.errors import DataError

        def main(argv):
            raise DataError("runs/tools.train, tools.txt: make them with: python -m tools.prepare_data; see tools.edit")

        sys.argv = [sys.argv[1]]
        cli.run(main)
    """
    for options, words in (
        ("/usr/bin/tfsketch-train", "make them with: tfsketch-prepare-data; see tfsketch-edit"),
        ("tools/train.py", "make them with: python -m tools.prepare_data; see tools.edit"),
    ):
        process = _run([sys.executable, "-c", textwrap.dedent(code), options])
        assert process.returncode == 2 and f": runs/tools.train, tools.txt: {words}\n" in process.stderr


def test_the_extra_of_the_editor_in_the_browser_is_named_before_tensorflow_is_imported():
    code = """
        import sys
        sys.modules["tensorflow"] = sys.modules["starlette"] = None
        sys.argv = ["/usr/bin/tfsketch-app"]
        from tools.app import main
        main()
    """
    process = _run([sys.executable, "-c", textwrap.dedent(code)])
    assert process.returncode == 2 and process.stderr.startswith(
        "tfsketch-app: expected the extra `app`, found no starlette"
    )
    assert "pip install -c constraints.txt -e '.[app]'" in process.stderr and len(process.stderr.splitlines()) == 1


def test_shipped_weights_that_were_not_installed_are_told_as_such(tmp_path, monkeypatch):
    assert (shipped.model_folder("sc_fegan") / "weights.npz").is_file()
    monkeypatch.setattr(shipped, "MODELS_FOLDER", tmp_path)  # as in tfsketch-lite
    with pytest.raises(WeightsError, match="sc_fegan: expected its weights .*tfsketch-lite .*--model=FILE.tflite"):
        shipped.model_folder("sc_fegan")


def test_shipped_configurations_have_names(tmp_path):
    path = shipped.configs_folder() / "sc_fegan_smoke_64.yaml"
    assert shipped.configuration("sc_fegan_smoke_64") == shipped.configuration(path) == path
    (tmp_path / "sc_fegan_smoke_64").write_text("system: sc_fegan")
    assert shipped.configuration(tmp_path / "sc_fegan_smoke_64").parent == tmp_path  # one's own file comes first
    with pytest.raises(ConfigError, match="found none at .*nowhere"):
        shipped.configuration(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match="did you mean 'cali_sketch'"):
        shipped.check_model("cali_sktech")
    shipped.check_model("http://localhost:8501/v1/models/mine")
