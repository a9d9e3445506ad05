#!/usr/bin/env bash
# TensorFlow's CheckpointManager forgets its checkpoints where the clock has been set back between two starts: the second
# manager lists none of those that are there, `max_to_keep` no longer counts them, and they stay on the disk for ever.
# (`latest_checkpoint` still names the newest, so that a run goes on; a fallback to the one before finds none listed.)
# One would expect times not to matter, since `keep_checkpoint_every_n_hours` is not set.
# Seen with TensorFlow 2.15.1: 2 kept, the clock set back by two days, 3 more saved: 4 files instead of 2, and the list
# of the second manager empty. PYTHON=... names an interpreter that has TensorFlow; by default one is installed.
set -euo pipefail
cd "$(mktemp -d)"
if [ -z "${PYTHON:-}" ]; then
  python3 -m venv venv && venv/bin/pip install --quiet tensorflow==2.15.1
  PYTHON=venv/bin/python
fi
TF_CPP_MIN_LOG_LEVEL=3 "$PYTHON" - <<'PYTHON_CODE'
import glob, sys, time
import tensorflow as tf

real, folder = time.time, "checkpoints"

def manager():
    return tf.train.CheckpointManager(tf.train.Checkpoint(v=tf.Variable(1.0)), folder, max_to_keep=2)

first = manager()
for number in (1, 2):
    first.save(checkpoint_number=number)
time.time = lambda: real() - 172_800  # what a clock that was set back says
second = manager()
listed = list(second.checkpoints)
for number in (3, 4, 5):
    second.save(checkpoint_number=number)
there = sorted(glob.glob(f"{folder}/*.index"))
print(f"TensorFlow {tf.__version__}: the second manager lists {listed}; max_to_keep=2, on the disk {there}")
sys.exit(not (listed == [] and len(there) == 4))
PYTHON_CODE
echo "as described"
