"""The models: what is offered, how one is loaded, and how images and words go through it."""
