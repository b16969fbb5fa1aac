"""From a recipe to batches: opens the sources, loads the backbone, and works through the stream for one session."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from cliptta_demo.backend.backbone import Backbone
from cliptta_demo.backend.backbones import load_backbone
from cliptta_demo.backend.catalog import open_source, open_strangers
from cliptta_demo.backend.data.decode import decode_files
from cliptta_demo.backend.data.sources import GivenImages, Source
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.experiment import Experiment
from cliptta_demo.backend.snapshot import LiveStep
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.defaults import LIVE_INTERVAL, UPLOAD
from cliptta_demo.page.form import FormValues, read_form
from cliptta_demo.page.service import SERVICE
from cliptta_demo.page.session import Recipe, Session, Uploads
from cliptta_demo.page.turns import TURNS

T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """One look at a run at work; plain data that pickles.

    Attributes:
        session: as it stands after the last whole batch; None where there is only a refusal.
        live: the step inside the batch to come, if any.
        uploads: the visitor's decoded images, with the first look alone.
        refusal: what stands in the run's way, in a sentence; the last look.
    """

    session: Session | None
    live: LiveStep | None = None
    uploads: Uploads | None = None
    refusal: str = ""


def decode_uploads(paths: tuple[str, ...], size: int, known: Uploads | None = None) -> Uploads:
    """The images of these files, decoded to ``size`` pixels a side; ``known`` saves doing it again.

    Files that can't be read are named in ``refused``; whether any is left is for the caller to ask.
    """
    if known is not None and (known.paths, known.size) == (paths, size):
        return known
    decoded = decode_files(paths, size, LIMITS.images)
    return Uploads(paths, size, decoded.images, decoded.names, decoded.refused)


def open_experiment(recipe: Recipe, uploads: Uploads | None) -> tuple[Experiment, Uploads | None]:
    """Everything that a run needs, checked.

    Raises:
        UserError: a class that the data set doesn't have, no readable image, a backbone that can't be loaded.
    """
    backbone = load_backbone(recipe.backbone)
    source, uploads = _open_source(recipe, backbone, uploads)
    stream = recipe.settings.stream
    strangers = open_strangers(recipe.ood_source, recipe.dataset) if stream.ood_share > 0 else None
    # The one setting without a widget keeps the backbone's value.
    sample = backbone.info.adaptation.memory_sample
    adaptation = replace(recipe.settings.adaptation, memory_sample=sample)
    settings = replace(recipe.settings, adaptation=adaptation)
    with TURNS.joined() as share:  # the class names go through the text tower
        make = partial(Experiment, settings, backbone, source, strangers, class_names=recipe.class_names)
        return share.call(make), uploads


def _open_source(recipe: Recipe, backbone: Backbone, uploads: Uploads | None) -> tuple[Source, Uploads | None]:
    if recipe.dataset != UPLOAD:
        return open_source(recipe.dataset, recipe.source_names), uploads
    uploads = decode_uploads(recipe.upload_paths, backbone.info.image_size, uploads)
    if not uploads.names:
        raise UserError("None of these files can be used. " + " ".join(uploads.refused))
    return GivenImages(uploads.pixels, recipe.source_names, names=uploads.names), uploads


def work(experiment: Experiment, session: Session, batches: int | None = None) -> Iterator[Look]:
    """Works through the next ``batches`` batches (None: to the end of the stream).

    Yields a look inside a batch now and then, and one after every batch. Only the latter carries a new session, its
    tensors on the CPU: a visitor who reads keeps no GPU memory. Each step waits for its turn among the runs at work.

    Raises:
        UserError: the server is about to stop.
    """
    state = session.state.to(experiment.backbone.device)
    done = 0
    shown = 0.0
    with TURNS.joined() as share:
        while not experiment.finished(state) and (batches is None or done < batches):
            steps = experiment.advance(state)
            while True:
                step = share.call(partial(_next, steps))
                if step is None:
                    break
                if isinstance(step[1], LiveStep):
                    if time.monotonic() - shown < LIVE_INTERVAL:
                        continue
                    yield Look(session, step[1])
                else:
                    state = step[0]
                    session = session.after(state.to("cpu"), step[1])
                    yield Look(session)
                shown = time.monotonic()
            done += 1


def _next(steps: Iterator[T]) -> T | None:
    SERVICE.check()
    return next(steps, None)


def warm_up() -> None:
    """Does once what the first run of the process would wait for: pictures decoded, kernels chosen.

    One batch of the opening experiment, thrown away; sessions and models stay as they are.
    """
    recipe = read_form(FormValues(batches=1, steps=2))
    experiment, _ = open_experiment(recipe, None)
    with closing(work(experiment, Session(recipe, experiment.start()))) as looks:
        for _ in looks:
            pass
