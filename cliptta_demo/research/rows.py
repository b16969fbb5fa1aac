"""The images of a table's rows."""

from collections.abc import Callable, Sequence

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.data.presets import CIFAR_C_PREFIXES, CIFAR_C_TABLE
from cliptta_demo.backend.data.sources import Source
from cliptta_demo.research.runs import TableSettings


def open_rows(settings: TableSettings, names: Sequence[str] | None) -> Callable[[str], tuple[Source, str]]:
    """Corruption → (source, corruption still to be drawn): CIFAR-10-C's own files where they are the data set."""
    if settings.dataset.startswith(tuple(CIFAR_C_PREFIXES)):
        spec, severity = settings.dataset.rstrip("/"), settings.stream.severity
        return lambda corruption: (open_source(f"{spec}/{corruption}:{severity}", names), "none")
    if settings.dataset == CIFAR_C_TABLE:
        level = settings.stream.severity
        where = f"{CIFAR_C_TABLE}?corruption_name={{}}&corruption_level={level}"
        return lambda corruption: (open_source(where.format(corruption), names), "none")
    source = open_source(settings.dataset, names)
    return lambda corruption: (source, corruption)
