"""What lessons and documents claim of the methods: declared, measured over seeds, threads and precisions.

A claim is a sentence, a number of a stream and the limits that the sentence needs. ``python -m cliptta_demo claims``
runs the streams, prints how far each claim is from its limits beside its interval's reach, and keeps the numbers.
"""
