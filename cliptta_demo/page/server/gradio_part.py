"""How a private part of Gradio is declared, so that the start can look for it; :mod:`.gradio_parts` has them all."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

import gradio as gr

REQUIREMENT = "gradio>=6.20,<7"  # as in requirements.txt


@dataclass(frozen=True)
class Part:
    """A name of Gradio's that its documentation does not promise.

    Attributes:
        owner: what it is looked for in, in words; name: of the attribute.
        example: makes an owner to look at; fits: whether a value is what we use.
    """

    owner: str
    name: str
    example: Callable[[], Any]
    fits: Callable[[Any], bool]

    def of(self, owner: Any) -> Any:
        """The part of an owner."""
        return getattr(owner, self.name)

    def put(self, owner: Any, value: Any) -> None:
        """Puts something of ours in its place."""
        setattr(owner, self.name, value)

    def missing(self) -> bool:
        """Whether the installed Gradio lacks it, or has something else of that name."""
        try:
            return not self.fits(self.of(self.example()))
        except Exception:  # whatever a change of Gradio's leads to on the way there
            return True


PARTS: list[Part] = []


def part(owner: str, name: str, example: Callable[[], Any], fits: Callable[[Any], bool]) -> Part:
    PARTS.append(Part(owner, name, example, fits))
    return PARTS[-1]


def in_module(module: str, name: str, fits: Callable[[Any], bool]) -> Part:
    return part(module, name, lambda: import_module(module), fits)


def of_type(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def takes(*arguments: str) -> Callable[[Any], bool]:
    """Fits callables with these parameters."""

    def fits(value: Any) -> bool:
        parameters = inspect.signature(value).parameters
        return {*arguments} <= {*parameters}

    return fits


def takes_one(value: Any) -> bool:
    """Fits callables with one argument, whatever it is called."""
    return len(inspect.signature(value).parameters) == 1


@cache
def blocks() -> gr.Blocks:
    """An app as small as can be, with one function; one for all of a check."""
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.on(fn=lambda: None, inputs=[], outputs=[])
    return demo.queue()


def check_gradio() -> None:
    """Ends the program with a sentence and status 1 if the installed Gradio lacks a part that the page needs."""
    blocks.cache_clear()
    missing = list(dict.fromkeys(f"{part.name} of {part.owner}" for part in PARTS if part.missing()))
    blocks.cache_clear()
    if missing:
        raise SystemExit(
            f"This page needs {', '.join(missing)}, and Gradio {version('gradio')}, which is installed, has no such "
            f'part, or another of that name. Install a release that fits: pip install "{REQUIREMENT}".'
        )
