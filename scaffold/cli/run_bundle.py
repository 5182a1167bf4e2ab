"""``python3 kit.tlbundle``: what Python runs in a bundle. Any Python 3 must be able to read this file."""

import os
import sys

_NEEDED = (3, 10)


def _start() -> int:
    bundle = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - the version is not known yet
    if sys.version_info < _NEEDED:
        sys.stderr.write(
            "error[environment]: this is Python {}.{}; a bundle needs 3.10 or newer\n"
            "hint: run it with another one, for example: python3.12 {}\n".format(*sys.version_info[:2], bundle)
        )
        return 3
    from scaffold.cli.unbundle import main

    return main(bundle, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_start())
