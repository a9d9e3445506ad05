"""Where faults are tried: the binaries in processes that are forked from one that has imported TensorFlow.

A fork takes milliseconds where a fresh start takes seconds, and is sound as long as the parent has only imported
TensorFlow and run nothing. What is killed is killed after a share of the CPU time that the whole takes, so that
moments are spread over the work however busy the machine is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from tests.pictures import crops
from tests.toy import TOY
from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.data import augmentation, prepare  # noqa: F401  (imported once, for all the forks)
from tfsketch.evaluation import report
from tfsketch.export import saved_model  # noqa: F401
from tfsketch.images import files
from tfsketch.training import trainer  # noqa: F401

KILL = signal.SIGKILL
ROOT = pathlib.Path(__file__).resolve().parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
systems.SYSTEMS["toy"] = TOY  # a step in milliseconds, and all that a run folder has
_SETTINGS = """
system: toy
image_size: 32
seed: 3
sketch: {style: canny, min_side: 64}
prepare: {styles: [canny], regions: none}
data: {workers: 1, flip: false}
train:
  batch_size: 4
  strategy: default
  log_every: 1
  image_every: 4
  image_count: 2
  checkpoint_every: 2
  phases: [{name: main, steps: 48}]
"""


@dataclasses.dataclass
class Row:
    """A line of the table: what was done how often, and what came of it."""

    fault: str
    tries: int = 0
    losses: list[str] = dataclasses.field(default_factory=list)
    """A reason for every try that was not survived."""
    note: str = ""

    def count(self, problem: str) -> None:
        """Adds a try; empty is survived."""
        self.tries += 1
        if problem:
            self.losses.append(problem)
            print(f"LOST {self.fault}: {problem}", flush=True)

    def text(self) -> str:
        counts = f"{self.tries} | {self.tries - len(self.losses)} | {len(self.losses)}"
        return f"| {self.fault} | {counts} | {self.note} | {datetime.date.today()} |"


class Process:
    """A binary, or a function, in a fork of this process; its output is in a file."""

    def __init__(self, log: pathlib.Path, work: Callable[[], object]):
        self._log, self._cpu, self.status = log, 0.0, 0
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(handle, 1)
                os.dup2(handle, 2)
                tf.config.threading.set_intra_op_parallelism_threads(1)  # sums in one order, so that runs are the same
                tf.config.threading.set_inter_op_parallelism_threads(1)
                work()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)

    @property
    def output(self) -> str:
        """What it has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def wait(self) -> int:
        """The exit status: negative where a signal ended it."""
        _, status, usage = os.wait4(self.pid, 0)
        self._cpu = usage.ru_utime + usage.ru_stime
        self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def over(self) -> bool:
        """Whether it has ended, without waiting for it."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def send_after(self, seconds: float, number: int) -> bool:
        """Sends a signal after so much CPU time; False where it had ended before."""
        while not self.over():
            if self.cpu() >= seconds:
                os.kill(self.pid, number)
                return True
            time.sleep(0.002)
        return False

    def reach(self, ready: Callable[[], bool]) -> bool:
        """Waits until something is so; False where it had ended before."""
        while not self.over():
            if ready():
                return True
            time.sleep(0.0005)
        return False

    def send_when(self, ready: Callable[[], bool], number: int) -> bool:
        """Sends a signal as soon as something is so; False where it had ended before."""
        reached = self.reach(ready)
        if reached:
            os.kill(self.pid, number)
        return reached


class Lab:
    """A folder with pictures, shards and a model, made once, and what runs the binaries on them.

    Args:
      root: an empty folder.
      with_training: whether a training is to be compared with.
    """

    def __init__(self, root: pathlib.Path, with_training: bool = True):
        self.root, self._number = root, 0
        for number, crop in enumerate(crops(40, 32)):
            files.write_png(root / "photographs" / f"{number:02d}.png", crop)
        self.config = root / "config.yaml"
        self.settings = systems.parse(_SETTINGS, "small", [f"data.train={root / 'shards'}"])
        self.config.write_text(config_lib.dump(self.settings), encoding="utf-8")
        self.wait_for(self.prepare("shards"))
        if with_training:
            self.whole = self.wait_for(self.train("whole"))
            """Seconds of CPU time of a training that nothing disturbs."""
            self.reference = self.result(root / "whole")

    def start(self, work: Callable[[], object]) -> Process:
        """A fork that does some work."""
        self._number += 1
        return Process(self.root / f"log-{self._number}.txt", work)

    def wait_for(self, process: Process) -> float:
        """Waits for what must succeed; its seconds of CPU time."""
        if process.wait():
            raise RuntimeError(f"ended with {process.status}:\n{process.output[-3000:]}")
        return process._cpu

    def run(self, tool: str, *flags: str, patch: Callable[[], object] = lambda: None) -> Process:
        """A binary; `patch` changes something in its process first."""

        def work() -> None:
            module = importlib.import_module(f"tools.{tool}")
            sys.argv = [str(ROOT / "tools" / f"{tool}.py"), *flags]
            patch()
            module.main()

        return self.start(work)

    def train(self, name: str, *flags: str, patch: Callable[[], object] = lambda: None) -> Process:
        """The training, into a folder below the root."""
        return self.run("train", f"--config={self.config}", f"--model_dir={self.root / name}", *flags, patch=patch)

    def prepare(self, name: str, patch: Callable[[], object] = lambda: None, config: str = "config") -> Process:
        """The preparation, in jobs of four photographs, all in its own process."""

        def small() -> None:
            prepare._SHARD = 4
            prepare.processes = lambda count: prepare.here  # type: ignore[assignment]
            patch()

        source, output = self.root / "photographs", self.root / name
        flags = (f"--input={source}", f"--output={output}", f"--config={self.root / config}.yaml")
        return self.run("prepare_data", *flags, patch=small)

    def result(self, folder: pathlib.Path) -> dict[str, object]:
        """What a training has come to: its losses, by step, and its weights."""
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        with np.load(folder / "weights.npz") as arrays:
            weights = {name: arrays[name].tobytes() for name in arrays.files}
        return {"losses": [{**row, "steps_per_second": 0} for row in rows], "weights": weights}

    def difference(self, name: str) -> str:
        """What a finished training differs in from the one that nothing disturbed; empty where it is the same."""
        result = self.result(self.root / name)
        return "; ".join(f"other {key}" for key in result if result[key] != self.reference[key])

    def damage(self, name: str) -> str:
        """What in a run folder is half written or wrong, at any moment; empty where all is right."""
        folder, problems = self.root / name, []
        reference = {row["step"]: row for row in self.reference["losses"]}  # type: ignore[attr-defined]
        if (folder / "metrics.jsonl").exists():
            *lines, last = (folder / "metrics.jsonl").read_text().split("\n")
            for line in lines:
                row = {**json.loads(line), "steps_per_second": 0}
                if row != reference[row["step"]]:
                    problems.append(f"step {row['step']} has other losses")
        with contextlib.suppress(FileNotFoundError):
            with np.load(folder / "weights.npz") as arrays:
                if not all(np.isfinite(arrays[key]).all() for key in arrays.files):
                    problems.append("weights.npz is not finite")
        for grid in (folder / "grids").glob("[0-9]*.png"):
            files.read_rgb(grid)
        if (folder / "config.yaml").exists():
            systems.load(folder / "config.yaml")
        return "; ".join(problems)

    def step(self, name: str) -> int:
        """The step of the newest checkpoint that TensorFlow's list names; 0 where there is none."""
        state = self.root / name / "checkpoints" / "checkpoint"
        first = state.read_text().splitlines()[0] if state.exists() else "-0"
        return int(first.rpartition("-")[2].strip('"'))


