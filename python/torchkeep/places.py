"""Where things are on this machine: the programs, the owners' folders."""
import os
import pathlib
import re
import shutil
import tempfile
from typing import Optional, Tuple, Union

from .errors import InvalidArgument, NotFound

PathLike = Union[str, "os.PathLike[str]"]
DEFAULT_OWNER = "me"
MEMORY = pathlib.Path("/dev/shm")  # a file system without a disk
_HERE = pathlib.Path(__file__).absolute().parent
_ID = re.compile(r"(?:(?P<owner>[a-z0-9_\-][a-z0-9_.\-]{0,63})/)?(?P<name>[a-z0-9_\-][a-z0-9_.\-]{0,63})")


def programs_folder() -> pathlib.Path:
    """The folder with torchkeep, torchkeep-worker and the rest: $TORCHKEEP_PROGRAMS, the package's own, or its build's."""
    given = os.environ.get("TORCHKEEP_PROGRAMS")
    candidates = [pathlib.Path(given)] if given else [_HERE / "bin", _HERE.parent.parent / "bin"]
    for candidate in candidates:
        if (candidate / "torchkeep").exists():
            return candidate.absolute()
    raise NotFound(f"the programs are not in {' or '.join(map(str, candidates))}; build them (make build) and name their "
                   f"folder in TORCHKEEP_PROGRAMS")


def program(name: str) -> pathlib.Path:
    """One program's path. Raises NotFound."""
    path = programs_folder() / name
    if not path.exists():
        raise NotFound(f"{path} is not built; make build, or TORCHKEEP_PROGRAMS=FOLDER")
    return path


def split_id(model_id: str) -> Tuple[Optional[str], str]:
    """The owner's alias and the model's name of "acme/resnet50" or "resnet50". Raises InvalidArgument."""
    match = _ID.fullmatch(model_id) if isinstance(model_id, str) else None
    if not match:
        raise InvalidArgument(f"{model_id!r} names no model; write NAME or OWNER/NAME, each of a-z, 0-9, '-', '_', '.', not "
                              f"beginning with '.', at most 64 letters")
    return match["owner"], match["name"]


def owner_folder(alias: Optional[str], folder: Optional[PathLike] = None) -> pathlib.Path:
    """An owner's folder: `folder` if given, else $TORCHKEEP_OWNER_FOLDER or ~/.torchkeep; of an alias, owners/ALIAS in it."""
    base = pathlib.Path(folder or os.environ.get("TORCHKEEP_OWNER_FOLDER") or pathlib.Path.home() / ".torchkeep")
    return base if alias is None or folder is not None else base / "owners" / alias


def clear_folder(needed: int) -> "tempfile.TemporaryDirectory[str]":
    """A folder of mode 0700 for `needed` bytes that are in clear, gone when it is left: in memory, so that no disk sees them, if
    that has room for twice as much; else, or if TMPDIR is set, where temporary files go."""
    in_memory = "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and _room_in_memory() > 2 * needed
    return tempfile.TemporaryDirectory(prefix="torchkeep-", dir=MEMORY if in_memory else None)


def _room_in_memory() -> int:
    # The file system may promise more than the machine has.
    available = re.search(r"^MemAvailable: *(\d+) kB", pathlib.Path("/proc/meminfo").read_text(), re.MULTILINE)
    return min(shutil.disk_usage(MEMORY).free, 1024 * int(available[1]) if available else 0)
