"""What tests of the engine share."""

import pytest
from checkpoints import checkpoints
from helpers import small_backbone

from cliptta_demo.backend.models.backbone import Backbone

__all__ = ["checkpoints"]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """One for all tests of a file, which leave it as it was."""
    return small_backbone()
