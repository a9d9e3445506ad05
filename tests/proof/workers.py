"""Several processes at one training: `python -m tests.proof.workers`; with --dask, preparation on Beam's DaskRunner.

Every process is one of its own, on this machine's loopback; a job is kept up as a cluster's supervisor would: what
ended is started again with the same command. The table goes between its marks in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

from tests.proof.lab import KILL, ROOT, Lab, Process, Row, contents, write_table
from tests.tiny import TINY
from tfsketch import config as config_lib
from tfsketch import systems

_STEPS = 20


def _ports(count: int) -> list[int]:
    """Free ports of this machine."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Job:
    """A training of several workers, each a process, in one run folder."""

    def __init__(self, lab: Lab, config: pathlib.Path, name: str, count: int):
        self._lab, self._config, self._name = lab, config, name
        self._addresses = [f"127.0.0.1:{port}" for port in _ports(count)]
        self.starts = 0
        self.workers = [self._start(number) for number in range(count)]

    def _start(self, number: int) -> Process:
        def as_worker() -> None:
            cluster = {"cluster": {"worker": self._addresses}, "task": {"type": "worker", "index": number}}
            os.environ["TF_CONFIG"] = json.dumps(cluster)

        self.starts += 1
        flags = (f"--config={self._config}", f"--model_dir={self._lab.root / self._name}")
        return self._lab.run("train", *flags, "--set=train.strategy=multi_worker", patch=as_worker)

    def keep_up(self, seconds: float = 900) -> str:
        """Starts again what ended with an error, until all are through; what went wrong otherwise."""
        end, clock = time.monotonic() + seconds, set()
        while len(clock) < len(self.workers):
            for number, worker in enumerate(self.workers):
                if number not in clock and worker.over():
                    if worker.wait() == 0:
                        clock.add(number)
                    else:
                        print(f"worker {number} ended with {worker.status}: {worker.output[-300:]}", flush=True)
                        self.workers[number] = self._start(number)
            if time.monotonic() > end:
                for number, worker in enumerate(self.workers):
                    if number not in clock:
                        os.kill(worker.pid, KILL)
                        worker.wait()
                return f"not through after {seconds:g} s"
            time.sleep(0.2)
        return ""


