"""``python -m failextract_nb`` is the command ``failextract-nb``."""

from __future__ import annotations

import sys

from failextract_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
