"""What the benchmarks run: a small shop whose prices go wrong six frames deep.

Frames in five modules, fifteen locals where it fails, and a message and two values that differ from
call to call, as those of real failures do.
"""
