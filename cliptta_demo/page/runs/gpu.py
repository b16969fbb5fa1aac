"""One call owns a run's loop. On ZeroGPU that call runs in a worker process with a GPU, elsewhere it is a plain call.

A ZeroGPU worker is a fork: what changes in it is lost when it ends, and met by another visitor when it doesn't. So all
goes in and comes out as CPU data, and adapted weights are never put into a model (see :mod:`methods.adaptation`). The
process that serves the page has no GPU there: what it must know of a backbone it reads from one on the CPU.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.data.presets import is_hub_spec
from cliptta_demo.backend.errors import DoesNotFit, UserError
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models import loading as backbones
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.offered import PAPERS
from cliptta_demo.backend.models.pieces import is_out_of_memory
from cliptta_demo.backend.run.arithmetic import RunSize, run_size
from cliptta_demo.limits import Limits
from cliptta_demo.page.form.fields import is_hub_choice
from cliptta_demo.page.runs.cost import check_cost, check_size, listed_cost
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.runs.runner import Begun, RunUpdate, open_experiment, read_class_names, watched, work
from cliptta_demo.page.session.state import Asked, Session, plan
from cliptta_demo.page.words.defaults import UPLOAD
from cliptta_demo.page.words.texts import NO_MEMORY

log = logging.getLogger(__name__)
ON_ZERO_GPU = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")  # as the package spaces reads it
UPLOAD_BYTES = 4_000  # of an upload beside its pixels: path, names, label

# What a run is taken to need on ZeroGPU's card, half an RTX PRO 6000 Blackwell (48 GB): reckoned from its data sheet on
# the safe side, not measured there. A run that needs longer pauses by itself.
START_SECONDS = 10.0  # the worker's start and the model's way to the GPU
BATCH_SECONDS = 0.5  # drawing, corrupting, sending the snapshot
STEP_SECONDS = 0.03  # starting the kernels of one step of one method
GIGAFLOPS = 26_000.0  # a second: a tenth of the card's pace in bfloat16


def load_backbone(name: str) -> Backbone:
    """As the process that serves the page may have it: on ZeroGPU without a GPU."""
    return backbones.load_backbone(name, "cpu" if ON_ZERO_GPU else None, visitor=True)


def device() -> str:
    """Where runs work: "cuda" or "cpu"."""
    return "cuda" if ON_ZERO_GPU else backbones.best_device()


def seconds_needed(asked: Asked, machine: Machine) -> int:
    """GPU seconds to ask for: those of the steps to come, at most ``gpu_seconds``. Takes what a run takes."""
    recipe, stream = asked.recipe, asked.recipe.settings.stream
    kept = plan(asked.session, recipe).session
    left = max(1, stream.batches - (kept.state.next_batch if kept else 0))
    left = min(left, asked.batches or left)
    cost = listed_cost(recipe) or listed_cost(replace(recipe, backbone=PAPERS))
    kinds = map(METHODS.get, dict.fromkeys((REFERENCE, *recipe.settings.methods)))
    steps = sum(1 + kind.steps(kind.outline(recipe.settings, len(recipe.class_names))) for kind in kinds)
    seconds = START_SECONDS + left * (BATCH_SECONDS + steps * STEP_SECONDS + cost.batch / GIGAFLOPS)
    return min(machine.limits.gpu_seconds, round(seconds))


def _on_gpu(task: Callable[..., Iterator[RunUpdate]]) -> Callable[..., Iterator[RunUpdate]]:
    """ZeroGPU's decorator where there is ZeroGPU; elsewhere nothing, without importing the package."""
    if not ON_ZERO_GPU:
        return task
    import spaces

    return spaces.GPU(duration=seconds_needed)(task)


