"""What all listeners of the page share: its parts by name, and whose call it is."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gradio as gr

from cliptta_demo.page.framework.gradio_parts import asked_at
from cliptta_demo.page.layout.sidebar import Sidebar
from cliptta_demo.page.runs.host import Host


@dataclass(frozen=True)
class Wires:
    """A page that is being put together; ``parts``: controls, panels and states by the names that updates use."""

    host: Host
    sidebar: Sidebar
    parts: dict[str, Any]

    @property
    def demo(self) -> gr.Blocks:
        """The page itself."""
        return self.host.demo

    @cached_property
    def targets(self) -> dict[str, Any]:
        """Whatever an update can name."""
        return {
            **self.parts,
            **self.sidebar.widgets,
            "files": self.sidebar.files,
            "upload_note": self.sidebar.upload_note,
            "propose": self.sidebar.propose,
        }

    def spread(self, update: dict[str, Any]) -> dict[Any, Any]:
        """An update by names as Gradio takes it."""
        return {self.targets[name]: value for name, value in update.items()}

    def key_of(self, request: gr.Request) -> str:
        """Who calls; a sign of life of theirs."""
        key = request.session_hash or "nobody"
        self.host.session_end.here(key, asked_at(self.demo))
        self.host.memory.touch(key)
        return key

    def wait(self, request: gr.Request) -> None:
        """Until no run of the caller's is left."""
        self.host.runs.close_abandoned(self.demo)
        self.host.runs.wait(self.key_of(request))
