"""The batch matrix and the toy show the engine's own losses."""

import math

import numpy as np
import pytest
import torch
from helpers import CLASSES, labelled_source, random_images, small_backbone

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.losses import pseudo_captions, soft_contrastive
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.insight import caption_matrix, toy_paths
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings


def test_the_mean_row_entropy_of_the_matrix_is_the_contrastive_loss() -> None:
    backbone = small_backbone()
    prototypes = backbone.prototypes(CLASSES)
    features = backbone.embed(random_images(20))
    cosines = features @ prototypes.T
    matrix = caption_matrix(cosines.numpy(), cosines.argmax(1).numpy(), backbone.logit_scale)
    entropy = -(matrix * np.log(np.maximum(matrix, 1e-30))).sum(1).mean()
    loss = soft_contrastive(features, pseudo_captions(cosines, prototypes), backbone.logit_scale)
    assert entropy == pytest.approx(float(loss), abs=1e-5)
    assert matrix.sum(1) == pytest.approx(np.ones(20), abs=1e-5)


def test_a_snapshot_carries_what_the_matrix_and_the_drift_need() -> None:
    backbone = small_backbone()
    settings = RunSettings(
        methods=("zero-shot", "tent", "cliptta"),
        stream=StreamSettings(batch_size=8, batches=1),
        adaptation=AdaptationSettings(steps=2, learning_rate=1e-2),
    )
    *_, (state, snapshot) = Experiment(settings, backbone, labelled_source()).run()
    assert snapshot.logit_scale == backbone.logit_scale
    assert snapshot.methods["tent"].batch.cosines.shape == (8, len(CLASSES))
    assert len(snapshot.layers) == len(set(snapshot.layers)) > 4
    assert snapshot.methods["zero-shot"].drift == (0.0,) * len(snapshot.layers)
    moved = state.adaptations["tent"].values - backbone.source_parameters
    parts = backbone.layout.unflatten(moved)
    for layer, drift in zip(snapshot.layers, snapshot.methods["tent"].drift, strict=True):
        own = torch.cat([part.flatten() for name, part in parts.items() if name.rpartition(".")[0] == layer])
        assert drift == pytest.approx(float(own.square().mean().sqrt()), rel=1e-4)
        assert drift > 0


def test_tent_pulls_each_point_to_its_own_nearest_corner() -> None:
    path = toy_paths([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]], steps=60)["tent"]
    assert path[0][0] == pytest.approx([0.5, 0.3, 0.2], abs=1e-5)
    assert path[-1][0][0] > 0.95
    assert path[-1][1][2] > 0.95


def test_cliptta_stands_still_where_all_points_agree() -> None:
    """The paper's point: with one pseudo-caption for all, no row can tell images apart, and the gradient is zero."""
    agreed = [[0.5, 0.3, 0.2], [0.6, 0.2, 0.2], [0.45, 0.35, 0.2]]
    paths = toy_paths(agreed, steps=20)
    assert paths["cliptta"][-1] == pytest.approx(np.array(paths["cliptta"][0]), abs=1e-5)
    assert max(paths["tent"][-1][0]) > 0.9


def test_cliptta_moves_against_the_classes_that_the_batch_has() -> None:
    """A third class that nobody predicts takes no part in the batch's contrast."""
    path = toy_paths([[0.45, 0.35, 0.2], [0.35, 0.45, 0.2]], steps=40)["cliptta"]
    first = path[-1][0]
    assert first[0] / first[1] > 5  # parted from the other prediction
    assert 1 <= len(path[0][0]) <= 3
    assert math.isclose(sum(first), 1, abs_tol=1e-5)


@pytest.mark.parametrize(
    "points", [[], "abc", [[1, 2]], [[0, 0, 0]], [[float("nan"), 1, 1]], [[-1, 1, 1]], [[1, 1, 1]] * 61, None]
)
def test_points_that_are_no_probabilities_are_refused(points: object) -> None:
    with pytest.raises(UserError, match="points must be"):
        toy_paths(points)


def test_corners_are_kept_inside() -> None:
    path = toy_paths([[1, 0, 0], [0, 1, 0]], steps=3)
    assert torch.isfinite(torch.tensor(path["tent"])).all()
    assert torch.isfinite(torch.tensor(path["cliptta"])).all()
