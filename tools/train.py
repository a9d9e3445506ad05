"""Trains an experiment; run again on the same --model_dir, it resumes exactly.

    python -m tools.train --config=configs/sc_fegan_light_faces_128.yaml --model_dir=runs/faces
    python -m tools.train --config=configs/sc_fegan_celebahq_512.yaml --dry_run

Exit status: 0 when all steps are done, 128 + the signal's number when SIGTERM or SIGINT stopped it (saved), 2 on an
error.
"""

from absl import app, flags

from tfsketch import systems
from tfsketch.config import cli
from tfsketch.images import paths

_CONFIG = flags.DEFINE_string(
    "config",
    None,
    "YAML file of the experiment, or the name of a shipped one, such as sc_fegan_smoke_64.",
    required=True,
)
_MODEL_DIR = flags.DEFINE_string("model_dir", "", "Run folder: checkpoints, logs, grids and the model.")
_SET = flags.DEFINE_multi_string("set", [], "key=value over the configuration, such as train.batch_size=4")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the effective configuration, parameters and GFLOPs, and stop.")


def _main(argv: list[str]) -> int:
    del argv
    settings = systems.load(_CONFIG.value, _SET.value)
    if not (_DRY_RUN.value or _MODEL_DIR.value):
        raise app.UsageError("expected --model_dir=FOLDER (or --dry_run)")
    if not _DRY_RUN.value:
        paths.check_there(settings.data.train, "data.train", "; prepare_data makes it, --set data.train=DIR names it")
        if settings.data.validation:
            hint = " (with --set data.validation= the grids show pictures of data.train)"
            paths.check_there(settings.data.validation, "data.validation", hint)
        paths.check_folder(_MODEL_DIR.value, "--model_dir")
    from tfsketch.training import trainer
    from tfsketch.training.describe import describe

    if _DRY_RUN.value:
        print(describe(settings, systems.make_task(settings)))
        return 0
    return trainer.Trainer(settings, _MODEL_DIR.value, systems.make_task).run()


def main() -> None:
    cli.run(_main)


if __name__ == "__main__":
    main()
