"""Views of an image."""

from __future__ import annotations

import numpy as np
import torch
from golden_methods import golden
from helpers import random_images

from cliptta_demo.backend.methods.views import draw_boxes, take_views


def test_views_are_what_the_golden_file_says() -> None:
    images = random_images(2)
    boxes = torch.from_numpy(golden()["views/closed/boxes"][0][:2]).long()
    views = take_views(images, boxes)
    for image, view in np.ndindex(2, boxes.shape[1]):
        top, left, height, width, flip = boxes[image, view].tolist()
        rows, columns = (start + torch.arange(32) * size // 32 for start, size in ((top, height), (left, width)))
        expected = images[image][:, rows][:, :, columns]
        assert torch.equal(views[image, view], expected.flip(-1) if flip else expected)


def test_boxes_lie_in_the_image_and_the_first_is_the_image() -> None:
    boxes = draw_boxes(20, 64, 32, seed=3)
    top, left, height, width, mirrored = boxes.unbind(-1)
    assert boxes.dtype == torch.int64
    assert (boxes >= 0).all()
    assert ((top + height <= 32) & (left + width <= 32) & (height > 0) & (width > 0)).all()
    assert torch.equal(boxes[:, 0], torch.tensor([0, 0, 32, 32, 0]).expand(20, 5))
    assert set(mirrored.unique().tolist()) == {0, 1}
    assert torch.equal(boxes, draw_boxes(20, 64, 32, seed=3))
    assert not torch.equal(boxes, draw_boxes(20, 64, 32, seed=4))
