"""From a recipe to batches: opens the sources, loads the backbone, and works through the stream for one session."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.data.labels import match_labels
from cliptta_demo.backend.data.sources import OOD_LABEL, UNLABELLED, GivenImages, Source
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.downloads import Progress, watch
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.arithmetic import RunSize
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.languages import say
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs.cost import turn_of
from cliptta_demo.page.runs.machine import Machine, Scheduler
from cliptta_demo.page.session.state import Recipe, Session, Uploads
from cliptta_demo.page.session.uploads import NO_IMAGES, decode_uploads
from cliptta_demo.page.words.defaults import LIVE_INTERVAL, LIVE_RUNS, UPLOAD

T = TypeVar("T")
DONE = object()  # nothing is left to do


@dataclass(frozen=True)
class Begun:
    """How a run begins: ``fresh`` from the source model or going on, what the visitor is told of it, and about how
    many ``seconds`` the whole of it takes on this machine.
    """

    fresh: bool
    message: str
    seconds: float


@dataclass(frozen=True)
class RunUpdate:
    """One look at a run at work; plain data that pickles.

    Attributes:
        session: with the look before any work, and after each whole batch; None with all others.
        live: the step inside the batch to come, if any.
        begun: how the work begins; with the look before any work.
        uploads: the visitor's decoded images, with that look.
        download: how far a download is; loading: which choice of the form is being loaded, by the name of its field, ""
            once all are; prompts: how many class names in templates have been read, and how many there
            are; all three before that look.
        size: what the run may hold; once all is loaded.
        waiting: for a worker, where runs are done on several.
        refusal: what stands in the run's way; the last look.
    """

    session: Session | None
    live: LiveStep | None = None
    begun: Begun | None = None
    uploads: Uploads | None = None
    download: Progress | None = None
    loading: str | None = None
    prompts: tuple[int, int] | None = None
    size: RunSize | None = None
    waiting: bool = False
    refusal: UserError | None = None


def live_interval(runs: int) -> float:
    """Seconds between two looks inside a batch, of each of so many runs."""
    return LIVE_INTERVAL * max(1.0, runs / LIVE_RUNS)


def watched(work: Callable[[], T]) -> Iterator[Progress | T]:
    """Runs ``work`` in a thread; yields how far its downloads are, and last what it returned (or raises its error).

    Closed in between, it waits no more for a download, which comes into the cache.
    """
    result: Future[T] = Future()
    given_up, last = threading.Event(), []

    def watcher(progress: Progress) -> None:
        if given_up.is_set():
            raise GeneratorExit
        last[:] = [progress]

    def target() -> None:
        try:
            with watch(watcher):
                result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=target, name="preparing", daemon=True).start()
    try:
        while not wait([result], LIVE_INTERVAL).done:
            yield from last
    finally:
        given_up.set()
    yield result.result()


def open_experiment(recipe: Recipe, uploads: Uploads | None, machine: Machine) -> tuple[Experiment, Uploads | None]:
    """Everything that a run needs, checked, or :class:`UserError`; its class names have yet to be read."""
    backbone = load_backbone(recipe.backbone, visitor=True)
    source, uploads = _open_source(recipe, backbone, uploads, machine.limits.max_classes)
    stream = recipe.settings.stream
    strangers = None
    if stream.ood_share > 0:
        strangers = open_strangers(recipe.ood_source, recipe.dataset, source.class_names, visitor=True)
    names, templates = recipe.class_names or None, recipe.templates or None
    turn, rest = turn_of(backbone, machine), machine.scheduler.rest
    return Experiment(recipe.settings, backbone, source, strangers, names, templates, turn, rest), uploads


def read_class_names(experiment: Experiment, scheduler: Scheduler) -> Iterator[RunUpdate]:
    """Sends the class names through the text tower, a turn at a time; yields a look now and then."""
    reading, shown = experiment.prepare(), time.monotonic()
    with scheduler.joined() as share:
        while (prompts := share.call(partial(next, reading, DONE))) is not DONE:
            if time.monotonic() - shown >= LIVE_INTERVAL:
                yield RunUpdate(None, prompts=prompts)
                shown = time.monotonic()


def _open_source(
    recipe: Recipe, backbone: Backbone, uploads: Uploads | None, most: int
) -> tuple[Source, Uploads | None]:
    if recipe.dataset != UPLOAD:
        source = open_source(recipe.dataset, recipe.source_names or None, visitor=True)
        if len(source.class_names) > most:
            about = {"count": len(source.class_names), "most": most}
            raise UserError("This data set has {count:,} classes: type at most {most} of them as class names.", **about)
        return source, uploads
    if uploads is None:
        raise UserError(NO_IMAGES)
    size = backbone.info.image_size
    if uploads.size != size:
        uploads = decode_uploads(uploads.files, size, uploads.filled, uploads.every)
    if not uploads.names:
        raise UserError(" ".join((say("None of these files can be used."), *uploads.refused)))
    others = OOD_LABEL if recipe.strangers_by_label else UNLABELLED
    labels, _ = match_labels(uploads.labels, recipe.class_names, others)
    return GivenImages(uploads.pixels, recipe.source_names, labels, uploads.names), uploads


def work(experiment: Experiment, session: Session, machine: Machine, batches: int | None = None) -> Iterator[RunUpdate]:
    """Works through the next ``batches`` batches (None: to the end of the stream).

    Yields a look inside a batch now and then, and one after every batch with a new session, its tensors on the CPU: a
    visitor who reads keeps no GPU memory. A batch is read before the first turn is asked for, and a turn holds about
    one piece of work, so that others wait for neither. Raises :class:`UserError` where the server is about to stop.
    """
    state = session.state.to(experiment.backbone.device)
    cost = experiment.cost.batch / session.recipe.settings.stream.batch_size
    done = 0
    shown = 0.0

    def due() -> bool:
        return time.monotonic() - shown >= live_interval(machine.scheduler.count)

    with machine.scheduler.joined() as share:
        while not experiment.finished(state) and (batches is None or done < batches):
            began = time.perf_counter()
            batch = experiment.batch(state)
            steps = experiment.advance(state, due, batch)
            while (moment := share.call(partial(next, steps, DONE))) is not DONE:
                new_state, seen = moment
                if new_state is not None:
                    taken = time.perf_counter() - began
                    worked = sum(method.series.seconds[-1] for method in seen.methods.values())  # in no other's turn
                    machine.pace.learn(experiment.backbone.info.name, cost * len(batch.images), worked)
                    state = new_state
                    session = session.after(state.to("cpu"), replace(seen, seconds=taken))
                    yield RunUpdate(session)
                elif seen is not None:
                    yield RunUpdate(None, seen)
                else:
                    continue
                shown = time.monotonic()
            done += 1


def warm_up(machine: Machine) -> None:
    """Does once what the first run of the process would wait for, pictures and kernels: a batch that is thrown away."""
    recipe = read_form({"batches": 1, "steps": 2})
    experiment, _ = open_experiment(recipe, None, machine)
    list(work(experiment, Session(recipe, experiment.start()), machine))
