"""What no page needs: the paper's protocol as tables, rankings, what is claimed and measured, and how fast it is."""
