"""The registry by the name that plugins and scripts import it by; with it come all methods."""

from cliptta_demo.backend.registry import FAMILIES, METHODS, REFERENCE, RELEASES, Released, definition, register

__all__ = ["FAMILIES", "METHODS", "REFERENCE", "RELEASES", "Released", "definition", "register"]
