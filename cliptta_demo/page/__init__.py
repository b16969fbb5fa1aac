"""The page: a Gradio app that draws what the engine yields."""

from cliptta_demo.page.layout import build_demo
from cliptta_demo.page.panels.example import load_example
from cliptta_demo.page.server.serve import launch

__all__ = ["build_demo", "launch", "load_example"]
