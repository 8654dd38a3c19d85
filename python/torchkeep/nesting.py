"""Nested tensors and the names that stand for them in a model's graph.

A worker knows tensors by name only. So the place of a tensor in what a module takes or returns is its name, and travels
encrypted inside the container:

    x                    the tensor itself
    x(0/2)  x(1/2)       a tuple of two
    x[0/3]               the first of a list of three; an index that no tensor has stands for None
    x{key}               an entry of a dict

These nest: `past(0/12)(1/2)` is `past[0][1]`.
"""
import re
from typing import Any, Callable, Dict, List, Sequence, Tuple

from .errors import InvalidArgument

_STEP = re.compile(r"\((\d+)/(\d+)\)|\[(\d+)/(\d+)\]|\{([A-Za-z0-9_.\-]+)\}")
_KEY = re.compile(r"[A-Za-z0-9_.\-]+")


def flatten(value: Any, name: str, is_leaf: Callable[[Any], bool]) -> List[Tuple[str, Any]]:
    """The tensors in `value` with their names, in order. Raises InvalidArgument for whatever cannot be named."""
    if is_leaf(value):
        return [(name, value)]
    if isinstance(value, dict):
        children = [(f"{name}{{{_key(key, name)}}}", item) for key, item in value.items()]
        absent = [child for child, item in children if item is None]
        if absent:
            raise InvalidArgument(f"{absent[0]} is None; leave the entry out")
    elif isinstance(value, (tuple, list)):
        left, right = "()" if isinstance(value, tuple) else "[]"
        children = [(f"{name}{left}{i}/{len(value)}{right}", item) for i, item in enumerate(value) if item is not None]
    else:
        raise InvalidArgument(f"{name} is of type {type(value).__name__}; tensors, and tuples, lists and dicts of them, "
                              f"can go into and come out of a protected model")
    if not children:
        raise InvalidArgument(f"{name} is an empty {type(value).__name__}: there is no tensor in it")
    return [pair for child, item in children for pair in flatten(item, child, is_leaf)]


def _key(key: Any, name: str) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidArgument(f"{name} has the key {key!r}; keys are text of letters, digits, '_', '.' and '-'")
    return key


def root_of(name: str) -> str:
    """The name without its steps: "past" of "past(0/2)"."""
    return name[:min((name.find(mark) for mark in "([{" if mark in name), default=len(name))]


def roots_of(names: Sequence[str]) -> List[str]:
    """The different roots, in order: a module's parameters."""
    return list(dict.fromkeys(root_of(name) for name in names))


def rebuild(pairs: Sequence[Tuple[str, Any]]) -> Any:
    """The nested value that `flatten` took apart. Names that are no nesting of one root become a dict by name."""
    if len(pairs) == 1 and root_of(pairs[0][0]) == pairs[0][0]:
        return pairs[0][1]
    paths = [_steps(name) for name, _ in pairs]
    if len(roots_of([name for name, _ in pairs])) != 1 or not all(paths):
        return dict(pairs)
    return _assemble([(path, value) for path, (_, value) in zip(paths, pairs)])


def _steps(name: str) -> List[Tuple[str, Any, int]]:
    """[(kind, index or key, length)], empty if the name is none of ours."""
    steps, place = [], len(root_of(name))
    while place < len(name):
        match = _STEP.match(name, place)
        if not match:
            return []
        if match[1] is not None:
            steps.append(("tuple", int(match[1]), int(match[2])))
        elif match[3] is not None:
            steps.append(("list", int(match[3]), int(match[4])))
        else:
            steps.append(("dict", match[5], 0))
        place = match.end()
    return steps


def _assemble(entries: List[Tuple[List[Tuple[str, Any, int]], Any]]) -> Any:
    if not entries[0][0]:
        return entries[0][1]
    kind, _, length = entries[0][0][0]
    groups: Dict[Any, list] = {}
    for path, value in entries:
        groups.setdefault(path[0][1], []).append((path[1:], value))
    children = {key: _assemble(group) for key, group in groups.items()}
    if kind == "dict":
        return children
    items = [children.get(i) for i in range(length)]
    return tuple(items) if kind == "tuple" else items
