"""From photographs to TFRecord shards that training reads, on one machine.

What is slow to compute (sketches, the colour filters, face regions) is computed once and stored; what is random (masks,
strokes, flips) is sampled anew by `batches`. `examples` makes an example, `sources` finds the photographs. This module
decides which photographs go where, and runs the work:

1. every photograph is examined (read, checked, hashed, its face detected);
2. the plan follows from the findings alone: of duplicates the first by id stays, a hash of the content decides between
   training and validation, and the rest is split into shards of `_SHARD`, in the order of the ids;
3. the shards are written.

OUTPUT then describes itself: `config.yaml` has the conditions' settings, `manifest.json` the inputs, with a checksum
per shard, `report.json` and `report.txt` account for every photograph. Shards for validation are in OUTPUT/validation.

Steps 1 and 3 are split into jobs that each write a file under its final name or none, so a killed run continues where
it stopped and ends with the same files, for any number of processes. Unfinished files are in OUTPUT/unfinished, which
is removed at the end; the manifest is written last and marks completion. `plan.json` holds what the files depend on, so
that a run is never continued with other settings or photographs. One process at a time prepares a folder (`lock`); its
own workers are not counted.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import cv2
import tensorflow as tf
from tqdm import tqdm

from tfsketch import config as config_lib
from tfsketch.config import shipped
from tfsketch.data import examples, lock, sources
from tfsketch.data.jobs import ExamineJob, Job, Setup, ShardJob, Tick
from tfsketch.data.plan import Photograph, Report, make_plan, read_report
from tfsketch.errors import ConfigError, DataError
from tfsketch.images import faces, files, paths
from tfsketch.nn.features import hed_weights_path

_SHARD = 256
"""Photographs per job: of a shard, and of an examination."""

FILTERS = ("median", "bilateral")
"""How the names of those settings of `color` begin that a colour map depends on."""

Run = Callable[[Sequence[Job], Tick], None]
"""Runs jobs in any order and returns when all are done."""
Execute = Callable[[Setup], contextlib.AbstractContextManager[Run]]
"""Runs the work; what it starts for one preparation ends with the context."""


@contextlib.contextmanager
def here(setup: Setup) -> Iterator[Run]:
    """Runs jobs in this process: for a few photographs."""
    worker = setup.worker()

    def run(jobs: Sequence[Job], tick: Tick) -> None:
        for job in jobs:
            job.run(worker, tick)

    yield run


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """A context for starting processes that a terminal's Ctrl-C does not reach, since they inherit the signal mask:
    this process handles it, once all of them have started."""
    signals: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handlers = {}
    if threading.current_thread() is threading.main_thread():  # in other threads signals raise nothing
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers[number] = signal.signal(number, lambda number, frame: signals.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for pending in signals:
            signal.raise_signal(pending)


def processes(count: int) -> Execute:
    """Runs jobs in `count` new processes of one thread each; the files are the same for every count.

    They are spawned, since TensorFlow does not survive a fork: a script that calls this needs the usual `if __name__ ==
    "__main__"`. They do not use GPUs, whose memory several processes would compete for.

    Raises:
      DataError: a process died.
    """

    @contextlib.contextmanager
    def execute(setup: Setup) -> Iterator[Run]:
        context, others = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
        ticks = context.SimpleQueue()
        pool = concurrent.futures.ProcessPoolExecutor(count, context, initializer=_begin, initargs=(setup, ticks))

        def run(jobs: Sequence[Job], tick: Tick) -> None:
            with _starting():
                pending = {pool.submit(_run, job) for job in jobs}
            while pending:
                complete, pending = concurrent.futures.wait(pending, 0.2, concurrent.futures.FIRST_EXCEPTION)
                while not ticks.empty():
                    tick(ticks.get())
                for future in complete:
                    future.result()

        try:
            yield run
        except concurrent.futures.process.BrokenProcessPool as error:
            raise DataError(
                "a worker process died, perhaps for want of memory; run again with the same output and fewer workers, "
                "and it goes on where it stopped"
            ) from error
        except BaseException:
            # Their jobs may take minutes more; the next run restarts those that are half done.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    return execute


_state: tuple[examples.Worker, Tick]
"""Of a process of `processes`."""


def _begin(setup: Setup, ticks: multiprocessing.SimpleQueue) -> None:
    """Starts a process of `processes`."""
    global _state
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is not the main process

    def follow() -> None:
        # A pool's process outlives a killed parent, and would go on writing beside the next run.
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.set_visible_devices([], "GPU")
    cv2.setNumThreads(1)
    _state = (setup.worker(), ticks.put)


def _run(job: Job) -> None:
    job.run(*_state)


def _check(inputs: Sequence[str], output: str, config: config_lib.Config, labels: str) -> None:
    """Refuses impossible settings before anything is read."""
    config_lib.check_section(config, "prepare", "config")
    if (config.prepare.regions == "labels") != bool(labels):
        raise ConfigError(
            f"prepare.regions: expected `labels` together with a folder of label pictures (--labels), and neither "
            f"without the other; found {config.prepare.regions!r} and {labels!r}"
        )
    if labels and not os.path.isdir(labels):
        raise DataError(f"expected a folder of label pictures, found no folder at {labels}")
    if config.prepare.align == "ffhq":
        faces.require()
    if "hed" in examples.styles(config):
        hed_weights_path()
    for path in (os.path.realpath(paths.on_disk(path)) for path in inputs):
        for what, place in (("an output", output), ("labels", labels)):
            if place and os.path.isdir(path) and os.path.commonpath([path, os.path.realpath(place)]) == path:
                raise DataError(f"expected {what} outside of the photographs, found {place} in {path}")


def _depends(collection: sources.Collection, config: config_lib.Config, labels: str) -> dict[str, object]:
    """What the files of a preparation depend on; strokes, for example, are sampled later, and may change between
    runs."""
    if labels:
        stems: dict[str, str] = {}
        for item in collection.items:
            other = stems.setdefault(paths.normal_form(pathlib.PurePath(item.member or item.path).stem), item.id)
            if other != item.id:
                raise DataError(f"{labels}: expected labels for one picture a name, found {other} and {item.id}")
    tree = config_lib.to_dict(config)
    if not config.prepare.windows:  # so that folders made before this setting stay valid
        del tree["prepare"]["windows"]
    items = [dataclasses.astuple(item) for item in collection.items]
    plan = {
        "size": config.stored_size,
        "styles": examples.styles(config),
        "sketch": tree["sketch"],
        "color": {key: value for key, value in tree["color"].items() if key.startswith(FILTERS)},
        "prepare": tree["prepare"],
        "labels": os.path.abspath(labels) if labels else "",
        "pictures": hashlib.sha256(json.dumps(items).encode()).hexdigest(),
    }
    if config.prepare.regions not in ("none", "labels"):
        weights = shipped.model_folder(config.prepare.regions) / "weights.npz"
        plan["face_parser"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    return json.loads(json.dumps(plan))


def _results(run: Run, jobs: Sequence[Job], title: str) -> list:
    """Runs the jobs that have no result yet; returns the results of all, read from JSON."""
    missing = [job for job in jobs if not os.path.exists(job.result)]
    total, left = (sum(job.count for job in some) for some in (jobs, missing))
    with tqdm(total=total, initial=total - left, desc=title, unit="pictures", mininterval=2) as bar:
        if missing:
            run(missing, bar.update)
    return [json.loads(pathlib.Path(job.result).read_text()) for job in jobs]


def _examine_jobs(collection: sources.Collection, scratch: pathlib.Path) -> list[ExamineJob]:
    starts = range(0, len(collection.items), _SHARD)
    return [
        ExamineJob(str(scratch / f"examined-{number:05d}.json"), collection.items[start : start + _SHARD])
        for number, start in enumerate(starts)
    ]


def _shard_jobs(
    sides: Mapping[str, Sequence[Photograph]], folder: pathlib.Path, scratch: pathlib.Path
) -> list[ShardJob]:
    jobs = []
    for side, pictures in sides.items():
        count = -(-len(pictures) // _SHARD)
        for number in range(count):
            name = f"pictures-{number:05d}-of-{count:05d}.tfrecord"
            (folder / side).mkdir(exist_ok=True)
            part = tuple(pictures[number * _SHARD : (number + 1) * _SHARD])
            jobs.append(ShardJob(str(scratch / f"{side}-{name}.json"), str(folder / side / name), part))
    return jobs


def _put(path: pathlib.Path, text: str, scratch: pathlib.Path) -> None:
    """Writes a small file atomically, leaving nothing beside it if killed."""
    partial = scratch / f"{path.name}.{os.getpid()}.partial"
    files.write_bytes(partial, text.encode("utf-8", errors="backslashreplace"))
    partial.replace(path)


def prepare(
    inputs: Sequence[str],
    output: str,
    config: config_lib.Config,
    only: str = "",
    exclude: str = "",
    labels: str = "",
    execute: Execute = here,
    wait: bool = False,
) -> Report:
    """Makes shards of photographs; run again on the same `output`, it continues where it stopped.

    Args:
      inputs: folders, zip archives, pictures or lists of pictures; see `sources.find`.
      output: folder of the shards, outside the inputs.
      config: `image_size`, `data.stored_size` and the sections `prepare`, `sketch` and `color` are used.
      only: a file that lists the only pictures to take, one `folder/name` per line; empty for all.
      exclude: a file that lists pictures to leave out.
      labels: for `prepare.regions: labels`, a folder with a label picture (`.png`, CelebAMask-HQ's 19 classes) under
        each photograph's name.
      execute: what runs the jobs: `here`, `processes(n)` or `beam.pipeline(flags)`.
      wait: for another process that prepares the same folder, instead of refusing.

    Raises:
      LockedError: another process is preparing `output`.
      DataError: nothing to do, no usable picture, or `output` was made from another input or configuration.
      ImageError: an input is missing or empty. A single bad picture is refused, named, and skipped.
      ConfigError: a setting of `prepare` that is not valid.
      WeightsError: no such face parser.
    """
    _check(inputs, output, config, labels)
    collection = sources.find(inputs, only, exclude)
    depends, folder = _depends(collection, config, labels), pathlib.Path(output)
    if _is_complete(folder, depends):
        return read_report(folder)
    with lock.hold(folder, wait):
        if not _is_complete(folder, depends):  # another process may have done it in the meantime
            return _write(collection, folder, depends, config, labels, execute)
    return read_report(folder)


def _is_complete(folder: pathlib.Path, depends: Mapping[str, object]) -> bool:
    """Whether a folder holds the complete output for this input.

    Raises:
      DataError: it was made, or is being made, from another input.
    """
    plan, manifest = folder / "plan.json", folder / "manifest.json"
    made_of = json.loads(plan.read_text()) if plan.exists() else depends
    if other := [key for key in {**made_of, **depends} if made_of.get(key) != depends.get(key)]:
        raise DataError(
            f"{folder}: expected what these photographs and settings make, found it made of another: "
            f"{', '.join(other)} (see {plan}). Choose another folder, or delete this one, and it is made again"
        )
    if not (manifest.exists() and all((folder / name).exists() for name in json.loads(manifest.read_text())["shards"])):
        return False
    shutil.rmtree(folder / "unfinished", ignore_errors=True)
    return True


def _write(
    collection: sources.Collection,
    folder: pathlib.Path,
    depends: Mapping[str, object],
    config: config_lib.Config,
    labels: str,
    execute: Execute,
) -> Report:
    """Writes the missing files of a folder, the manifest last."""
    scratch = folder / "unfinished"
    scratch.mkdir(parents=True, exist_ok=True)
    _put(folder / "plan.json", json.dumps(depends, indent=1), scratch)
    _put(folder / "config.yaml", config_lib.dump(config), scratch)
    with execute(Setup(config, labels)) as run:
        stretches = _results(run, _examine_jobs(collection, scratch), "examined")
        findings = [examples.Finding.of(tree) for stretch in stretches for tree in stretch]
        sides, report = make_plan(collection, findings, config)
        _put(folder / "report.json", json.dumps(dataclasses.asdict(report), indent=1), scratch)
        _put(folder / "report.txt", str(report), scratch)
        if not sides[""]:
            rest = f" but {report.validation} for validation, as their content decides" if report.validation else ""
            raise DataError(
                f"expected pictures that can be used, found none of {report.photographs}{rest}; see {folder}/report.txt"
            )
        jobs = _shard_jobs(sides, folder, scratch)
        results = _results(run, jobs, "written")
    contents = {
        "examples": report.written,
        "validation": report.validation,
        "refused": len(report.refused),
        "duplicates": len(report.duplicates),
        "shards": {
            pathlib.Path(job.path).relative_to(folder).as_posix(): result["sha256"]
            for job, result in zip(jobs, results)
        },
    }
    _put(folder / "manifest.json", json.dumps(contents, indent=1), scratch)
    shutil.rmtree(scratch)
    return report
