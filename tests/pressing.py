"""What a visitor presses, without a browser: forms, runs, and what came of them."""

import gradio as gr
import numpy as np
import pytest
from helpers import CLASSES, settings_for, small_backbone

from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.page.form.reading import usual_values
from cliptta_demo.page.runs import gpu, handlers, runner
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.session.state import Recipe, Session

ZOO = {"dataset": " hf:zoo/animals ", "class_names": ""}  # a data set of the hub, as typed
METHODS = ("zero-shot", "tent", "cliptta")
BACKBONE = small_backbone()
HOST = Host.of(gr.Blocks())


@pytest.fixture(autouse=True)
def small_model(monkeypatch):
    for module in (runner, gpu):
        monkeypatch.setattr(module, "load_backbone", lambda name, **_: BACKBONE)


def values(**changes):
    """A form in which little is asked for."""
    return usual_values() | {"batch_size": 8, "batches": 3, "steps": 2, "memory_shots": 1} | changes


def press(session=None, uploads=None, batches=1, host=HOST, **changes):
    updates = list(handlers.run(host, session, uploads, values(**changes), batches, "visitor"))
    committed = [update for update in updates if "session" in update]
    return committed[-1]["session"] if committed else session, updates


def numbers(session):
    snapshot = session.snapshot
    batches = [method.batch for method in snapshot.methods.values()]
    states = [state.values for state in session.state.adaptations.values() if state is not None]
    return [
        snapshot.images,
        *(b.predicted for b in batches),
        *(b.confidence for b in batches),
        *map(np.asarray, states),
    ]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(numbers(first), numbers(second), strict=True))


def message(updates):
    return [update["message"] for update in updates if "message" in update][-1]


def run_of(source, strangers=None, names=CLASSES, methods=METHODS, **changes):
    """A short run of given images: its looks, and the experiment."""
    settings = settings_for(*methods, **{"batch_size": 8, "batches": 3, "steps": 2, "memory_shots": 1, **changes})
    experiment = Experiment(settings, small_backbone(), source, strangers, class_names=names)
    recipe = Recipe(settings, "tiny", "pictures", "flags", CLASSES, names)
    return list(runner.work(experiment, Session(recipe, experiment.start()), HOST.machine)), experiment
