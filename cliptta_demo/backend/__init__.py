"""The engine: stream → corruption → methods on one backbone → snapshots. Knows nothing of any page."""
