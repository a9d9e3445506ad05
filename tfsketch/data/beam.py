"""The same preparation as an Apache Beam pipeline, for any of its runners.

Each step of `prepare` becomes a pipeline: its jobs are the elements, `Reshuffle` spreads them over the workers, and
every worker sets its networks up once and runs jobs (`data.jobs`), so that both ways make the same files. Between the
two pipelines the plan is made in the process that started them. So all workers must read and write at the same paths,
as on one machine or on a shared file system; a run that was killed continues where it stopped, which Beam alone would
not.

Beam is the optional extra `beam`, and is imported only here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import cv2

from tfsketch.data import prepare
from tfsketch.data.jobs import Job, Setup, Tick
from tfsketch.errors import DataError, install_command

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError as error:
    raise DataError(
        f"--runner: expected Apache Beam, found {error}; install the extra `beam` together with the rest: "
        f"{install_command('beam')}, or leave --runner out"
    ) from error


class RunJobs(beam.DoFn):
    """Runs `Job`s: an element in, its number of pictures out."""

    def __init__(self, setup: Setup):
        super().__init__()
        self._setup = setup
        self._pictures = beam.metrics.Metrics.counter("tfsketch", "pictures")

    def setup(self) -> None:
        """Called once per worker."""
        cv2.setNumThreads(1)
        self._worker = self._setup.worker()

    def process(self, job: Job) -> Sequence[int]:
        job.run(self._worker, self._pictures.inc)
        return [job.count]


def pipeline(flags: Sequence[str]) -> prepare.Execute:
    """Runs jobs in a Beam pipeline.

    Args:
      flags: Beam's own, such as `--runner=DirectRunner` and `--direct_num_workers=4`.
    """

    @contextlib.contextmanager
    def execute(setup: Setup) -> Iterator[prepare.Run]:
        def run(jobs: Sequence[Job], tick: Tick) -> None:
            with beam.Pipeline(options=PipelineOptions(list(flags))) as flow:
                _ = (
                    flow
                    | "Jobs" >> beam.Create(list(jobs))
                    | "Spread" >> beam.Reshuffle()
                    | "Run" >> beam.ParDo(RunJobs(setup))
                )
            tick(sum(job.count for job in jobs))

        yield run

    return execute
