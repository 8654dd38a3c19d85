#!/usr/bin/env python3
"""Holds the engine's files against what the house says of them.

An operator's file says in its first lines which operators it holds, which versions of them it implements and where
they are described; a file of one operator is named as the standard names that. Each optimisation pass has a file of
its name, whose first lines show a graph before and after it. docs/runtime.md lists the operators that there are.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNELS = ROOT / "torchkeep/runtime/kernels"
PASSES = ROOT / "torchkeep/runtime/optimise"
LINK = "https://onnx.ai/onnx/operators/onnx__"


def first_comment(path):
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].strip())
    return " ".join(lines)


def snake(name):
    """MatMulInteger: mat_mul_integer; LSTM: lstm; GatherND: gather_nd."""
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


def operators_by_file():
    makers, files = {}, {}
    for table in KERNELS.glob("operators_of_*.cpp"):
        for name, maker in re.findall(r'Operator\{"(\w+)",[^}]*?\b(make_\w+)', table.read_text()):
            makers[name] = maker
    places = {}
    for path in KERNELS.glob("*.cpp"):
        for maker in re.findall(r"^Result<KernelPointer> (make_\w+)\(NodeReader", path.read_text(), re.MULTILINE):
            places[maker] = path
        # Families whose makers differ in one word are made by a macro.
        for maker in re.findall(r"^[A-Z_]+\((\w+)[,)]", path.read_text(), re.MULTILINE):
            places.setdefault(f"make_{maker}", path)
    for name, maker in makers.items():
        files.setdefault(places.get(maker), []).append(name)
    return files


def faults_of_operators():
    files = operators_by_file()
    for name in files.pop(None, []):
        yield f"operator {name}: no file of kernels/ makes it"
    for path, names in sorted(files.items()):
        comment, where = first_comment(path), path.relative_to(ROOT)
        if LINK not in comment:
            yield f"{where}: its first lines have no link {LINK}NAME.html"
        for name in names:
            if not re.search(rf"\b{name}\b(?!\.html)", comment):
                yield f"{where}: its first lines do not name {name}"
            elif not re.search(rf"\b{name}-\d", comment) and not re.search(r"\bversions? \d", comment):
                yield f"{where}: its first lines do not say which versions of {name} it implements"
        if len(names) == 1 and path.stem != snake(names[0]):
            yield f"{where}: the one operator in it is {names[0]}: wanted is {snake(names[0])}.cpp"
    listed = (ROOT / "docs/runtime.md").read_text().split("## Operators")[1]
    for name in sorted(name for names in files.values() for name in names):
        if not re.search(rf"\b{name}\b", listed):
            yield f"docs/runtime.md does not list the operator {name}"
    if not files:
        yield "kernels/ holds no operator"


def faults_of_passes():
    header = (PASSES / "optimise.h").read_text()
    passes = [name for name in re.findall(r"^\S+ (\w+)\(graph::Graph&", header, re.MULTILINE) if name != "optimise"]
    if not passes:
        yield "optimise.h declares no pass"
    for name in passes:
        path = PASSES / f"{name}.cpp"
        if not path.exists():
            yield f"optimise.h declares {name}: wanted is optimise/{name}.cpp"
        elif not re.search(r"\bbecomes?\b", first_comment(path)):
            yield f"{path.relative_to(ROOT)}: its first lines show no graph before and after it ('A -> B becomes C')"


def main():
    faults = [*faults_of_operators(), *faults_of_passes()]
    print("\n".join(faults) or "operators and passes are where they are looked for")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
