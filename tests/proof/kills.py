"""Commands that are killed (SIGKILL) at any moment and started again; see `faults`."""

from __future__ import annotations

import hashlib
import pathlib
import random
import shutil
from collections.abc import Iterator

from tests.proof.lab import KILL, Lab, Process, Row, contents


def in_training(lab: Lab, tries: int) -> Iterator[Row]:
    """One run after another, each killed and resumed until it is through."""
    row, runs, number = Row("SIGKILL in a training"), 0, 0
    while row.tries < tries:
        name, step = f"killed-{runs}", 0
        while True:
            process = lab.train(name)
            kill_sent = row.tries < tries and process.send_after(random.uniform(0, lab.whole), KILL)
            status, number = process.wait(), number + 1
            if not kill_sent:
                problem = lab.difference(name) if status == 0 else f"ended with {status}: {process.output[-1500:]}"
                if problem:
                    row.losses.append(problem)
                    print(f"LOST {problem}", flush=True)
                runs += 1
                break
            back = f"step {lab.step(name)} after {step}" if lab.step(name) < step else ""
            step = lab.step(name)
            row.count("; ".join(filter(None, (back, lab.damage(name)))))
        shutil.rmtree(lab.root / name)
    row.note = f"{number} starts, {runs} runs brought to their end: losses and weights of all equal, bit for bit"
    yield row


def in_preparation(lab: Lab, tries: int) -> Iterator[Row]:
    row, runs, number = Row("SIGKILL in a preparation"), 0, 0
    whole = lab.wait_for(lab.prepare("prepared"))
    reference = contents(lab.root / "prepared")
    while row.tries < tries:
        name = f"preparation-{runs}"
        while True:
            process = lab.prepare(name)
            kill_sent = row.tries < tries and process.send_after(random.uniform(0, whole), KILL)
            status, number = process.wait(), number + 1
            content = contents(lab.root / name) if (lab.root / name).exists() else {}
            final = {key: data for key, data in content.items() if not key.startswith(("unfinished/", "."))}
            # The contact sheet is made of the shards and comes last; a report of some stretches is never written.
            wrong = [key for key, data in final.items() if reference.get(key) != data and not key.startswith(".")]
            if not kill_sent:
                if status or final != reference:
                    row.losses.append(f"ended with {status}, other files: {wrong}")
                    print(row.losses[-1], process.output[-1500:], flush=True)
                runs += 1
                break
            row.count(f"half written: {wrong}" if wrong else "")
        shutil.rmtree(lab.root / name)
    row.note = f"{number} starts, {runs} preparations brought to their end: all {len(reference)} files equal"
    yield row


def _digests(folder: pathlib.Path) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents(folder).items()}


def in_export(lab: Lab, tries: int) -> Iterator[Row]:
    """Versions into one folder, in which a server would look at any moment. Every other kill comes while a version is
    being written, which takes a quarter of the time: on a busy machine the others may all come before."""
    row, models = Row("SIGKILL in an export (SavedModel)"), lab.root / "models"

    def partial() -> int:
        return len(list(models.glob(".partial-*")))

    def export() -> Process:
        def quick() -> None:
            from tfsketch.export import saved_model

            saved_model.difference = lambda *_: 0.0  # seconds in which nothing is written, in a process of its own

        return lab.run("export", f"--model={lab.root / 'whole'}", f"--output={models}", patch=quick)

    whole = lab.wait_for(export())
    first = _digests(models / "1")
    output = 1
    while row.tries < tries:
        before, process = partial(), export()
        if row.tries % 2 == 0:
            kill_sent = process.send_after(random.uniform(0, whole), KILL)
        else:
            process.reach(lambda: partial() > before)
            kill_sent = not process.over() and process.send_after(process.cpu() + random.uniform(0, whole / 4), KILL)
        status = process.wait()
        versions = sorted(int(path.name) for path in models.iterdir() if path.name.isdigit())
        problems = [] if _digests(models / "1") == first else ["version 1 was touched"]
        for version in versions:
            if sorted(_digests(models / str(version))) != sorted(first):
                problems.append(f"version {version} lacks files")
        if not kill_sent and status:
            problems.append(f"ended with {status}: {process.output[-1500:]}")
        if kill_sent:
            row.count("; ".join(problems))
        elif problems:
            row.losses += problems
        output = len(versions)
    lab.wait_for(export())
    row.note = f"{output + 1} versions, all whole; {partial()} folders `.partial-*` left, which no server looks at"
    yield row
