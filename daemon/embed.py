"""Writes interface files as C strings: embed.py OUTPUT INPUT...

a.b.c.varlink becomes interface_a_b_c, which daemon/interfaces.h declares. Byte by byte, since no
compiler has to take a string literal of more than 4,095 bytes (C17, 5.2.4.1).
"""

import pathlib
import sys

COLUMNS = 20


def constant(path: pathlib.Path) -> str:
    name = "interface_" + path.name.removesuffix(".varlink").replace(".", "_")
    codes = [str(byte) for byte in path.read_text(encoding="ascii").encode() + b"\0"]
    rows = [", ".join(codes[i : i + COLUMNS]) for i in range(0, len(codes), COLUMNS)]
    body = ",\n        ".join(rows)
    return f"const char {name}[] = {{\n        {body}}};\n"


def main() -> None:
    output, *inputs = (pathlib.Path(arg) for arg in sys.argv[1:])
    texts = "\n".join(map(constant, inputs))
    output.write_text(f'#include "daemon/interfaces.h"\n\n{texts}', encoding="ascii")


if __name__ == "__main__":
    main()
