"""An experiment: one stream, several methods side by side on one backbone, a snapshot after every batch.

    experiment = Experiment(settings, backbone, source)
    state = experiment.start()
    for state, snapshot in experiment.run(state):
        print(snapshot.batch, snapshot.methods["cliptta"].accuracy)

A :class:`RunState` is immutable. Pausing is keeping it, resetting is dropping it, undoing a cancelled batch is never
having taken the new one.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.data.stream import AheadOfTime, Batch, Stream
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.adaptation import AdaptationState, Task
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.losses import ID_SCORES, otsu_threshold
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Rest
from cliptta_demo.backend.run.arithmetic import WHOLE, Cost, Towers, Turn, cost_of
from cliptta_demo.backend.run.arrivals import is_missed, untimed
from cliptta_demo.backend.run.metrics import Resets, Tally
from cliptta_demo.backend.run.snapshot import (
    UNORDERED,
    UNTIMED,
    BatchView,
    Lane,
    LiveStep,
    MethodSnapshot,
    Series,
    Snapshot,
)
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.languages import say

REST = (None, None)  # what advance yields between two methods


@dataclass(frozen=True)
class RunState:
    """Where a run stands between two batches; small, immutable, picklable.

    Attributes:
        next_batch: number of the batch to come.
        adaptations: each method's state; tallies: its counts; series: its curves.
        images_done: images so far. true_histogram: ``(C,)`` true classes so far.
        waiting: images ``(N, 3, S, S)`` of a window that is not full yet, in one tensor or none.
        resets: which methods started anew, and when they will.
    """

    next_batch: int
    adaptations: dict[str, AdaptationState | None]
    tallies: dict[str, Tally]
    series: dict[str, Series]
    true_histogram: np.ndarray
    images_done: int = 0
    waiting: tuple[torch.Tensor, ...] = ()
    resets: Resets = field(default_factory=Resets)

    def to(self, device: torch.device | str) -> "RunState":
        """The same state with its tensors on another device ("cpu" before pickling)."""
        moved = {name: state and state.to(device) for name, state in self.adaptations.items()}
        return replace(self, adaptations=moved, waiting=tuple(images.to(device) for images in self.waiting))


class Experiment:
    """Runs the methods of ``settings`` side by side on the same batches.

    Args:
        settings: everything that defines the run.
        backbone: the shared model.
        source: the ID images; its class names are the class list (at least two).
        strangers: the OOD images, where ``settings.stream.ood_share`` > 0.
        class_names: other words for the classes, in the source's order; None keeps the source's.
        templates: prompt templates; None takes the source's where it brings some, or else the backbone's.
        turn: how much is worked on between two rests.
        rest: called between two pieces of work, see :class:`.pieces.Rest`; what it raises ends the work.

    Raises:
        UserError: fewer than two classes.
    """

    def __init__(
        self,
        settings: RunSettings,
        backbone: Backbone,
        source: Source,
        strangers: Source | None = None,
        class_names: Sequence[str] | None = None,
        templates: Sequence[str] | None = None,
        turn: Turn = WHOLE,
        rest: Callable[[], None] | None = None,
    ) -> None:
        self.settings = settings
        self.backbone = backbone
        self.class_names = tuple(class_names or source.class_names)
        if len(self.class_names) < 2:
            raise UserError("One class leaves nothing to choose between: give at least two class names.")
        self.stream = Stream(source, settings.stream, backbone.info.image_size, strangers, backbone.device)
        self.batches = AheadOfTime(self.stream)
        self.templates = tuple(templates or getattr(source, "templates", None) or backbone.info.templates)
        self.source_notes = tuple(note for part in (source, strangers) if (note := getattr(part, "note", "")))
        self.turn = turn
        self.rest = Rest(rest)
        self.score = ID_SCORES[settings.adaptation.score]

    def prepare(self) -> Iterator[tuple[int, int]]:
        """Sends the class names through the text tower; between two pieces yields (prompts done, prompts in all).

        Whoever leaves it out has it done in one go by whatever needs it first.
        """
        return self.backbone.read(self.class_names, self.templates, self.turn.prompts)

    @cached_property
    def methods(self) -> dict[str, Method]:
        """Those of the settings, and zero-shot, by name."""
        task = Task(
            backbone=self.backbone,
            prototypes=self.backbone.prototypes(self.class_names, self.templates),
            settings=self.settings.adaptation,
            class_names=self.class_names,
            templates=self.templates,
            images_at_once=self.turn.images,
            prompts_at_once=self.turn.prompts,
            rest=self.rest,
            clean_images=self.stream.clean,
        )
        names = dict.fromkeys((REFERENCE, *self.settings.methods))  # zero-shot always runs; it costs one forward pass
        return {name: METHODS[name](task.of_method(name, self.settings)) for name in names}

    @property
    def cost(self) -> Cost:
        """What the whole run takes in arithmetic."""
        classes, templates = len(self.class_names), len(self.templates)
        return cost_of(self.settings, Towers.of(self.backbone), classes, templates, len(self.stream))

    def start(self) -> RunState:
        """The untouched source model, nothing seen yet."""
        classes = len(self.class_names)
        return RunState(
            next_batch=0,
            adaptations={name: method.start() for name, method in self.methods.items()},
            tallies={name: Tally.start(classes) for name in self.methods},
            series={name: Series() for name in self.methods},
            true_histogram=np.zeros(classes, np.int64),
        )

    def run(self, state: RunState | None = None) -> Iterator[tuple[RunState, Snapshot]]:
        """All batches to come, from ``state`` (or the start) to the end of the stream."""
        state = state or self.start()
        while not self.finished(state):
            *_, (state, snapshot) = self.advance(state, live=False)
            yield state, snapshot

    def finished(self, state: RunState) -> bool:
        """Whether the stream has no batch left."""
        return state.next_batch >= len(self.stream)

    def batch(self, state: RunState) -> Batch:
        """The batch to come, read, decoded and corrupted; nothing of it needs the model.

        Raises:
            UserError: none of its images can be read.
        """
        batch = self.batches.batch(state.next_batch)
        if not len(batch.images):
            raise UserError(" ".join((say("No image of this batch could be read."), *batch.images.refused)))
        return batch

    def advance(
        self, state: RunState, live: bool | Callable[[], bool] = True, batch: Batch | None = None
    ) -> Iterator[tuple[RunState | None, Snapshot | LiveStep | None]]:
        """Works on one batch.

        Yields ``REST`` between two methods, ``(None, LiveStep)`` after an optimiser step (all methods in step with
        each other), and last ``(new state, Snapshot)``. Stopping in between leaves ``state`` valid and everything else
        untouched.

        Args:
            live: whether steps are looked at, asked after each of them: a look makes a GPU be waited for.
            batch: what :meth:`batch` gave for this state; None gets it now.
        """
        began = time.perf_counter()
        batch = batch or self.batch(state)
        labels = batch.images.labels.numpy()
        state = self._renewed(state, batch)
        window = torch.cat([*state.waiting, batch.images.pixels])
        full = (state.next_batch + 1) % self.settings.adaptation.window == 0
        lanes, steps = {}, 0
        for name, method in self.methods.items():
            if missed := is_missed(name, state.next_batch, self.settings, len(self.class_names)):
                moments = method.miss(window, len(labels), state.adaptations[name])
            else:
                moments = method.follow(window, len(labels), full, state.adaptations[name], batch.seed)
                steps = max(steps, method.steps(method.task.outline) * full)
            lanes[name] = Lane(moments, self.rest, missed)
        step = 0
        while not all(lane.done for lane in lanes.values()):
            for lane in lanes.values():
                lane.go_on()
                yield REST
            if step < steps and (live() if callable(live) else live):
                views = {name: self._view(lanes[name], labels) for name in self.settings.methods}
                losses = {name: lanes[name].terms for name in views}
                yield None, LiveStep(state.next_batch, len(self.stream), step, steps, views, losses)
            step += 1
        views = {name: self._view(lane, labels) for name, lane in lanes.items()}
        new_state = replace(self._commit(state, batch, lanes, views), waiting=() if full else (window,))
        yield new_state, self._snapshot(new_state, batch, lanes, views, time.perf_counter() - began)

    def _renewed(self, state: RunState, batch: Batch) -> RunState:
        """The state with those methods at the source model that start anew with this batch."""
        names = state.resets.due(self.settings.adaptation, state.next_batch, batch.corruption, self.methods)
        started = {name: self.methods[name].start() for name in names}
        return replace(state, adaptations=state.adaptations | started, resets=state.resets.renewed(names))

    def _view(self, lane: Lane, labels: np.ndarray) -> BatchView:
        return lane.view(self.backbone, labels, self.score)

    def _commit(self, state: RunState, batch: Batch, lanes: dict[str, Lane], views: dict[str, BatchView]) -> RunState:
        labels, reference = batch.images.labels.numpy(), views[REFERENCE].predicted
        shifts = batch.mixed or (batch.corruption,) * len(labels)
        tallies, series = {}, {}
        for name, lane in lanes.items():
            view = views[name]
            tally = state.tallies[name].add(labels, view.predicted, reference, view.scores, view.confidence, shifts)
            series[name] = state.series[name].add(tally, view, reference, lane.seconds, lane.missed)
            tallies[name] = tally
        true = np.bincount(labels[labels >= 0], minlength=len(self.class_names))
        return RunState(
            next_batch=state.next_batch + 1,
            adaptations={name: lane.last.state for name, lane in lanes.items()},
            tallies=tallies,
            series=series,
            true_histogram=state.true_histogram + true,
            images_done=state.images_done + len(labels),
            resets=state.resets.after(batch.corruption, {name: view.entropy for name, view in views.items()}),
        )

    def _snapshot(
        self, state: RunState, batch: Batch, lanes: dict[str, Lane], views: dict[str, BatchView], seconds: float
    ) -> Snapshot:
        methods = {}
        for name in self.settings.methods:
            method, view, adaptation = self.methods[name], views[name], state.adaptations[name]
            threshold = method.threshold(adaptation)
            methods[name] = MethodSnapshot(
                **vars(state.tallies[name]),
                batch=view,
                threshold=float(otsu_threshold(torch.from_numpy(view.scores)) if threshold is None else threshold),
                kept_bytes=adaptation.nbytes if adaptation else 0,
                skipped_steps=method.skipped(adaptation),
                resets=state.resets.counts.get(name, 0),
                losses=lanes[name].terms,
                drift=method.drift(adaptation),
                series=state.series[name],
            )
        notes = [*self.source_notes, *(m.note for m in self.methods.values() if m.note)] * (state.next_batch == 1)
        if state.next_batch == 1 and (labels := untimed(self.settings)):
            notes.append(say(UNTIMED, methods=", ".join(labels)))
        if state.next_batch == 1 and self.settings.stream.ordered and not (batch.images.labels >= -1).any():
            notes.append(say(UNORDERED))
        for name, method in methods.items():
            notes += lanes[name].notes(name, method.skipped_steps, self.class_names[0])
        return Snapshot(
            batch=state.next_batch - 1,
            batches=len(self.stream),
            class_names=self.class_names,
            images=batch.images.pixels.cpu().numpy(),
            clean=batch.clean.pixels.cpu().numpy(),
            labels=batch.images.labels.numpy(),
            names=batch.images.names,
            true_histogram=state.true_histogram,
            corruption=batch.corruption,
            severity=batch.severity,
            methods=methods,
            layers=self.backbone.layout.layers,
            logit_scale=self.backbone.logit_scale,
            images_done=state.images_done,
            seconds=seconds,
            notes=(*batch.images.refused, *notes),
            mixed=batch.mixed,
        )
