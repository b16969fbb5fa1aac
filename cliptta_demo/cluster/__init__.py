"""Work on several processes, GPUs or machines: who has what to do (:mod:`.workers`), and Ray, which carries it."""
