"""Runs notebooks from outside: each in its own kernel, what fails in it as records.

``notebook.run_notebook`` runs one and returns what can be pickled; ``runner.Runner`` runs many;
``cli.py`` is their command line.  ``kernel.py`` is what stands in the kernel meanwhile.
"""

# In the folder of a run.
FAILURES = "failures.jsonl"  # what the kernel has recorded
SAID = "said"  # what it has written where no notebook shows it
CRASH = "crash"  # where it was when it fell, by faulthandler
