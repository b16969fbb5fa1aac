"""What the C library does with memory that a step has freed: kept for the next step, or given back to the system.

By default glibc gives large blocks back at once, and the next step waits while the system clears them again, page by
page: with the tiny model about a fourteenth of the bare passes with memory. Other systems are left as they are.
"""

import ctypes
import gc
from functools import cache

# glibc's numbers for mallopt, see malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

KEPT_BYTES = 256 * 2**20  # free memory kept: twice what a step of tiny needs on 64 images and as many remembered ones
LARGEST_KEPT_BLOCK = 32 * 2**20  # the most that glibc allows; larger blocks go back to the system as before
ARENAS = 2  # each keeps memory of its own, so that few are better than glibc's eight per core


@cache
def keep_freed_memory() -> bool:
    """Lets the C library keep freed memory for later steps, from now on; says whether it can."""
    library = _glibc()
    if library is None:
        return False
    settings = {_ARENA_MAX: ARENAS, _MMAP_THRESHOLD: LARGEST_KEPT_BLOCK, _TRIM_THRESHOLD: KEPT_BYTES}
    return all([library.mallopt(number, value) == 1 for number, value in settings.items()])


def give_memory_back() -> None:
    """Returns all that is free to the system now; glibc would keep it for later steps."""
    gc.collect()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libc.so.6")
    except OSError:  # another system, another C library
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
