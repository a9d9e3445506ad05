"""What befalls a training from within or beside it: NaN, a signal in a save, a second process, another clock; see
`faults`.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
from collections.abc import Iterator

from tests.proof.lab import Lab, Row, again, contents, stop_at


def _not_a_number(step: int) -> None:
    """Makes the loss NaN at a step, as a sum that overflows would."""
    import tensorflow as tf

    from tfsketch.training.trainer import Trainer

    make = Trainer._make_step

    def not_a_number(self, loss):
        run = make(self, loss)

        def one(batch):
            values = run(batch)
            return {key: value * (float("nan") if self.step == step else 1.0) for key, value in values.items()}

        return one

    del tf
    Trainer._make_step = not_a_number  # type: ignore[method-assign]


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
        row.count(problem or lab.damage(name) or again(lambda: lab.train(name)) or lab.difference(name))
        shutil.rmtree(lab.root / name)
    yield row


def _terminated_in_a_save(step: int) -> None:
    """Sends this process SIGTERM while it saves the checkpoint of a step: when all is written, and not yet listed."""
    import tensorflow as tf

    record = tf.train.CheckpointManager._record_state

    def terminate(self):
        if self.latest_checkpoint.endswith(f"-{step}"):
            os.kill(os.getpid(), signal.SIGTERM)
        record(self)

    tf.train.CheckpointManager._record_state = terminate


def in_a_save(lab: Lab, tries: int) -> Iterator[Row]:
    row = Row("SIGTERM during a save", note="saved, exit status 143, and the message tells the step; resumed exactly")
    for number in range(min(tries, 20)):
        name, step = f"term-{number}", random.choice(range(4, 46, 2))
        process = lab.train(name, patch=lambda: _terminated_in_a_save(step))
        status = process.wait()
        message = re.search(r"stopped by SIGTERM at step (\d+), saved", process.output)
        if status != 143 or not message or int(message[1]) != lab.step(name):
            row.count(f"ended with {status}, step {lab.step(name)}: {process.output[-1500:]}")
        else:
            row.count(again(lambda: lab.train(name)) or lab.difference(name))
        shutil.rmtree(lab.root / name)
    yield row


def two_at_once(lab: Lab, tries: int) -> Iterator[Row]:
    kinds = (
        ("two trainings in one folder", lab.train, lab.difference),
        (
            "two preparations of one folder",
            lab.prepare,
            lambda name: "" if contents(lab.root / name) == contents(lab.root / "prepared") else "other files",
        ),
    )
    for title, start, judge in kinds:
        row = Row(title, note="the second is told machine, process and command of the first, which is not disturbed")
        for number in range(min(tries, 5)):
            name = f"pair-{start.__name__}-{number}"
            first = start(name)
            lock = lab.root / name / ".lock"
            while not first.over() and not (lock.exists() and lock.stat().st_size):
                time.sleep(0.005)
            os.kill(first.pid, signal.SIGSTOP)  # it stays where it is while the other one looks
            second = start(name)
            status = second.wait()
            refuses = status == 2 and f"held by process {first.pid} on" in second.output
            os.kill(first.pid, signal.SIGCONT)
            problem = "" if refuses else f"the second ended with {status}: {second.output[-1500:]}"
            if first.wait():
                problem += f"the first ended with {first.status}: {first.output[-1500:]}"
            row.count(problem or judge(name))
        yield row


def clock_set_back(lab: Lab, tries: int) -> Iterator[Row]:
    def two_days() -> None:
        real = time.time
        time.time = lambda: real() - 172_800

    row = Row("clock set back by two days between two starts", note="resumed exactly; no checkpoint is deleted early")
    for number in range(min(tries, 5)):
        name, step = f"clock-{number}", random.randint(5, 40)
        lab.wait_for(lab.train(name, patch=lambda: stop_at(step)))
        before = {path.name for path in (lab.root / name / "checkpoints").glob("*.index")}
        problem = again(lambda: lab.train(name, patch=lambda: (two_days(), stop_at(step + 2))))
        left = {path.name for path in (lab.root / name / "checkpoints").glob("*.index")}
        row.count(
            problem
            or ("" if f"ckpt-{step}.index" in before & left else "the newest was deleted")
            or again(lambda: lab.train(name, patch=two_days))
            or lab.difference(name)
        )
    yield row
