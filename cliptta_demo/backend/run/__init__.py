"""A run: an experiment on one stream, batch by batch, and what is told of it."""
