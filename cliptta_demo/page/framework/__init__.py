"""What Gradio does not offer, or only in private."""
