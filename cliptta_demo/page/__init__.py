"""The page: a Gradio app that draws what the engine yields."""
