"""A stream that does not wait: images arrive at a pace, and a method that takes longer misses batches.

Alfarra et al., Evaluation of Test-Time Adaptation Under Computational Time Constraints, ICML 2024. A method that takes
c for a batch, where one comes every p, adapts to one of ⌈c/p⌉ batches; the others are predicted by the network as the
last update left it. As in their code (MotasemAlfarra/Online_Test_Time_Adaptation, utils/online_eval.py) the batch that
is adapted to counts with the prediction that comes late, and those that come meanwhile with that update already.

They measure c and p on the machine at hand, as multiples of one forward pass. Here the pace is in milliseconds, and a
method's time is the one recorded for it, so that a run stays the same everywhere: with the built-in model, whichever
runs, and as many times as long as its settings, batch size and classes make its arithmetic.
"""

import math
from dataclasses import replace

from cliptta_demo.backend.methods.recorded import measured
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.loading import TINY_ADAPTATION
from cliptta_demo.backend.settings import RunSettings

THERE_AND_BACK = 3.0  # forward passes' worth of a forward and a backward pass, at most: frozen weights need less
RECORDED_CLASSES = 11  # pictures have 12 in the gallery, CIFAR-10 has 10


def times_zero_shot(method: str, settings: RunSettings, classes: int) -> float:
    """How many times zero-shot's work a method does on a batch; a caption through the text tower counts as an image."""
    kind, size = METHODS[method], settings.stream.batch_size
    outline = kind.outline(settings, classes)
    cost = kind.cost(outline, size)
    work = cost.forward + cost.prompts + THERE_AND_BACK * (cost.trained + cost.trained_prompts)
    return work / size - kind.predicts_early(outline)


def milliseconds_of(method: str, settings: RunSettings, classes: int) -> float | None:
    """What an image takes a method, by what is recorded; None where nothing is, and of zero-shot."""
    if method not in measured():
        return None
    own = RunSettings(methods=(method,), adaptation=replace(TINY_ADAPTATION, rates="own"))
    recorded = times_zero_shot(method, own, RECORDED_CLASSES)
    return measured()[method].milliseconds * (times_zero_shot(method, settings, classes) / recorded)


def batches_for_one(method: str, settings: RunSettings, classes: int) -> int:
    """How many batches come while a method adapts to one, this one included; windows where it adapts to those.

    1 where the stream waits, and of a method whose time is not recorded.
    """
    taken, pace = milliseconds_of(method, settings, classes), settings.stream.pace
    return max(1, math.ceil(round(taken / pace, 9))) if pace and taken else 1


def is_missed(method: str, batch: int, settings: RunSettings, classes: int) -> bool:
    """Whether a method is busy when it would adapt to batch ``batch``, from 0, or to the window that it fills."""
    length = settings.adaptation.window if METHODS[method].by_window else 1
    window, place = divmod(batch, length)
    return place == length - 1 and window % batches_for_one(method, settings, classes) > 0


def untimed(settings: RunSettings) -> list[str]:
    """Labels of the methods that a stream waits for, though it waits for no other: no time is recorded of them."""
    names = [name for name in settings.methods if name != REFERENCE and name not in measured()]
    return [METHODS[name].label for name in names] if settings.stream.pace else []
