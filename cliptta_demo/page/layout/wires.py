"""What all listeners of the page share: its parts by name, and whose call it is."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from cliptta_demo.page.framework.gradio_parts import asked_at
from cliptta_demo.page.runs.host import Host


@dataclass(frozen=True)
class Wires:
    """A page that is being put together.

    Attributes:
        parts: controls, panels and states by the names that updates use; widgets: those of the form's fields.
    """

    host: Host
    parts: dict[str, Any]
    widgets: dict[str, Any]

    @property
    def demo(self) -> gr.Blocks:
        """The page itself."""
        return self.host.demo

    @property
    def inputs(self) -> list[Any]:
        """All fields' widgets, in the order of :func:`.fields.fields`."""
        return list(self.widgets.values())

    def named(self, *names: str) -> list[Any]:
        """Those parts."""
        return [self.parts[name] for name in names]

    def spread(self, update: dict[str, Any]) -> dict[Any, Any]:
        """An update by names as Gradio takes it."""
        known = self.parts | self.widgets
        return {known[name]: value for name, value in update.items()}

    def key_of(self, request: gr.Request) -> str:
        """Who calls; a sign of life of theirs."""
        key = request.session_hash or "nobody"
        self.host.visitors.here(key, asked_at(self.demo))
        return key

    def wait(self, request: gr.Request) -> None:
        """Until no run of the caller's is left."""
        self.host.runs.close_abandoned(self.demo)
        self.host.runs.wait(self.key_of(request))
