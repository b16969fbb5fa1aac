"""What runs share where their arithmetic is done: whose turn is next, how fast it goes, how much may be asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from PIL import Image

from cliptta_demo.backend.hub.downloads import bound_downloads
from cliptta_demo.backend.models.loading import keep_loaded
from cliptta_demo.backend.run.arithmetic import Pace
from cliptta_demo.limits import LIMITS, MB, Limits
from cliptta_demo.page.runs.scheduler import Scheduler


@dataclass(frozen=True, eq=False)
class Machine:
    """One for each process that does arithmetic. Pickled, it becomes that of the process which unpickles it."""

    limits: Limits = LIMITS
    pace: Pace = field(default_factory=Pace)
    scheduler: Scheduler = field(default_factory=Scheduler)

    def __reduce__(self) -> tuple[Callable[[], Machine], tuple[()]]:
        return this_machine, ()


def set_up(limits: Limits) -> None:
    """Has this process keep to the limits of whatever it loads, downloads or opens."""
    Image.MAX_IMAGE_PIXELS = limits.images.max_pixels  # for whatever opens a picture besides our own decoder
    keep_loaded(limits.loaded_backbones)
    bound_downloads(limits.download_megabytes * MB)


@cache
def this_machine() -> Machine:
    """Of a worker's process, and of a ZeroGPU call's: there functions come by name, with arguments that pickle."""
    return Machine()
