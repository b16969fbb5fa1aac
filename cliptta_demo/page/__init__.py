"""The page: a Gradio app that draws what the engine yields."""

from cliptta_demo.page.layout import build_demo, launch

__all__ = ["build_demo", "launch"]
