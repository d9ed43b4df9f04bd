"""Writes interface files as C string constants: embed.py OUTPUT INPUT...

a.b.c.varlink becomes interface_a_b_c, which daemon/interfaces.h declares.
"""

import json
import pathlib
import sys


def constant(path: pathlib.Path) -> str:
    name = "interface_" + path.name.removesuffix(".varlink").replace(".", "_")
    lines = path.read_text(encoding="ascii").splitlines(keepends=True)
    literals = "\n".join(f"        {json.dumps(line)}" for line in lines)
    return f"const char {name}[] =\n{literals};\n"


def main() -> None:
    output, *inputs = (pathlib.Path(arg) for arg in sys.argv[1:])
    texts = "\n".join(map(constant, inputs))
    output.write_text(f'#include "daemon/interfaces.h"\n\n{texts}', encoding="ascii")


if __name__ == "__main__":
    main()
