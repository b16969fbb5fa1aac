"""A window of the last images: the newest is predicted, nothing grows, and what is laid over it is what is seen."""

from collections.abc import Callable
from unittest.mock import Mock

import pytest
import torch
from helpers import CLASSES, labelled_source, random_images, small_backbone

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.size import nbytes
from cliptta_demo.backend.run.window import OVERLAYS, Window, overlaid
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings

IMAGES = random_images(6)
NAMES = ("zero-shot", "tent", "cliptta", "rotta", "tda")


def window(most: int = 4, rest: Callable[[], None] | None = None) -> Window:
    settings = RunSettings(methods=NAMES, adaptation=AdaptationSettings(steps=1, memory_shots=1))
    return Window(Experiment(settings, small_backbone(), labelled_source(2), rest=rest).methods, most)


def test_the_newest_is_predicted_in_the_company_of_the_last_ones() -> None:
    own = window()
    seen = [own.see(image) for image in IMAGES]
    method = own.methods["zero-shot"]
    alone = method.backbone.logits(method.predict(IMAGES)).softmax(dim=1)
    answers = torch.stack([torch.from_numpy(each.answers["zero-shot"].probabilities) for each in seen])
    assert torch.allclose(answers, alone, atol=1e-5)
    for name in NAMES:
        assert all(len(each.answers[name].probabilities) == len(CLASSES) for each in seen)
        assert all(abs(each.answers[name].probabilities.sum() - 1) < 1e-4 for each in seen)
    moved = own.methods["tent"].drift(own._states["tent"])
    assert max(moved) > 0


def test_a_long_stream_keeps_no_more_than_a_short_one() -> None:
    own, sizes = window(), []
    for rounds in (3, 1, 1):  # what methods remember is full after some
        for image in IMAGES.repeat(rounds, 1, 1, 1):
            own.see(image)
        sizes.append(nbytes((own._images, own._states)))
    assert own.seen == 30
    assert len(own._images) == 4
    assert sizes[1] == sizes[2]


def test_who_stops_in_the_middle_has_it_as_it_was() -> None:
    rest = Mock(return_value=None)
    own, other = window(rest=rest), window()
    for each in (own, other):
        each.see(IMAGES[0])
    rest.side_effect = (None, None, InterruptedError)
    with pytest.raises(InterruptedError):
        own.see(IMAGES[1], "frost", 5)
    rest.side_effect = None
    for name in NAMES:
        first, second = (each.see(IMAGES[2]).answers[name].probabilities for each in (own, other))
        assert torch.equal(torch.from_numpy(first), torch.from_numpy(second))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_laid_over_an_image_changes_it_more_and_more(overlay: str) -> None:
    image = IMAGES[0]
    changes = [(overlaid(image, overlay, severity, 0).float() - image).abs().mean() for severity in (1, 5)]
    assert changes[0] < changes[1] or overlay == "none"
    for wrong in ({"overlay": "snow", "severity": 3}, {"overlay": overlay, "severity": 0}):
        with pytest.raises(UserError, match="must be"):
            overlaid(image, seed=0, **wrong)
