"""Visitors' cameras at work: runs without an end, of which each frame is one turn's work, answered at once.

The browser sends the next frame when it has the answer to the last one, so that none waits here.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from cliptta_demo.backend.data.decode import ImageLimits, decode_image
from cliptta_demo.backend.data.sources import GivenImages
from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.class_names import parse_class_names
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.arithmetic import RunSize
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.window import Answer, Window
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.languages import say
from cliptta_demo.page.runs.cost import turn_of
from cliptta_demo.page.runs.gpu import ON_ZERO_GPU, prepare
from cliptta_demo.page.runs.machine import Machine, Scheduler
from cliptta_demo.page.runs.registry import Runs
from cliptta_demo.page.runs.runner import RunUpdate, read_class_names, watched
from cliptta_demo.page.runs.visitors import Visitors
from cliptta_demo.page.session.state import Asked, Recipe, sprite_sheet
from cliptta_demo.page.words.defaults import UPLOAD
from cliptta_demo.page.words.texts import CAMERA_BORROWED, CAMERA_CLEAN, CAMERA_GONE, CAMERAS_TAKEN

WINDOW = 16  # frames that stand in for a batch: enough to compare with, few enough for a processor
SIZED_AS = 1000  # batches of a run that holds at least as much as a camera ever does
FRAME_LIMITS = ImageLimits(max_bytes=2**18, max_pixels=1_000_000)  # the script sends some 20 KB
TOP = 3  # classes told of each answer
PERMISSION_SECONDS = 60.0  # until the first frame: the visitor reads what the browser asks
IDLE_SECONDS = 15.0  # without a frame: the page is closed, or its line is dead


class CameraGone(UserError):
    """A camera that has ended, or that never was."""


class Camera:
    """One visitor's camera.

    Args:
        experiment: with its class names read; record: of the run; held: what ends with it.

    Attributes:
        lock: held while a frame is at work; due: when the next one has to have come, on the monotonic clock.
    """

    def __init__(
        self, key: str, experiment: Experiment, scheduler: Scheduler, record: dict[str, Any], held: ExitStack
    ) -> None:
        self.key, self.token = key, secrets.token_hex(16)
        self.experiment, self._scheduler = experiment, scheduler
        self._window: Window | None = Window(experiment.methods, WINDOW)
        self._record, self._held = record, held
        self.lock = threading.Lock()
        self.due = time.monotonic() + PERMISSION_SECONDS
        self._judged, self._right = 0, dict.fromkeys(experiment.methods, 0)

    def answer(self, data: bytes, overlay: str = "none", severity: int = 3, truth: int = -1) -> dict[str, Any] | None:
        """Works on one frame, as a browser sends it: a picture, what is laid over it, and the class that it shows.

        Returns:
            ``{"answers": {method: {"top": [[class, share], …], "seconds", "right"}}, "seen": base64 of a JPEG,
            "judged": frames whose truth was told, "frames"}``; None while another frame is at work.

        Raises:
            UserError: no picture, numbers out of range, a server that stops; CameraGone: it has ended.
        """
        if not self.lock.acquire(blocking=False):
            return None
        try:
            if self._window is None:
                raise CameraGone(CAMERA_GONE)
            check_number("truth", truth, -1, len(self.experiment.class_names) - 1, whole=True)
            image = decode_image(data, say("The frame"), self.experiment.backbone.info.image_size, FRAME_LIMITS)
            # Between two frames it has no share: nobody's step waits for a frame that may not come.
            with self._scheduler.joined() as share:
                seen, told = share.call(partial(self._window.see, image, overlay, severity))
            self._record["batches"] = self._window.seen
            return self._answers(seen, told, truth)
        finally:
            self.due = time.monotonic() + IDLE_SECONDS
            self.lock.release()

    def _answers(self, seen: torch.Tensor, told: dict[str, Answer], truth: int) -> dict[str, Any]:
        self._judged += truth >= 0
        answers = {}
        for name, answer in told.items():
            order = answer.probabilities.argsort()[::-1]
            self._right[name] += int(truth == order[0])
            top = [[int(place), round(float(answer.probabilities[place]), 4)] for place in order[:TOP]]
            answers[name] = {"top": top, "seconds": round(answer.seconds, 4), "right": self._right[name]}
        picture = sprite_sheet(seen[None].numpy())[0]
        return {"answers": answers, "seen": picture, "judged": self._judged, "frames": self._window.seen}

    def close(self) -> None:
        """Ends it, after the frame at work; all that it held is let go."""
        with self.lock:
            self._window = None
            self._held.close()


class Cameras:
    """All cameras at work, by their tokens. Thread-safe."""

    def __init__(self, runs: Runs, visitors: Visitors, machine: Machine) -> None:
        self._runs, self._visitors, self._machine = runs, visitors, machine
        self.most = machine.limits.cameras
        self._places = threading.Semaphore(self.most)
        self.known: dict[str, Camera] = {}

    def begin(self, recipe: Recipe, key: str) -> Iterator[RunUpdate | Camera]:
        """Opens a camera in place of the visitor's last one: yields how far that is, and last the camera.

        Raises:
            UserError: what stands in the way, in a sentence.
        """
        self.end(lambda camera: camera.key == key)
        recipe = camera_recipe(recipe)
        if not self._places.acquire(blocking=False):
            raise UserError(CAMERAS_TAKEN)
        with ExitStack() as held:
            held.callback(self._places.release)
            record = held.enter_context(self._runs.at_work(recipe, "camera"))
            for part in watched(partial(prepare, Asked(recipe), self._machine.limits)):
                if isinstance(part, RunSize):
                    held.enter_context(self._visitors.set_aside(key, part))
                else:
                    yield RunUpdate(None, download=part)
            experiment = _open(recipe, self._machine)
            yield from read_class_names(experiment, self._machine.scheduler)
            camera = Camera(key, experiment, self._machine.scheduler, record, held.pop_all())
        self.known[camera.token] = camera
        yield camera

    def end(self, ends: Callable[[Camera], bool] = lambda camera: True) -> None:
        """Ends those of which it is asked for, or all."""
        for camera in list(self.known.values()):
            if ends(camera) and self.known.pop(camera.token, None) is not None:
                camera.close()

    def sweep(self) -> None:
        """Ends those that send no more."""
        now = time.monotonic()
        self.end(lambda camera: not camera.lock.locked() and now > camera.due)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.known)


def camera_recipe(recipe: Recipe) -> Recipe:
    """What a camera runs: the model, methods and class names of a run, one step for each frame.

    Raises :class:`UserError` where those ask for what a camera does not have.
    """
    if ON_ZERO_GPU:
        raise UserError(CAMERA_BORROWED)
    names = parse_class_names(",".join(recipe.class_names))  # a data set's own are not known yet
    # As many remembered images join a step as the batch has, for which 64 is the default too.
    own = replace(recipe.settings.adaptation, steps=1, window=1, rates="same", memory_sample=WINDOW)
    stream = StreamSettings(batch_size=WINDOW, batches=SIZED_AS)
    settings = replace(recipe.settings, stream=stream, adaptation=own)
    for name in settings.methods:
        if METHODS[name].clean_batches(METHODS[name].outline(settings, len(names))):
            raise UserError(CAMERA_CLEAN.format(method=METHODS[name].label))
    about = {"settings": settings, "dataset": UPLOAD, "images": (), "source_names": names, "class_names": names}
    return replace(recipe, **about)


def _open(recipe: Recipe, machine: Machine) -> Experiment:
    """An experiment whose images come later, one by one; in place of its stream there is one black image."""
    backbone = load_backbone(recipe.backbone, visitor=True)
    black = torch.zeros(1, 3, backbone.info.image_size, backbone.info.image_size, dtype=torch.uint8)
    turn, rest = turn_of(backbone, machine), machine.scheduler.rest
    source = GivenImages(black, recipe.class_names)
    return Experiment(recipe.settings, backbone, source, templates=recipe.templates or None, turn=turn, rest=rest)
