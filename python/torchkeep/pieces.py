"""One encrypted container as the tensors of a state dict, and back.

Each secured module holds a piece under its own name. What stands in front of a piece says where it belongs, so that a mix-up is
told in words; what counts is the container that the pieces make, which a worker authenticates as a whole (docs/formats/pieces.md).
"""
import dataclasses
import json
from typing import Dict, List, Sequence, Tuple

import torch

from .errors import Malformed, Untrusted

MAGIC = b"TKO1"
_LENGTH_BYTES = 4
_FIELDS = {"format": int, "id": str, "version": int, "module": str, "piece": int, "pieces": int, "offset": int, "total": int}


@dataclasses.dataclass(frozen=True)
class Origin:
    """Which model the pieces say they are of."""
    id: str
    version: int


def cut(container: bytes, weights: Sequence[Tuple[str, int]], origin: Origin) -> Dict[str, torch.Tensor]:
    """A piece for each module, as long as its share of `weights` (path, bytes), in that order."""
    whole, done, start = sum(size for _, size in weights) or 1, 0, 0
    pieces = {}
    for i, (path, size) in enumerate(weights):
        done += size
        end = len(container) if i + 1 == len(weights) else len(container) * done // whole
        head = json.dumps({"format": 1, "id": origin.id, "version": origin.version, "module": path, "piece": i,
                           "pieces": len(weights), "offset": start, "total": len(container)}, sort_keys=True).encode()
        body = MAGIC + len(head).to_bytes(_LENGTH_BYTES, "little") + head + container[start:end]
        pieces[path] = torch.frombuffer(bytearray(body), dtype=torch.uint8)
        start = end
    return pieces


def _open(path: str, piece: torch.Tensor) -> Tuple[dict, memoryview]:
    held = memoryview(piece.detach().cpu().contiguous().numpy()).cast("B")
    start = len(MAGIC) + _LENGTH_BYTES
    if bytes(held[:len(MAGIC)]) != MAGIC:
        raise Malformed(f"what stands for {path} is no piece of a secured model")
    size = int.from_bytes(held[len(MAGIC):start], "little")
    try:
        head = json.loads(bytes(held[start:start + size]))
        for name, kind in _FIELDS.items():
            if type(head[name]) is not kind:
                raise ValueError(name)
    except (ValueError, KeyError, TypeError):
        raise Malformed(f"the head of {path}'s piece cannot be read") from None
    if head["format"] != 1:
        raise Malformed(f"{path}'s piece has format {head['format']}; this release reads 1")
    return head, held[start + size:]


def join(pieces: Dict[str, torch.Tensor]) -> Tuple[Origin, bytes]:
    """The container that the pieces make, by the names under which they stand. Raises Untrusted for pieces that are swapped,
    foreign or cut, Malformed for what is no piece. Nothing here is proof: a worker judges the container."""
    opened: List[Tuple[int, str, dict, memoryview]] = []
    for path, piece in pieces.items():
        head, data = _open(path, piece)
        if head["module"] != path:
            raise Untrusted(f"what stands under {path} is the piece of {head['module']}: pieces were swapped")
        opened.append((head["piece"], path, head, data))
    opened.sort(key=lambda one: one[:2])
    _, first_path, first, _ = opened[0]
    at = 0
    for i, (number, path, head, data) in enumerate(opened):
        for field in ("id", "version", "pieces", "total"):
            if head[field] != first[field]:
                raise Untrusted(f"the piece of {path} is of another state dict: its {field} is {head[field]!r}, that of "
                                f"{first_path} is {first[field]!r}")
        if number != i or head["offset"] != at:
            raise Untrusted(f"the piece of {path} does not follow the one before it: some are missing, cut or twice there")
        at += len(data)
    if first["pieces"] != len(opened) or first["total"] != at:
        raise Untrusted(f"the pieces make {at} bytes of {first['total']} in {len(opened)} of {first['pieces']} pieces: one is cut, "
                        f"longer or missing")
    return Origin(first["id"], first["version"]), b"".join(data for _, _, _, data in opened)
