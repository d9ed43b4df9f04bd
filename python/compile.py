"""Compiles the installed plugin for the Python that installs it: users cannot write beside it, and
would compile it in every run."""

import compileall
import os
import sys

if __name__ == "__main__":
    stage = os.environ.get("DESTDIR", "")
    folder = stage + sys.argv[1]
    strip, prepend = (stage, "/") if stage else (None, None)
    compiled = compileall.compile_dir(folder, quiet=1, stripdir=strip, prependdir=prepend)
    sys.exit(0 if compiled else 1)