@contextlib.contextmanager
def small_disk(folder: pathlib.Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system in memory of a size such as 600k; gives what mounts it with other options, such as ro.

    Raises:
      RuntimeError: only root may mount one.
    """
    folder.mkdir(parents=True)

    def mount(*arguments: str) -> None:
        process = subprocess.run(["mount", *arguments, str(folder)], capture_output=True, text=True, check=False)
        if process.returncode:
            raise RuntimeError(f"no file system could be mounted at {folder}: {process.stderr.strip()}")

    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")
    try:
        yield lambda options: mount("-o", f"remount,{options}")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """All files of a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def write_table(path: pathlib.Path, section: str, head: Sequence[str], rows: Sequence[Row]) -> str:
    """Puts rows into a table between the marks of a document, in the place of those of the same title; the others,
    which another call has tried, stay. Returns the table."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    old = text.partition(f"<!-- {section}:begin -->")[2].partition(f"<!-- {section}:end -->")[0]
    lines = {line.split("|")[1].strip(): line for line in old.strip().splitlines()[len(head) :] if line.startswith("|")}
    lines.update({row.fault: row.text() for row in rows})
    table = "\n".join([*head, *lines.values()])
    report.write_section(path, section, table)
    return table


def again(start: Callable[[], Process]) -> str:
    """What was wrong with a start that should have succeeded, or nothing."""
    process = start()
    return f"again, ended with {process.status}: {process.output[-3000:]}" if process.wait() else ""


def stop_at(step: int) -> None:
    """Ends the trainings of this process early."""
    from tfsketch.training.trainer import Trainer

    run = Trainer.run
    Trainer.run = lambda self: run(self, step)  # type: ignore[method-assign,assignment]
