"""The stage: each panel drawn from a session, as data for the browser."""
