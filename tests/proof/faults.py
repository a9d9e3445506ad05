"""What a training, a preparation and an export survive: `python -m tests.proof.faults` (root, for its small disks).

Every fault is tried on the binaries themselves, at small sizes, and judged by what lies on the disk afterwards: nothing
half written under a final name, nothing gone that was there, and a run that goes on must end with the losses, weights
and files, bit for bit, of one that nothing disturbed. The table goes between its marks in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator

from tests.proof.lab import KILL, ROOT, Lab, Process, Row, contents, small_disk, write_table


def kills_in_training(lab: Lab, tries: int) -> Iterator[Row]:
    """One run after another, each killed and resumed until it is through."""
    row, runs, number = Row("SIGKILL in a training"), 0, 0
    while row.tried < tries:
        name, step = f"killed-{runs}", 0
        while True:
            process = lab.train(name)
            killed = row.tried < tries and process.send_after(random.uniform(0, lab.whole), KILL)
            status, number = process.wait(), number + 1
            if not killed:
                problem = lab.same(name) if status == 0 else f"ended with {status}: {process.output[-1500:]}"
                if problem:
                    row.lost.append(problem)
                    print(f"LOST {problem}", flush=True)
                runs += 1
                break
            back = f"step {lab.step(name)} after {step}" if lab.step(name) < step else ""
            step = lab.step(name)
            row.count("; ".join(filter(None, (back, lab.broken(name)))))
        shutil.rmtree(lab.root / name)
    row.note = f"{number} starts, {runs} runs brought to their end: losses and weights of all equal, bit for bit"
    yield row


def kills_in_preparation(lab: Lab, tries: int) -> Iterator[Row]:
    row, runs, number = Row("SIGKILL in a preparation"), 0, 0
    whole = lab.done(lab.prepare("prepared"))
    reference = contents(lab.root / "prepared")
    while row.tried < tries:
        name = f"preparation-{runs}"
        while True:
            process = lab.prepare(name)
            killed = row.tried < tries and process.send_after(random.uniform(0, whole), KILL)
            status, number = process.wait(), number + 1
            content = contents(lab.root / name) if (lab.root / name).exists() else {}
            final = {key: data for key, data in content.items() if not key.startswith(("unfinished/", "."))}
            # The contact sheet is made of the shards and comes last; a report of some stretches is never written.
            wrong = [key for key, data in final.items() if reference.get(key) != data and not key.startswith(".")]
            if not killed:
                if status or final != reference:
                    row.lost.append(f"ended with {status}, other files: {wrong}")
                    print(row.lost[-1], process.output[-1500:], flush=True)
                runs += 1
                break
            row.count(f"half written: {wrong}" if wrong else "")
        shutil.rmtree(lab.root / name)
    row.note = f"{number} starts, {runs} preparations brought to their end: all {len(reference)} files equal"
    yield row


def _digests(folder: pathlib.Path) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents(folder).items()}


def kills_in_export(lab: Lab, tries: int) -> Iterator[Row]:
    """Versions into one folder, in which a server would look at any moment."""
    row, models = Row("SIGKILL in an export (SavedModel)"), lab.root / "models"

    def export() -> Process:
        def quick() -> None:
            from tfsketch.export import saved_model

            saved_model.difference = lambda *_: 0.0  # seconds in which nothing is written, in a process of its own

        return lab.run("export", f"--model={lab.root / 'whole'}", f"--output={models}", patch=quick)

    whole = lab.done(export())
    first = _digests(models / "1")
    output = 1
    while row.tried < tries:
        process = export()
        killed = process.send_after(random.uniform(0, whole), KILL)
        status = process.wait()
        versions = sorted(int(path.name) for path in models.iterdir() if path.name.isdigit())
        problems = [] if _digests(models / "1") == first else ["version 1 was touched"]
        for version in versions:
            if sorted(_digests(models / str(version))) != sorted(first):
                problems.append(f"version {version} lacks files")
        if not killed and status:
            problems.append(f"ended with {status}: {process.output[-1500:]}")
        if killed:
            row.count("; ".join(problems))
        elif problems:
            row.lost += problems
        output = len(versions)
    lab.done(export())
    left = len([path for path in models.iterdir() if path.name.startswith(".partial-")])
    row.note = f"{output + 1} versions, all whole; {left} folders `.partial-*` left, which no server looks at"
    yield row


def full_disks(lab: Lab, tries: int) -> Iterator[Row]:
    """Disks of random sizes, which get room after the error."""
    rows = {
        "a training": Row("disk full in a training", note="one line says so; with room, resumed exactly"),
        "a preparation": Row("disk full in a preparation", note="one line says so; with room, the same files"),
        "an export": Row("disk full in an export", note="one line says so; no version, nothing left"),
    }
    reference = contents(lab.root / "prepared")
    for number in range(2 * tries):
        for kind, row in rows.items():
            if row.tried == tries:
                continue
            name = f"disk-{kind.split()[1]}-{number}"
            low, high = {"a training": (40, 300), "a preparation": (40, 200), "an export": (40, 200)}[kind]
            with small_disk(lab.root / name, f"{random.randint(low, high)}k") as mount:
                start: Callable[[], Process] = {
                    "a training": lambda: lab.train(f"{name}/run"),
                    "a preparation": lambda: lab.prepare(f"{name}/shards"),
                    "an export": lambda: lab.run(
                        "export", f"--model={lab.root / 'whole'}", f"--output={lab.root / name}/models"
                    ),
                }[kind]
                process = start()
                status = process.wait()
                if status == 0:
                    continue  # this disk was large enough
                problems = []
                if status != 2 or "Traceback" in process.output:
                    problems.append(f"ended with {status}: {process.output[-3000:]}")
                if kind == "a training":
                    problems.append(lab.broken(f"{name}/run"))
                if kind == "an export" and (lab.root / name / "models").exists():
                    problems += [f"left {path.name}" for path in (lab.root / name / "models").iterdir()]
                mount("size=64m")
                if kind == "an export":
                    problems.append("" if tries > 3 and number else _again(start))
                else:
                    problems.append(_again(start))
                if kind == "a training" and not any(problems):
                    problems.append(lab.same(f"{name}/run"))
                if kind == "a preparation" and not any(problems):
                    problems.append("" if contents(lab.root / name / "shards") == reference else "other files")
                row.count("; ".join(filter(None, problems)))
    yield from rows.values()


def _again(start: Callable[[], Process]) -> str:
    process = start()
    return f"again, ended with {process.status}: {process.output[-3000:]}" if process.wait() else ""


def read_only(lab: Lab, tries: int) -> Iterator[Row]:
    row = Row("read-only output (training, preparation, export)", note="one line says so; nothing changed")
    with small_disk(lab.root / "sealed", "64m") as mount:
        lab.done(lab.train("sealed/run", "--set=train.phases=[{name: main, steps: 4}]"))
        before = contents(lab.root / "sealed")
        mount("ro")
        for start in (
            lambda: lab.train("sealed/run"),
            lambda: lab.train("sealed/other"),
            lambda: lab.prepare("sealed/shards"),
            lambda: lab.run("export", f"--model={lab.root / 'whole'}", f"--output={lab.root / 'sealed/models'}"),
        ):
            process = start()
            status = process.wait()
            message = "expected a folder to write to at " in process.output and " to be read-only\n" in process.output
            said = status == 2 and "Traceback" not in process.output and message
            problem = "" if said else f"ended with {status}: {process.output[-3000:]}"
            row.count(problem or ("" if contents(lab.root / "sealed") == before else "something changed"))
    yield row


def _flipped(data: bytes) -> bytes:
    """The same but for one bit, wherever it is."""
    damaged = bytearray(data)
    damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def damaged_files(lab: Lab, tries: int) -> Iterator[Row]:
    row = Row("a truncated shard", note="refused by name before the first step")
    shards = sorted((lab.root / "shards").glob("*.tfrecord"))
    for number in range(min(tries, 10)):
        folder = lab.root / f"cut-{number}"
        shutil.copytree(lab.root / "shards", folder)
        shard = folder / random.choice(shards).name
        os.truncate(shard, random.randint(1, shard.stat().st_size - 1))
        process = lab.train(f"cut-run-{number}", f"--set=data.train={folder}")
        status = process.wait()
        said = status == 2 and f"{shard}: expected a whole TFRecord file" in process.output
        row.count("" if said else f"ended with {status}: {process.output[-1500:]}")
    yield row

    row = Row("a flipped bit in a shard", note="named by file and byte; with the shard mended, resumed exactly")
    for number in range(min(tries, 10)):
        folder, name = lab.root / f"shards-{number}", f"bit-run-{number}"
        shutil.copytree(lab.root / "shards", folder)
        shard = folder / random.choice(shards).name
        whole = shard.read_bytes()
        shard.write_bytes(_flipped(whole))
        process = lab.train(name, f"--set=data.train={folder}")
        status = process.wait()
        said = status == 2 and re.search(rf"tools\.train: {shard}.* at byte \d+", process.output.splitlines()[-1])
        shard.write_bytes(whole)
        problem = "" if said else f"ended with {status}: {process.output[-1500:]}"
        row.count(problem or _again(lambda: lab.train(name, f"--set=data.train={folder}")) or lab.same(name))
    yield row

    row = Row("a flipped bit in a checkpoint", note="said by name; resumed from the one before, exactly")
    lab.done(lab.train("half", "--set=train.phases=[{name: main, steps: 48}]", patch=lambda: _until(20)))
    for number in range(min(tries, 20)):
        name = f"flipped-{number}"
        shutil.copytree(lab.root / "half", lab.root / name)
        step = lab.step(name)
        file = random.choice(sorted((lab.root / name / "checkpoints").glob(f"ckpt-{step}.*")))
        file.write_bytes(_flipped(file.read_bytes()))
        process = lab.train(name)
        status = process.wait()
        before = re.search(rf"ckpt-{step}: expected a readable.*from the one before, .*ckpt-(\d+)", process.output)
        if status or not before:
            row.count(f"{file.name}: ended with {status}, said {process.output[-1500:]}")
        else:
            row.count(lab.same(name))
        shutil.rmtree(lab.root / name)
    yield row


def _until(step: int) -> None:
    """Ends the trainings of this process early."""
    from tfsketch.training.trainer import Trainer

    run = Trainer.run
    Trainer.run = lambda self: run(self, step)  # type: ignore[method-assign,assignment]


def _not_a_number(step: int) -> None:
    """Makes the loss NaN at a step, as a sum that overflows would."""
    import tensorflow as tf

    from tfsketch.training.trainer import Trainer

    make = Trainer._make_step

    def broken(self, loss):
        run = make(self, loss)

        def one(batch):
            values = run(batch)
            return {key: value * (float("nan") if self.step == step else 1.0) for key, value in values.items()}

        return one

    del tf
    Trainer._make_step = broken  # type: ignore[method-assign]


def in_a_step(lab: Lab, tries: int) -> Iterator[Row]:
    row = Row("NaN in a step", note="stopped with the step's name and the last good checkpoint; resumed exactly")
    for number in range(min(tries, 10)):
        step, name = random.randint(3, 47), f"nan-{number}"
        process = lab.train(name, patch=lambda: _not_a_number(step))
        status = process.wait()
        good = f"checkpoints/ckpt-{(step - 1) // 2 * 2};"
        problem = (
            ""
            if status == 2 and f"up to step {step}: " in process.output and good in process.output
            else (f"at step {step} ended with {status}: {process.output[-1500:]}")
        )
        row.count(problem or lab.broken(name) or _again(lambda: lab.train(name)) or lab.same(name))
        shutil.rmtree(lab.root / name)
    yield row


def _terminated_in_a_save(step: int) -> None:
    """Sends this process SIGTERM while it saves the checkpoint of a step: when all is written, and not yet listed."""
    import tensorflow as tf

    record = tf.train.CheckpointManager._record_state

    def recorded(self):
        if self.latest_checkpoint.endswith(f"-{step}"):
            os.kill(os.getpid(), signal.SIGTERM)
        record(self)

    tf.train.CheckpointManager._record_state = recorded


def in_a_save(lab: Lab, tries: int) -> Iterator[Row]:
    row = Row("SIGTERM during a save", note="saved, exit status 143, and the message tells the step; resumed exactly")
    for number in range(min(tries, 20)):
        name, step = f"term-{number}", random.choice(range(4, 46, 2))
        process = lab.train(name, patch=lambda: _terminated_in_a_save(step))
        status = process.wait()
        said = re.search(r"stopped by SIGTERM at step (\d+), saved", process.output)
        if status != 143 or not said or int(said[1]) != lab.step(name):
            row.count(f"ended with {status}, step {lab.step(name)}: {process.output[-1500:]}")
        else:
            row.count(_again(lambda: lab.train(name)) or lab.same(name))
        shutil.rmtree(lab.root / name)
    yield row


def two_at_once(lab: Lab, tries: int) -> Iterator[Row]:
    kinds = (
        ("two trainings in one folder", lab.train, lab.same),
        (
            "two preparations of one folder",
            lab.prepare,
            lambda name: "" if contents(lab.root / name) == contents(lab.root / "prepared") else "other files",
        ),
    )
    for title, start, judged in kinds:
        row = Row(title, note="the second is told machine, process and command of the first, which is not disturbed")
        for number in range(min(tries, 5)):
            name = f"pair-{start.__name__}-{number}"
            first = start(name)
            said = lab.root / name / ".lock"
            while not first.over() and not (said.exists() and said.stat().st_size):
                time.sleep(0.005)
            os.kill(first.pid, signal.SIGSTOP)  # it stays where it is while the other one looks
            second = start(name)
            status = second.wait()
            said = status == 2 and f"held by process {first.pid} on" in second.output
            os.kill(first.pid, signal.SIGCONT)
            problem = "" if said else f"the second ended with {status}: {second.output[-1500:]}"
            if first.wait():
                problem += f"the first ended with {first.status}: {first.output[-1500:]}"
            row.count(problem or judged(name))
        yield row


def clock_set_back(lab: Lab, tries: int) -> Iterator[Row]:
    def two_days() -> None:
        real = time.time
        time.time = lambda: real() - 172_800

    row = Row("clock set back by two days between two starts", note="resumed exactly; no checkpoint is deleted early")
    for number in range(min(tries, 5)):
        name, step = f"clock-{number}", random.randint(5, 40)
        lab.done(lab.train(name, patch=lambda: _until(step)))
        before = {path.name for path in (lab.root / name / "checkpoints").glob("*.index")}
        problem = _again(lambda: lab.train(name, patch=lambda: (two_days(), _until(step + 2))))
        left = {path.name for path in (lab.root / name / "checkpoints").glob("*.index")}
        row.count(
            problem
            or ("" if f"ckpt-{step}.index" in before & left else "the newest was deleted")
            or _again(lambda: lab.train(name, patch=two_days))
            or lab.same(name)
        )
    yield row


GROUPS = {
    "training": kills_in_training,
    "preparation": kills_in_preparation,
    "export": kills_in_export,
    "disk": full_disks,
    "sealed": read_only,
    "damage": damaged_files,
    "step": in_a_step,
    "save": in_a_save,
    "pairs": two_at_once,
    "clock": clock_set_back,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=GROUPS, nargs="+", default=list(GROUPS))
    parser.add_argument("--tries", type=int, default=50, help="kills of each kind; of the other faults at most as many")
    parser.add_argument("--disks", type=int, default=8, help="full disks of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", default="", help="where the table goes, such as docs/reliability.md")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    scratch, rows = pathlib.Path(tempfile.mkdtemp(prefix="faults-")), []
    start = time.monotonic()
    try:
        lab = Lab(scratch)
        if "preparation" not in arguments.only:
            lab.done(lab.prepare("prepared"))
        for name in arguments.only:
            for row in GROUPS[name](lab, arguments.disks if name == "disk" else arguments.tries):
                rows.append(row)
                print(row.text(), f"  [{time.monotonic() - start:.0f} s]", flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    head = ["| fault | tried | survived | lost | what was seen | day |", "| --- | ---: | ---: | ---: | --- | --- |"]
    print("\n".join([*head, *(row.text() for row in rows)]))
    if arguments.markdown:
        write_table(ROOT / arguments.markdown, "faults", head, rows)
    raise SystemExit(any(row.lost for row in rows))


if __name__ == "__main__":
    main()
