"""The paper's protocol as one command: methods × corruptions × seeds, resumable, with tables and a report."""
