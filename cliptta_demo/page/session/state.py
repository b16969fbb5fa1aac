"""What one visitor's run is, as plain immutable data, and how it goes on when settings change.

Pausing is keeping a :class:`Session`, resetting is dropping it. Of the images of a batch one JPEG is kept.
"""

import base64
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cliptta_demo.backend.data.collection import GivenFile
from cliptta_demo.backend.data.video import USUAL_EVERY
from cliptta_demo.backend.run.experiment import RunState
from cliptta_demo.backend.run.snapshot import Snapshot
from cliptta_demo.backend.run.summary import BatchResults, results_of
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.languages import Text, say

LARGEST_TILE = 112  # pixels a side in the sheet; larger images are reduced
MANY = 160  # images; beyond it, tiles are reduced further to keep the sheet light
SMALL_TILE = 48
QUALITY = 75


@dataclass(frozen=True)
class Sheets:
    """The images of a batch, row by row in a grid.

    Attributes:
        seen: base64 of a JPEG, the images as the models saw them; clean: before corruption, None when there was none.
        columns, rows: of the grid.
    """

    seen: str
    clean: str | None
    columns: int
    rows: int


def make_sheets(snapshot: Snapshot) -> Sheets:
    """The sheets of a snapshot's images."""
    seen, columns, rows = sprite_sheet(snapshot.images)
    clean = None if snapshot.corruption == "none" else sprite_sheet(snapshot.clean)[0]
    return Sheets(seen, clean, columns, rows)


def sprite_sheet(images: NDArray[np.uint8]) -> tuple[str, int, int]:
    """``(N, 3, S, S)`` uint8 images, N ≥ 1, in one JPEG: (its base64, columns, rows)."""
    count, _, side, _ = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    padded = np.zeros((rows * columns, side, side, 3), np.uint8)
    padded[:count] = images.transpose(0, 2, 3, 1)
    grid = padded.reshape(rows, columns, side, side, 3).swapaxes(1, 2).reshape(rows * side, columns * side, 3)
    picture = Image.fromarray(grid)
    tile = min(side, SMALL_TILE if count > MANY else LARGEST_TILE)
    if tile < side:
        picture = picture.resize((columns * tile, rows * tile), Image.Resampling.BOX)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return base64.b64encode(file.getvalue()).decode("ascii"), columns, rows


@dataclass(frozen=True, eq=False)
class Uploads:
    """A visitor's own images, decoded once.

    Attributes:
        files: as uploaded; size: side in pixels that they were decoded to.
        pixels: ``(N, 3, size, size)`` uint8; names: N file names; labels: N labels in words, None where nobody said.
        refused: a sentence for whatever was left out.
        every: of videos each so-manieth frame was taken; frames: how many of the images are frames.
        filled: the class names that the labels put into the form, empty where they did not.
    """

    files: tuple[GivenFile, ...]
    size: int
    pixels: Tensor
    names: tuple[str, ...]
    labels: tuple[str | None, ...]
    refused: tuple[str, ...]
    filled: str = ""
    every: int = USUAL_EVERY
    frames: int = 0

    @property
    def identity(self) -> tuple[Any, ...]:
        """Stands for exactly these images, of whatever size: each file lies under a name of its own."""
        return (*self.files, self.every)


@dataclass(frozen=True)
class Recipe:
    """Everything that defines a run: with the same recipe, the same numbers.

    Where a run can't go on with another value, the field says what has changed then, in the words of the page.

    Attributes:
        backbone, dataset, ood_source: as the engine names them (or "upload").
        source_names: classes of the data set, in order (empty before it is opened: all of them); class_names: the
            words used for them.
        images: the identity of the visitor's own, empty for other data sets; strangers_by_label: whether those of
            them with a label that is none of the classes are strangers.
        templates: prompt templates; empty for the backbone's own.
    """

    settings: RunSettings
    backbone: str = field(metadata={"restart": Text("the backbone")})
    dataset: str = field(metadata={"restart": Text("the images")})
    ood_source: str
    source_names: tuple[str, ...] = field(metadata={"restart": Text("the classes")})
    class_names: tuple[str, ...] = field(metadata={"restart": Text("the classes")})
    images: tuple[Any, ...] = field(default=(), metadata={"restart": Text("the images")})
    templates: tuple[str, ...] = field(default=(), metadata={"restart": Text("the prompt templates")})
    strangers_by_label: bool = field(default=False, metadata={"restart": Text("which images are strangers")})


@dataclass(frozen=True)
class Choice:
    """The form beside the run shown: what of it worked last, and what is being loaded, or given up.

    Attributes:
        worked: the settings of the last run that began; at first those that the page opened with, None where this
            server's limits refuse them.
        tried: those of the run that is being got ready, None where there is none; loading: which of its choices is
            being loaded, or could not be: "backbone", "dataset", "ood_source", "" for none; said: why not.
        idle: the parts of the stage that the page opened with, while it shows them; none later.
    """

    worked: Recipe | None = None
    tried: Recipe | None = None
    loading: str = ""
    said: str = ""
    idle: Mapping[str, str] = field(default_factory=dict)

    def shown(self, has_session: bool) -> Recipe | None:
        """The settings of the run shown, which is a session's or what the page opened with; None where none is."""
        return self.worked if has_session or self.idle else None

    @property
    def settled(self) -> "Choice":
        """Nothing is being loaded."""
        return replace(self, tried=None, loading="", said="")


