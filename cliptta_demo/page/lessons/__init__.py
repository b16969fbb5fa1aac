"""Guided experiments: what each of them asks, tells and claims."""