def _rows(folder: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def _difference(one: pathlib.Path, other: pathlib.Path) -> float:
    """The largest difference between two logs, relative where values are over 1."""
    first, second = _rows(one), _rows(other)
    if [row["step"] for row in first] != [row["step"] for row in second]:
        return float("inf")
    return max(
        abs(a[key] - b[key]) / max(1.0, abs(a[key]))
        for a, b in zip(first, second)
        for key in set(a) - {"phase", "steps_per_second", "step"}
    )


def _alone(lab: Lab) -> pathlib.Path:
    """A configuration, which one process has trained into the folder `one`."""
    overrides = [f"data.train={lab.root / 'shards'}", "sketch.style=canny", "model.generator.stages=2"]
    overrides += ["model.generator.kernels=[3, 3]", f"train.phases=[{{name: main, steps: {_STEPS}}}]"]
    settings = systems.parse(TINY, "tiny", overrides)
    config = lab.root / "tiny.yaml"
    config.write_text(config_lib.dump(settings), encoding="utf-8")
    lab.wait_for(lab.run("train", f"--config={config}", f"--model_dir={lab.root / 'one'}"))
    return config


def mirrored_strategy(lab: Lab) -> Iterator[Row]:
    """MultiWorkerMirroredStrategy against one process."""
    config = _alone(lab)
    for count in (2, 4):
        row = Row(f"{count} processes, MultiWorkerMirrored, {_STEPS} steps of SC-FEGAN at its smallest, float32")
        problem = Job(lab, config, f"workers-{count}", count).keep_up()
        apart = float("inf") if problem else _difference(lab.root / "one", lab.root / f"workers-{count}")
        row.count(problem or ("" if apart <= 1e-5 else f"differs from one process by {apart:.1e}"))
        row.note = f"largest difference of a loss or gradient norm from one process: {apart:.1e}"
        yield row


def restart(lab: Lab) -> Iterator[Row]:
    """A worker of two is killed in mid-run."""
    config = _alone(lab)
    row = Row("a worker of two killed, started again by a supervisor")
    job = Job(lab, config, "killed", 2)
    log, step = lab.root / "killed" / "metrics.jsonl", random.randint(5, 14)
    job.workers[1].send_when(lambda: log.exists() and log.read_text().count("\n") >= step, KILL)
    start = time.monotonic()
    problem = job.keep_up()
    apart = float("inf") if problem else _difference(lab.root / "one", lab.root / "killed")
    row.count(problem or ("" if apart <= 1e-5 else f"differs from one process by {apart:.1e}"))
    row.note = (
        f"killed after step {step}; {job.starts} starts of two workers, through {time.monotonic() - start:.0f} s "
    )
    row.note += f"later; largest difference from one process: {apart:.1e}"
    yield row


def stop(lab: Lab) -> Iterator[Row]:
    """A worker of two is asked to end, as on a machine that is taken away: both save and end, and go on later."""
    config = _alone(lab)
    for number in (0, 1):
        row, name = Row(f"SIGTERM to worker {number} of two"), f"stopped-{number}"
        job = Job(lab, config, name, 2)
        log, due = lab.root / name / "metrics.jsonl", random.choice((5, 6, 9, 10, 13))
        job.workers[number].send_when(lambda: log.exists() and log.read_text().count("\n") >= due, signal.SIGTERM)
        statuses = [worker.wait() for worker in job.workers]
        step = lab.step(name)
        is_saved = f"stopped by SIGTERM at step {step}, saved" in job.workers[0].output
        problem = (
            ""
            if statuses == [143, 143] and is_saved
            else f"ended with {statuses}, saved {step}: " + "; ".join(worker.output[-700:] for worker in job.workers)
        )
        job.workers = [job._start(number) for number in range(2)]
        problem = problem or job.keep_up()
        apart = float("inf") if problem else _difference(lab.root / "one", lab.root / name)
        row.count(problem or ("" if apart <= 1e-5 else f"differs from one process by {apart:.1e}"))
        row.note = f"both ended with 143, saved at step {step}; gone on, the largest difference from one process: "
        row.note += f"{apart:.1e}"
        yield row


def service(lab: Lab) -> Iterator[Row]:
    """tf.data service with two workers, one of which is killed and started again."""
    row = Row("two data workers (tf.data service), one killed and started again in mid-run")
    ports = _ports(2)
    longer = "--set=train.phases=[{name: main, steps: 200}]"  # than what is made ahead: the killed worker is missed

    def worker(port: int) -> Process:
        process = lab.run("data_worker", f"--config={lab.config}", longer, f"--port={port}", "--host=127.0.0.1")
        while "grpc://" not in process.output and not process.over():
            time.sleep(0.05)
        return process

    workers = [worker(port) for port in ports]
    addresses = ",".join(f"grpc://127.0.0.1:{port}" for port in ports)
    flags = (f"--set=data.service='{addresses}'", longer)
    lab.wait_for(lab.train("alone", flags[1], "--set=train.checkpoint_every=100"))
    training = lab.train("fed", *flags, "--set=train.checkpoint_every=100")
    log = lab.root / "fed" / "metrics.jsonl"
    is_killed = False
    while not training.over():
        if not is_killed and log.exists() and log.read_text().count("\n") >= 20:
            os.kill(workers[0].pid, KILL)
            workers[0].wait()
            workers[0], is_killed = worker(ports[0]), True
        time.sleep(0.05)
    status = training.wait()
    for one in workers:
        os.kill(one.pid, signal.SIGTERM)
        one.wait()
    again = "going on at step" in training.output
    same = status == 0 and lab.result(lab.root / "fed") == lab.result(lab.root / "alone")
    row.count("" if is_killed and same else f"ended with {status}, killed {is_killed}: {training.output[-1500:]}")
    where = training.output.partition("going on at step ")[2].split("\n")[0]
    row.note = f"the same process went on at step {where}" if again else "the trainer did not notice"
    row.note += "; losses and weights of a training without data workers, bit for bit"
    yield row


def on_dask(lab: Lab) -> Iterator[Row]:
    """Beam's DaskRunner: a scheduler and two workers, each a process of its own."""
    # Of a system that processes know which this one has not made.
    (lab.root / "plain.yaml").write_text(
        "{image_size: 32, sketch: {style: canny, min_side: 64}, prepare: {styles: [canny], regions: none}, "
        "model: {generator: {stages: 3, kernels: [3, 3, 3]}}}"
    )
    lab.wait_for(lab.prepare("prepared", config="plain"))
    reference = contents(lab.root / "prepared")
    python, environment = sys.executable, {**os.environ, "PYTHONPATH": str(ROOT)}

    def start(*command: str) -> subprocess.Popen:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=open(lab.root / "dask.txt", "ab")
        )

    port = _ports(1)[0]
    address = f"tcp://127.0.0.1:{port}"
    flags = ("--nthreads=1", "--no-dashboard", "--no-nanny", "--death-timeout=60")

    def worker() -> subprocess.Popen:
        return start(python, "-m", "distributed.cli.dask_worker", address, *flags)

    scheduler = start(
        python, "-m", "distributed.cli.dask_scheduler", "--host=127.0.0.1", f"--port={port}", "--no-dashboard"
    )
    workers = [worker(), worker()]

    def prepare(name: str) -> subprocess.Popen:
        code = (
            "import sys; from tfsketch.data import prepare; prepare._SHARD = 4; from tools import prepare_data; "
            "sys.argv[0] = 'prepare_data.py'; prepare_data.main()"
        )
        command = [python, "-c", code, f"--input={lab.root / 'photographs'}", f"--output={lab.root / name}"]
        command += [f"--config={lab.root / 'plain.yaml'}", "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"]
        command += [f"--beam=--dask_client_address={address}"]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    try:
        for title, kill in (("Beam's DaskRunner, two workers", False), ("the same, a worker killed in mid-run", True)):
            row, name = Row(title), f"dask-{int(kill)}"
            begin = time.monotonic()
            process = prepare(name)
            message = ""
            if kill:
                while process.poll() is None and not list((lab.root / name).glob("unfinished/examined-*.json")):
                    time.sleep(0.02)
                workers[0].send_signal(signal.SIGKILL)
                workers[0].wait()
                message = f"killed with {len(list((lab.root / name).glob('unfinished/*.json')))} of 20 jobs done; "
            output = process.communicate(timeout=900)[0]
            content = contents(lab.root / name)
            same = process.returncode == 0 and content == reference
            row.count("" if same else f"ended with {process.returncode}: {output[-2500:]}")
            row.note = (
                f"{message}all {len(reference)} files equal those of one process; {time.monotonic() - begin:.0f} s"
            )
            yield row
    finally:
        print((lab.root / "dask.txt").read_text()[-3000:], flush=True)
        for one in (*workers, scheduler):
            one.kill()
            one.wait()


GROUPS = {
    "mirrored": mirrored_strategy,
    "restarted": restart,
    "stopped": stop,
    "served": service,
    "dask": on_dask,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=GROUPS, nargs="+", default=["mirrored", "restarted", "stopped", "served"])
    parser.add_argument("--markdown", default="", help="where the table goes, such as docs/reliability.md")
    options = parser.parse_args(arguments)
    random.seed(0)
    scratch, rows = pathlib.Path(tempfile.mkdtemp(prefix="workers-")), []
    try:
        lab = Lab(scratch, with_training=False)
        for name in options.only:
            for row in GROUPS[name](lab):
                rows.append(row)
                print(row.text(), flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    head = ["| job | tried | right | wrong | what was seen | day |", "| --- | ---: | ---: | ---: | --- | --- |"]
    print("\n".join([*head, *(row.text() for row in rows)]))
    if options.markdown:
        write_table(ROOT / options.markdown, "dask" if options.only == ["dask"] else "workers", head, rows)
    raise SystemExit(any(row.losses for row in rows))


if __name__ == "__main__":
    main()
