"""What the page says and starts with, wherever it does."""
