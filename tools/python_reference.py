#!/usr/bin/python3
"""Writes docs/python-reference.md from the package's own words: signatures and docstrings of what `import torchkeep` offers.

usage: python_reference.py [--check]

Needs the package on PYTHONPATH (build/release/python). With --check nothing is written; ends with 1 if the page is not current.
"""
import argparse
import inspect
import pathlib
import re
import sys

import torchkeep

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "python-reference.md"
HEAD = """# `torchkeep` for Python: reference

Written by `tools/python_reference.py` from the package's docstrings: change those. [python.md](python.md) is the tutorial.
"""


# How the interpreter spells the types that the package has names for, and where they stand.
_SPELT = [(r"\b(?:typing|torchkeep|pathlib|site|client|verdicts|protecting|quantising|torch\.nn\.modules\.module)\.(?=[A-Z])", ""),
          (r"torchkeep\.", ""), (r"\bpathlib\.", ""), (r"\b(?:site|client|verdicts|protecting|quantising)\.(?=[A-Z])", ""),
          (r"ForwardRef\('(?:pathlib\.)?([\w.\[\]]+)'\)", r"\1"), (r"<class '([\w.]+)'>", r"\1"), (r"'(\w+)'$", r"\1"),
          (r"\b_local\.Path", "Path"),  # what Python 3.13 calls it
          (r"Union\[str, os\.PathLike\[str\], NoneType\]", "Optional[PathLike]"), (r"Union\[str, os\.PathLike\[str\]\]", "PathLike"),
          (r"Union\[str, Dict\[str, Any\], Path, NoneType\]", "Optional[PolicyLike]"),
          (r"Union\[str, Dict\[str, Any\], Path\]", "PolicyLike"), (r"Union\[NoneType, str, Site\]", "Union[str, Site, None]")]


def spelt(text):
    for pattern, put in _SPELT:
        text = re.sub(pattern, put, text)
    return text


def signature(name, function):
    """As one writes a call: without `self`, with types as they are spelt in the source, a long one over several lines."""
    found = inspect.signature(function)
    parameters = [each for each in found.parameters.values() if each.name != "self"]
    whole = spelt(f"{name}{found.replace(parameters=parameters)}")
    if len(whole) <= 120:
        return whole
    single = [spelt(str(found.replace(parameters=[each], return_annotation=inspect.Signature.empty))[1:-1]) for each in parameters]
    for i, each in enumerate(single):  # a parameter by itself brings its own mark for "by keyword only" along
        single[i] = each[3:] if each.startswith("*, ") else each
    first = next((i for i, each in enumerate(parameters) if each.kind is each.KEYWORD_ONLY), None)
    if first is not None:
        single.insert(first, "*")
    lines, line = [], "   "
    for each in single:
        if len(line) + len(each) + 2 > 120:
            lines.append(line)
            line = "   "
        line += f" {each},"
    return "\n".join([f"{name}(", *lines, line.rstrip(","), whole[whole.rindex(")"):]])


def words(thing):
    return inspect.cleandoc(thing.__doc__ or "")


def of_class(name, kind):
    lines = [f"## `{name}`", ""]
    if issubclass(kind, torchkeep.Error):
        lines += [f"An exception; a kind of `{kind.__mro__[1].__name__}`.", "", words(kind), ""]
        return lines
    if "__init__" in vars(kind) and inspect.signature(kind.__init__).parameters:
        lines += ["```", signature(name, kind.__init__).replace(" -> None", ""), "```", ""]
    lines += [words(kind), ""]
    for member, value in vars(kind).items():
        if member.startswith("_") and member != "__call__":
            continue
        found = value.fget if isinstance(value, property) else value
        if not inspect.isfunction(found) or not found.__doc__:
            continue
        shown = f"`.{member}`" if isinstance(value, property) else "a call" if member == "__call__" else \
            f"`.{' '.join(signature(member, found).split())}`"
        lines += [f"- {shown}: " + " ".join(words(found).split()), ""]
    return lines


def page():
    lines = [HEAD]
    for name in torchkeep.__all__:
        thing = getattr(torchkeep, name)
        lines += of_class(name, thing) if inspect.isclass(thing) else [f"## `{name}`", "", "```", signature(name, thing), "```", "",
                                                                      words(thing), ""]
    return "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    if PAGE.exists() and PAGE.read_text() == page():
        return 0
    print(f"{PAGE} is not what the docstrings say: run tools/python_reference.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
