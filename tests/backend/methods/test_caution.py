"""Caution, ours: the surer the source model is of a batch, the shorter CLIPTTA's steps."""

import math

import pytest
import torch
from helpers import last, method_of
from torch import Tensor

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.methods.losses import entropy_of_logits
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.settings import AdaptationSettings

PICTURES = open_source("pictures")
IMAGES = PICTURES.take(0, 8, 64, "shuffled", 1, 8).pixels


def moved(name: str, caution: float, rate: float = 1e-3) -> tuple[Tensor, float]:
    """θ after one step on a batch, and the source model's mean entropy there as a share of its most."""
    backbone = load_backbone(TINY)
    prototypes = backbone.prototypes(list(PICTURES.class_names))
    settings = AdaptationSettings(learning_rate=rate, steps=1, memory_shots=0, caution=caution)
    method = method_of(name, backbone, prototypes, settings)
    cosines = backbone.embed(backbone.normalise(IMAGES), backbone.source_parameters) @ prototypes.T
    entropy = entropy_of_logits(backbone.logits(cosines)).mean().item() / math.log(len(prototypes))
    return last(method, IMAGES).state.values, entropy


@pytest.mark.parametrize("name", ["cliptta", "cliptta-oce"])
def test_the_rate_falls_with_the_square_of_the_entropy_below_its_limit_and_not_above(name: str) -> None:
    usual, entropy = moved(name, 0.0)
    assert 0 < entropy < 1
    sure = min(1.0, 2 * entropy)
    cautious, _ = moved(name, sure)
    slower, _ = moved(name, 0.0, 1e-3 * (entropy / sure) ** 2)
    torch.testing.assert_close(cautious, slower, rtol=0, atol=1e-6)
    assert not torch.allclose(cautious, usual, rtol=0, atol=1e-5)
    unsure, _ = moved(name, entropy / 2)
    torch.testing.assert_close(unsure, usual, rtol=0, atol=1e-6)
