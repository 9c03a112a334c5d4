"""What the benchmarks run: a small shop whose prices go wrong six frames deep.

Six frames in five modules with fifteen locals in all: numbers, texts, a secret, a list, a pair,
nested dicts, a DataFrame, an array, an object.  The message and what is small differ from call to
call, as those of real failures do; the DataFrame and the array are those of the session.
"""
