"""S-FRET and G-FRET against numbers computed with their authors' released implementation."""

from __future__ import annotations

import pytest
from golden_methods import STREAMS, Trajectory


@pytest.mark.parametrize("stream", STREAMS)
def test_s_fret(stream: str) -> None:
    Trajectory("s_fret", stream, "s-fret").check()


@pytest.mark.parametrize("stream", STREAMS)
def test_g_fret(stream: str) -> None:
    Trajectory("g_fret", stream, "g-fret").check(near_losses=1e-3)  # of about 181
