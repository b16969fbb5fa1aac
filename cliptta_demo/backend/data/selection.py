"""Which of a data set's classes a run is about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name


def select_classes(
    known: Sequence[str], labels: np.ndarray, wanted: Sequence[str] | None, name: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Keeps the images of some classes.

    Args:
        known: the data set's class names; labels: ``(N,)`` integers into them, below 0 where there is no label.
        wanted: some of them, in the order to be (an underscore equals a space, case does not matter); None: all.
        name: of the data set, for messages.

    Returns:
        Class names; ``(M,)`` positions of the images kept; ``(M,)`` their labels in the new order. Images without a
        label are kept.

    Raises:
        UserError: a name that the data set doesn't have.
    """
    if wanted is None:
        return tuple(known), np.arange(len(labels)), labels
    place = {display_name(text).casefold(): index for index, text in enumerate(known)}
    keys = [display_name(text).casefold() for text in wanted]
    unknown = [text for text, key in zip(wanted, keys, strict=True) if key not in place]
    if unknown:
        has = ", ".join(known[:30]) + (", …" if len(known) > 30 else "")
        raise UserError(f"{name} has no class {', '.join(map(repr, unknown[:5]))}. It has: {has}.")
    new = np.full(len(known), -1, np.int64)
    new[[place[key] for key in keys]] = np.arange(len(wanted))
    moved = np.where(labels >= 0, new[np.clip(labels, 0, None)], labels)
    chosen = np.flatnonzero((labels < 0) | (moved >= 0))
    return tuple(wanted), chosen, moved[chosen]
