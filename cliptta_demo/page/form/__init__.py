"""The form: every setting as a widget, read from widgets, links and lessons, and checked."""
