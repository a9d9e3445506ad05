"""A binary, shortly: `python tests/proof/short.py tools.train FLAGS`; an installation's as `tfsketch-train`.

What the documents' commands call while `tests.proof.commands` runs them, so that each is over soon: a training ends
after two steps, an evaluation measures four pictures, a model is made narrower by four examples, and the app is asked
for a page and for an edit and then ended. Nothing else is changed. It imports nothing of the tests, so that it runs
with an installation alone.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pathlib
import sys
import threading
import traceback
import urllib.request
import webbrowser

STEPS, PICTURES = 2, 4
_STROKES = {
    "size": [256, 256],
    "strokes": [{"layer": "mask", "points": [[60, 60], [120, 60], [120, 120], [60, 120]], "fill": True}],
}


def _train() -> None:
    from tfsketch.training.trainer import Trainer

    run = Trainer.run
    Trainer.run = lambda self: run(self, STEPS)  # type: ignore[method-assign,assignment]


def _ask(address: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
    request = urllib.request.Request(address, body, {"Content-Type": kind} if body else {})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return answer.read()


def _visit(address: str) -> None:
    """Opens the page as a person would, edits a photograph by the first model that edits, and ends the process."""
    status = 1
    try:
        root = address.rstrip("/")
        assert b"<html" in _ask(root + "/")
        models = [model["name"] for model in json.loads(_ask(root + "/api/state"))["models"]]
        name = json.loads(
            _ask(root + "/api/pictures", pathlib.Path("photo.jpg").read_bytes(), "application/octet-stream")
        )["picture"]
        edit = {"model": models[0], "picture": name, "strokes": _STROKES, "seed": 0}
        if "region_edit" in models[0]:
            edit["style"] = name
        answer = json.loads(_ask(root + "/api/run", json.dumps(edit).encode()))
        print(f"edited by {models[0]}: {', '.join(sorted(answer))}", flush=True)
        status = 0
    except Exception:
        traceback.print_exc()
        with contextlib.suppress(Exception):
            print(sys.exc_info()[1].read().decode())  # type: ignore[union-attr]
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    command, *arguments = sys.argv[1:]
    here = str(pathlib.Path(__file__).resolve().parent)
    sys.path[:] = [path for path in sys.path if path != here]
    if command.startswith("tools."):
        sys.path.insert(0, os.getcwd())  # as `python -m` does
        name, picture = command, command.replace(".", os.sep) + ".py"
    else:
        name, picture = "tfsketch.tools." + command.removeprefix("tfsketch-").replace("-", "_"), command
    tool = name.rpartition(".")[2]
    if tool == "app":
        arguments += ["--port=0", "--browser"]
        webbrowser.open = lambda address, *_: bool(threading.Thread(target=_visit, args=[address]).start())  # type: ignore
    if tool == "evaluate" and not any(argument.startswith("--count") for argument in arguments):
        arguments.append(f"--count={PICTURES}")
    if tool in ("prune", "slim"):
        arguments.append(f"--pictures={PICTURES}")
    module = importlib.import_module(name)
    if tool == "train":
        _train()
    sys.argv = [picture, *arguments]
    module.main()


if __name__ == "__main__":
    main()
