"""What a training, a preparation and an export survive: `python -m tests.proof.faults` (root, for its small disks).

Every fault is tried on the binaries themselves, at small sizes, and judged by what lies on the disk afterwards: nothing
half written under a final name, nothing gone that was there, and a run that goes on must end with the losses, weights
and files, bit for bit, of one that nothing disturbed. The table goes between its marks in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import shutil
import tempfile
import time

from tests.proof import kills, storage, trainings
from tests.proof.lab import ROOT, Lab, write_table

GROUPS = {
    "training": kills.in_training,
    "preparation": kills.in_preparation,
    "export": kills.in_export,
    "disk": storage.full_disks,
    "sealed": storage.read_only,
    "damage": storage.damaged_files,
    "step": trainings.in_a_step,
    "save": trainings.in_a_save,
    "pairs": trainings.two_at_once,
    "clock": trainings.clock_set_back,
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
            lab.wait_for(lab.prepare("prepared"))
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
    raise SystemExit(any(row.losses for row in rows))


if __name__ == "__main__":
    main()
