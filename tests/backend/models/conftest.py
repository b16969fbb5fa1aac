"""What tests of models share."""

from checkpoints import checkpoints

__all__ = ["checkpoints"]
