"""``python -m scaffold VERB``."""

from __future__ import annotations

import sys

from scaffold.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
