"""Makes training examples for trainers on other machines (or in other processes), until interrupted.

    python -m tools.data_worker --config=CONFIG --set data.train=data/faces128 --port=5000
    python -m tools.train --config=CONFIG --model_dir=runs/faces --set data.service=grpc://THIS_MACHINE:5000

Its configuration and shards must be the trainer's (in any folder); a trainer whose settings differ is told which. It
uses two ports, --port and the next one: open them to trusted networks only. A process keeps about two cores busy, so
start one for every two cores, each on its own ports, and name all of them: data.service=grpc://a:5000,grpc://a:5002.
Why batches are the same, and what happens when a worker stops: see tfsketch/data/service.py.
"""

import signal
import socket

from absl import flags

from tfsketch import systems
from tfsketch.config import cli
from tfsketch.images import paths

_CONFIG = flags.DEFINE_string("config", None, "YAML file of the experiment, or a shipped one's name.", required=True)
_SET = flags.DEFINE_multi_string("set", [], "key=value over the configuration, such as data.train=data/faces128")
_PORT = flags.DEFINE_integer("port", 5000, "Port that trainers connect to; 0 chooses one.", lower_bound=0)
_HOST = flags.DEFINE_string("host", socket.gethostname(), "Name or address by which trainers reach this machine.")


def _main(argv: list[str]) -> None:
    del argv
    settings = systems.load(_CONFIG.value, _SET.value)
    paths.check_there(settings.data.train, "data.train")
    from tfsketch.data import service
    from tfsketch.data.batches import stages
    from tfsketch.data.shards import Shards

    shards = Shards(settings.data.train, settings.stored_size, settings.data.cache)
    fingerprint = service.fingerprint(shards.lengths, settings)
    server = service.Server(stages(shards, settings), fingerprint, _PORT.value, _HOST.value)
    print(f"{len(shards)} pictures from {settings.data.train} at {server.address}", flush=True)
    # Signals end the process at once: there is nothing to save, and the servers would wait for trainers.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    server.join()


def main() -> None:
    cli.run(_main)


if __name__ == "__main__":
    main()
