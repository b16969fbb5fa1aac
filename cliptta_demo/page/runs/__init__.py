"""Runs at work: from a pressed button or a call to batches, in turns with others."""