@_on_gpu
def perform(asked: Asked, machine: Machine) -> Iterator[RunUpdate]:
    """Opens the experiment and works through the batches; arguments and looks pickle.

    Whether it goes on from the visitor's session is decided here, where the class names of a data set are known. The
    first look says how it begins; then as :func:`.runner.work`. What a visitor has to read is a look too: an exception
    of ours would not find its way out of a worker.
    """
    ends = time.monotonic() + seconds_needed(asked, machine) if ON_ZERO_GPU else None
    try:
        experiment, uploads = open_experiment(asked.recipe, asked.uploads, machine)
        expected = check_cost(experiment, machine)
        yield from read_class_names(experiment, machine.scheduler)
        names = experiment.class_names
        recipe = replace(asked.recipe, class_names=names, source_names=asked.recipe.source_names or names)
        planned = plan(asked.session, recipe)
        session = planned.session or Session(recipe, experiment.start().to("cpu"))
        yield RunUpdate(session, begun=Begun(planned.session is None, planned.message, expected), uploads=uploads)
        began = time.monotonic()
        for look in work(experiment, session, machine, asked.batches):
            yield look
            if look.live is None and ends is not None:
                now = time.monotonic()
                if now + 2 * (now - began) > ends:  # the next batch might not end in time: the run is paused here
                    return
                began = now
    except Exception as error:
        yield _refusal(error)


def _refusal(error: Exception) -> RunUpdate:
    """What a visitor reads: an error of ours, or that memory ran out where less won't do. Another is raised again."""
    if isinstance(error, UserError):
        return RunUpdate(None, refusal=error)
    if not is_out_of_memory(error):
        raise error
    log.warning("memory ran out", exc_info=True)
    return RunUpdate(None, refusal=DoesNotFit(NO_MEMORY))


def run_here(asked: Asked, machine: Machine) -> Iterator[RunUpdate]:
    """A whole run in this process, but for a GPU call: how far downloads are, its size, the looks of :func:`perform`.

    Takes and yields plain data, so that it can as well be asked of another process (:mod:`.remote_runs`).
    """
    stage, waited = [""], False
    try:
        with closing(watched(partial(prepare, asked, machine.limits, stage))) as progress:
            for part in progress:
                if isinstance(part, RunSize):
                    size = part
                else:
                    waited = True
                    yield RunUpdate(None, download=part, loading=stage[-1])
    except Exception as error:
        yield RunUpdate(None, loading=stage[-1])
        yield _refusal(error)
        return
    if waited:
        yield RunUpdate(None, loading="")
    yield RunUpdate(None, size=size)
    yield from perform(asked, machine)


def prepare(asked: Asked, limits: Limits, stage: list[str] | None = None) -> RunSize:
    """Brings backbone and data sets into memory, what may take minutes, before GPU time counts; says what it may hold.

    Args:
        stage: to whose end goes which choice of the form is being loaded, by the name of its field, "" for none.

    Raises:
        UserError: what can't be opened, or would hold too much.
    """
    recipe, uploads, stage = asked.recipe, asked.uploads, stage or []
    stage.append("backbone")
    backbone = load_backbone(recipe.backbone)
    brought = is_hub_choice(recipe.dataset)
    if brought:
        stage.append("dataset")
        open_source(recipe.dataset, visitor=True)
    if recipe.settings.stream.ood_share > 0 and is_hub_spec(recipe.ood_source):
        stage.append("ood_source")
        open_strangers(recipe.ood_source, recipe.dataset, visitor=True)
    stage.append("")
    classes, length, own = len(recipe.class_names), None, 0
    if brought:
        source = open_source(recipe.dataset, recipe.source_names or None, visitor=True)
        classes, length = len(source.class_names), source.length()
    if uploads is not None:
        length = len(uploads.names) if recipe.dataset == UPLOAD else length
        side = backbone.info.image_size if recipe.dataset == UPLOAD else uploads.size
        own = len(uploads.names) * (3 * side**2 + UPLOAD_BYTES)
    kept = plan(asked.session, recipe).session
    done = asked.batches and (kept.state.next_batch if kept is not None else 0) + asked.batches
    size = replace(run_size(recipe.settings, backbone, classes, length, done), uploads=own)
    check_size(size, recipe, classes, limits)
    return size
