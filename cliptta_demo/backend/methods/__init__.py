"""The methods of test-time adaptation, and what they are made of: losses, scores, memory, optimiser."""
