"""The page as ``app.py`` and the command ``cliptta-demo`` start it: what has to come first does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr


def make_demo() -> gr.Blocks:
    """The page with its opening example. To be called before anything imports gradio or torch.

    Ends the program with a sentence where the environment asks for what there is not.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    port = os.environ.get("GRADIO_SERVER_PORT", "0")
    if not (port.isdecimal() and int(port) < 2**16):  # Gradio reads it as it is imported
        raise SystemExit(f"error: GRADIO_SERVER_PORT is {port!r}; it must be a whole number below 65536.")
    if os.environ.get("SPACES_ZERO_GPU"):  # on ZeroGPU
        import spaces  # noqa: F401

    from cliptta_demo.backend.errors import UserError

    try:
        from cliptta_demo.page.layout.build import build_demo
        from cliptta_demo.page.panels.stage import load_example

        return build_demo(load_example)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


def serve(demo: gr.Blocks) -> None:
    """Serves the page until told to stop, see :func:`.page.server.serve.launch`; ends with a sentence as above."""
    from cliptta_demo.backend.errors import UserError
    from cliptta_demo.page.server.serve import launch

    try:
        launch(demo)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
