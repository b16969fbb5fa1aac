"""The server: its start and end, its doors, and all that leans on Gradio's private parts."""
