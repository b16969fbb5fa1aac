"""What belongs to one visitor: the run's state, uploads, and how both are kept and put away."""
