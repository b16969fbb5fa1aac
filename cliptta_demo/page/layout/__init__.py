"""Where things stand on the page, and which button or change calls what."""
