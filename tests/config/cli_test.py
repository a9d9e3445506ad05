"""What every binary does around its call: installed commands explain themselves, and mistakes cost no time."""

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

from tfsketch.config import shipped
from tfsketch.errors import ConfigError, WeightsError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _run(command: list[str], **more) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT, **more)


def test_an_installed_command_explains_itself(tmp_path):
    """Started as the stub that pip writes starts it, whose module has neither flags nor documentation."""
    stub = tmp_path / "tfsketch-edit"
    stub.write_text("import sys\nfrom tools.edit import main\nsys.exit(main())\n")
    shown = _run([sys.executable, str(stub), "--help"])
    assert "Edits photographs by mask" in shown.stdout and "--style_from" in shown.stdout
    assert "    tfsketch-edit --image=photo.jpg" in shown.stdout and "python -m tools" not in shown.stdout
    wrong = _run([sys.executable, str(stub), "--imgae=a.png"])
    assert wrong.returncode == 2 and wrong.stderr.startswith("tfsketch-edit: Unknown command line flag 'imgae'")
    assert "usage: tfsketch-edit --image=" in wrong.stderr and len(wrong.stderr.splitlines()) <= 4


@pytest.mark.parametrize(
    "call, message",
    [
        ("edit --image=nowhere.jpg --mask=m.png", "--image: expected a file or a folder, found nothing at nowhere.jpg"),
        ("edit --image=README.md --model=sc_fegam", "did you mean 'sc_fegan'?"),
        ("edit", "--image: expected a photograph"),
        ("edit --mask=m.png", "usage: python -m tools.edit --image=photo.jpg"),
        ("edit a b c", "expected at most 2 files beside flags"),
        ("train --config=sc_fegan_smoke_65 --model_dir=x", "did you mean 'sc_fegan_smoke_64'?"),
        ("train --config=sc_fegan_smoke_64", "expected --model_dir=FOLDER"),
        ("export --model=nothing --output=x", "found nothing at nothing"),
        ("evaluate --data=nothing --output=x", "--data: expected a folder of shards or of photographs"),
        ("prepare_data --input=nothing --output=x --config=sc_fegan_smoke_64", "found nothing at nothing"),
        ("app --model=nothing", "found nothing at nothing"),
    ],
)
def test_a_mistake_is_told_before_tensorflow_is_imported(call, message, tmp_path):
    name, *flags = call.split()
    code = f"""
        import sys
        sys.modules["tensorflow"] = None  # importing it is then an error
        sys.argv = ["tools/{name}.py", *{flags!r}]
        from tools.{name} import main
        main()
    """
    done = _run([sys.executable, "-c", textwrap.dedent(code)])
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_the_extra_of_the_editor_in_the_browser_is_named_before_tensorflow_is_imported():
    code = """
        import sys
        sys.modules["tensorflow"] = sys.modules["starlette"] = None
        sys.argv = ["/usr/bin/tfsketch-app"]
        from tools.app import main
        main()
    """
    done = _run([sys.executable, "-c", textwrap.dedent(code)])
    assert done.returncode == 2 and done.stderr.startswith("tfsketch-app: expected the extra `app`, found no starlette")
    assert "pip install -c constraints.txt -e '.[app]'" in done.stderr and len(done.stderr.splitlines()) == 1


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
