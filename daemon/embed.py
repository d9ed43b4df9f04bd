"""Writes interface files as C string constants: embed.py OUTPUT INPUT... ; a.b.c.varlink becomes interface_a_b_c."""

import json
import pathlib
import sys


def constant(path: pathlib.Path) -> str:
    name = "interface_" + path.name.removesuffix(".varlink").replace(".", "_")
    lines = path.read_text(encoding="ascii").splitlines(keepends=True)
    return f"static const char {name}[] =\n" + "\n".join(f"        {json.dumps(line)}" for line in lines) + ";\n"


def main() -> None:
    output, *inputs = (pathlib.Path(arg) for arg in sys.argv[1:])
    output.write_text("#pragma once\n\n" + "\n".join(map(constant, inputs)), encoding="ascii")


if __name__ == "__main__":
    main()