@dataclass(frozen=True)
class Mark:
    """A change of settings in the middle of a stream: drawn before batch ``batch`` (from 0)."""

    batch: int
    label: str


@dataclass(frozen=True, eq=False)
class Session:
    """A run between two batches, with all that is needed to draw it again.

    Attributes:
        snapshot: after the last batch, None before the first; its pixels are dropped, sheets holds them compressed.
        marks: changes of settings so far.
        shifts, seconds, results: (corruption, severity), duration and answers of every batch so far.
    """

    recipe: Recipe
    state: RunState
    snapshot: Snapshot | None = None
    sheets: Sheets | None = None
    marks: tuple[Mark, ...] = ()
    shifts: tuple[tuple[str, int], ...] = ()
    seconds: tuple[float, ...] = ()
    results: tuple[BatchResults, ...] = ()

    @property
    def changes(self) -> list[str]:
        """What changed on its way, and from which batch on, in words."""
        return [say("{change} from batch {batch}", change=mark.label, batch=mark.batch + 1) for mark in self.marks]

    def after(self, state: RunState, snapshot: Snapshot) -> "Session":
        """The session one batch later."""
        nothing = snapshot.images[:0]
        return replace(
            self,
            state=state,
            snapshot=replace(snapshot, images=nothing.copy(), clean=nothing.copy()),
            sheets=make_sheets(snapshot),
            shifts=(*self.shifts, (snapshot.corruption, snapshot.severity)),
            seconds=(*self.seconds, snapshot.seconds),
            results=(*self.results, results_of(snapshot)),
        )


@dataclass(frozen=True, eq=False)
class Asked:
    """A run, or so many ``batches``, that is asked for; ``session``: the visitor's last, from which it may go on."""

    recipe: Recipe
    session: Session | None = None
    uploads: Uploads | None = None
    batches: int | None = None


@dataclass(frozen=True)
class Plan:
    """What the next batch starts from: a session to go on with, or None for a new one, and what to tell."""

    session: Session | None
    message: str = ""


def plan(session: Session | None, recipe: Recipe) -> Plan:
    """Whether a run goes on from ``session`` under ``recipe``, with a mark where it changed, or starts anew."""
    if session is None:
        return Plan(None)
    changed = changed_names(session.recipe, recipe)
    broken = [words for name, words in _restarts(recipe).items() if name in changed]
    if "batches" in changed and recipe.settings.stream.planned_whole:
        broken.append(say("the length of a stream in this order"))
    if broken:
        reasons = say(" and ").join(dict.fromkeys(broken))
        reasons = f"{reasons[0].upper()}{reasons[1:]}"
        words = say("{reasons} changed, so the run started again from the source model.", reasons=reasons)
        return Plan(None, words)
    if session.snapshot is not None and session.state.next_batch >= _length(session, recipe):
        return Plan(None, say("The stream had ended, so the run started again from the source model."))
    declared = recipe.settings.declared()
    words = [setting.mark_of(part) for name, setting, part in declared if setting.mark and name in changed]
    if not words or not session.state.next_batch:
        return Plan(replace(session, recipe=recipe))
    label = ", ".join(dict.fromkeys(words))  # corruption and severity have one mark
    earlier = (mark for mark in session.marks if mark.batch < session.state.next_batch)
    marks = (*earlier, Mark(session.state.next_batch, label))
    message = say("Going on with the adapted model: {changes}.", changes=label)
    return Plan(replace(session, recipe=recipe, marks=marks), message)


def _length(session: Session, recipe: Recipe) -> int:
    asked, before = recipe.settings.stream.batches, session.recipe.settings.stream.batches
    ran_out = session.snapshot.batches if session.snapshot and session.snapshot.batches < before else asked
    return min(asked, ran_out)


def _restarts(recipe: Recipe) -> dict[str, str]:
    """Name → words for each part of a recipe that a run can't go on without."""
    outer = {item.name: say(item.metadata["restart"]) for item in fields(recipe) if item.metadata}
    inner = {name: setting.restart for name, setting, _ in recipe.settings.declared() if setting.restart}
    return {**outer, "methods": say("the methods"), **inner, "ood_source": say("the OOD source")}


def _flat(recipe: Recipe) -> dict[str, Any]:
    outer = {item.name: getattr(recipe, item.name) for item in fields(recipe) if item.name != "settings"}
    flat = {**outer, **recipe.settings.flat(), "methods": recipe.settings.methods}
    if not recipe.settings.stream.ood_share:
        flat["ood_source"] = ""  # strangers that never come make no difference
    return flat


def changed_names(old: Recipe, new: Recipe) -> set[str]:
    """The parts and settings in which two recipes differ, as far as a run knows the difference."""
    before, after = _flat(old), _flat(new)
    return {name for name in after if before.get(name, after[name]) != after[name]}
