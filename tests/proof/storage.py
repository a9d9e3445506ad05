"""Disks that are full or read-only, and files that are damaged; see `faults`."""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Callable, Iterator

from tests.proof.lab import Lab, Process, Row, again, contents, small_disk, stop_at


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
            if row.tries == tries:
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
                    problems.append(lab.damage(f"{name}/run"))
                if kind == "an export" and (lab.root / name / "models").exists():
                    problems += [f"left {path.name}" for path in (lab.root / name / "models").iterdir()]
                mount("size=64m")
                if kind == "an export":
                    problems.append("" if tries > 3 and number else again(start))
                else:
                    problems.append(again(start))
                if kind == "a training" and not any(problems):
                    problems.append(lab.difference(f"{name}/run"))
                if kind == "a preparation" and not any(problems):
                    problems.append("" if contents(lab.root / name / "shards") == reference else "other files")
                row.count("; ".join(filter(None, problems)))
    yield from rows.values()


def read_only(lab: Lab, tries: int) -> Iterator[Row]:
    row = Row("read-only output (training, preparation, export)", note="one line says so; nothing changed")
    with small_disk(lab.root / "sealed", "64m") as mount:
        lab.wait_for(lab.train("sealed/run", "--set=train.phases=[{name: main, steps: 4}]"))
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
            refuses = status == 2 and "Traceback" not in process.output and message
            problem = "" if refuses else f"ended with {status}: {process.output[-3000:]}"
            row.count(problem or ("" if contents(lab.root / "sealed") == before else "something changed"))
    yield row


def _flip_bit(data: bytes) -> bytes:
    """The same but for one bit, wherever it is."""
    content = bytearray(data)
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return bytes(content)


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
        refuses = status == 2 and f"{shard}: expected a whole TFRecord file" in process.output
        row.count("" if refuses else f"ended with {status}: {process.output[-1500:]}")
    yield row

    row = Row("a flipped bit in a shard", note="named by file and byte; with the shard mended, resumed exactly")
    for number in range(min(tries, 10)):
        folder, name = lab.root / f"shards-{number}", f"bit-run-{number}"
        shutil.copytree(lab.root / "shards", folder)
        shard = folder / random.choice(shards).name
        whole = shard.read_bytes()
        shard.write_bytes(_flip_bit(whole))
        process = lab.train(name, f"--set=data.train={folder}")
        status = process.wait()
        refuses = status == 2 and re.search(rf"tools\.train: {shard}.* at byte \d+", process.output.splitlines()[-1])
        shard.write_bytes(whole)
        problem = "" if refuses else f"ended with {status}: {process.output[-1500:]}"
        row.count(problem or again(lambda: lab.train(name, f"--set=data.train={folder}")) or lab.difference(name))
    yield row

    row = Row("a flipped bit in a checkpoint", note="said by name; resumed from the one before, exactly")
    lab.wait_for(lab.train("half", "--set=train.phases=[{name: main, steps: 48}]", patch=lambda: stop_at(20)))
    for number in range(min(tries, 20)):
        name = f"flipped-{number}"
        shutil.copytree(lab.root / "half", lab.root / name)
        step = lab.step(name)
        file = random.choice(sorted((lab.root / name / "checkpoints").glob(f"ckpt-{step}.*")))
        file.write_bytes(_flip_bit(file.read_bytes()))
        process = lab.train(name)
        status = process.wait()
        before = re.search(rf"ckpt-{step}: expected a readable.*from the one before, .*ckpt-(\d+)", process.output)
        if status or not before:
            row.count(f"{file.name}: ended with {status}, said {process.output[-1500:]}")
        else:
            row.count(lab.difference(name))
        shutil.rmtree(lab.root / name)
    yield row
