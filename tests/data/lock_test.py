"""Locks of folders: who holds one is said, the dead hold nothing, with the kernel's locks and without."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from tfsketch.data import lock
from tfsketch.errors import LockedError

ROOT = pathlib.Path(__file__).resolve().parents[2]
_HOLDER = """
import errno, sys, time
from tfsketch.data import lock
if sys.argv[2] == "without":
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")
    lock.fcntl.lockf = unsupported
with lock.hold(sys.argv[1]):
    print("holds", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["kernel", "without"])
def kind(request, monkeypatch):
    """With the kernel's locks, and on a file system that has none."""
    if request.param == "without":

        def no_locks(*_):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(lock.fcntl, "lockf", no_locks)
    monkeypatch.setattr(lock, "_BEAT", 0.02)
    monkeypatch.setattr(lock, "_PATIENCE", 0.3)
    return request.param


def _left(folder: pathlib.Path, **changes) -> None:
    """What another process left there."""
    content = {"machine": "elsewhere 1", "process": 7, "started": "9", "command": "train", "time": "then", "count": 3}
    folder.mkdir(exist_ok=True)
    partial = folder / "partial"
    partial.write_text(json.dumps({**content, **changes}))
    partial.replace(folder / ".lock")


def test_the_second_is_told_who_holds_it_and_the_dead_hold_nothing(kind, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path), kind], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "holds\n"
        message = f"{tmp_path}: expected a folder .* held by process {process.pid} on .* since 20.*-c .*{tmp_path.name}"
        for _ in range(2):
            with pytest.raises(LockedError, match=message), lock.hold(tmp_path):
                pass
        with pytest.raises(LockedError, match=message):
            lock.check(tmp_path)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    lock.check(tmp_path)
    with lock.hold(tmp_path):
        lock.check(tmp_path)  # one's own
        with pytest.raises(LockedError, match=f"process {os.getpid()} "), lock.hold(tmp_path / "."):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_holder_that_has_not_said_who_it_is_holds_the_folder_too(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_BEAT", 0.02)
    code = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print('holds', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / ".lock")], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "holds\n"
        with pytest.raises(LockedError, match="held by a process that does not say who it is"), lock.hold(tmp_path):
            pass
    finally:
        process.kill()
        process.communicate()


def test_who_waits_gets_it(kind, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER.replace("60", "1"), str(tmp_path), kind],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "holds\n"
    with lock.hold(tmp_path, wait=True):
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_another_machines_holder_is_watched(kind, tmp_path, capsys):
    _left(tmp_path)
    with lock.hold(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["process"] == os.getpid()
    assert "left by process 7 on elsewhere; watching for 0.3 s" in capsys.readouterr().out
    over = threading.Event()

    def count():
        number = 3
        while not over.wait(0.05):
            number += 1
            _left(tmp_path, count=number)

    thread = threading.Thread(target=count)
    thread.start()
    time.sleep(0.1)
    try:
        with pytest.raises(LockedError, match=r"held by process 7 on elsewhere since then \(train\)"):
            with lock.hold(tmp_path):
                pass
    finally:
        over.set()
        thread.join()


def test_a_number_that_another_process_has_by_now_holds_nothing(kind, tmp_path):
    _left(tmp_path, machine=lock._machine(), process=os.getppid())
    lock.check(tmp_path)
    with lock.hold(tmp_path):
        pass


def test_a_copy_of_a_folder_in_use_is_nobodys(kind, tmp_path):
    with lock.hold(tmp_path / "run"):
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
        lock.check(tmp_path / "copy")
        with lock.hold(tmp_path / "copy"):
            pass
        (tmp_path / "run").rename(tmp_path / "moved")  # which is held as before
        with pytest.raises(LockedError, match=f"held by process {os.getpid()} on "):
            lock.check(tmp_path / "moved")
        (tmp_path / "moved").rename(tmp_path / "run")


@pytest.mark.parametrize("content", ["", '{"machine": "el', "[]", "{}"])
def test_a_file_that_says_nothing_holds_nothing(kind, tmp_path, content):
    (tmp_path / ".lock").write_text(content)
    lock.check(tmp_path)
    with lock.hold(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_holder_counts_in_a_file_of_one_length(kind, tmp_path):
    with lock.hold(tmp_path):
        first = (tmp_path / ".lock").read_bytes()
        deadline = time.monotonic() + 20
        while (now := (tmp_path / ".lock").read_bytes()) == first and time.monotonic() < deadline:
            time.sleep(0.01)
        assert json.loads(now)["count"] > json.loads(first)["count"] and len(now) == len(first)
