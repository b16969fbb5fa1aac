"""The runs of test_zero_gpu.py, known to both of its processes."""

import hashlib
from typing import Any

from cliptta_demo.backend.models.loading import TINY_ADAPTATION
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.session.state import Recipe, Session

_SMALL: dict[str, Any] = {
    "batch_size": 8,
    "batches": 4,
    "steps": 2,
    "memory_shots": 1,
    "learning_rate": TINY_ADAPTATION.learning_rate,
}
JOBS = {
    "one": _SMALL,
    "other": {**_SMALL, "seed": 1, "corruption": "fog", "batches": 1},
    "wrong": {**_SMALL, "class_names": "cat, unicorn"},  # only the worker sees that there is none
}


def recipe_of(job: str) -> Recipe:
    """The checked recipe of one of ``JOBS``."""
    return read_form(JOBS[job])


def numbers(session: Session) -> dict[str, Any]:
    """What tells two runs apart, down to the last bit: accuracies and a digest of the adapted parameters."""
    return {
        "batches": session.state.next_batch,
        **{name: method.accuracy for name, method in session.snapshot.methods.items()},
        **{
            f"{name} parameters": hashlib.sha256(state.values.numpy().tobytes()).hexdigest()
            for name, state in session.state.adaptations.items()
            if state is not None
        },
    }
