#!/usr/bin/python3
"""Packs a build into a wheel: the package, its extension and the programs, for pip on a machine like this one.

usage: make_wheel.py BUILD [--out FOLDER]

BUILD is a build folder (build/release). The wheel holds what was built and none of the system's libraries: it runs where Debian's
packages of the same release are (docs/python.md). The same build makes the same bytes.
"""
import argparse
import base64
import hashlib
import pathlib
import re
import sys
import sysconfig
import zipfile

HOUSE = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ("torchkeep", "torchkeep-simtee", "torchkeep-keyserver", "torchkeep-keycache", "torchkeep-worker")
NAME, TAG_FORMAT = "torchkeep", "cp{0}{1}-cp{0}{1}-{2}"


def contents(build):
    """(name in the wheel, file, whether it is run), in order."""
    package = build / "python" / NAME
    for file in sorted(package.iterdir()):
        if file.suffix in (".py", ".pyi", ".so") or file.name == "py.typed":
            yield f"{NAME}/{file.name}", file, file.suffix == ".so"
    for program in PROGRAMS:
        yield f"{NAME}/bin/{program}", build / "bin" / program, True
        signed = build / "bin" / f"{program}.sigstruct"
        if signed.exists():
            yield f"{NAME}/bin/{signed.name}", signed, False


def put(wheel, name, data, runs, record):
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = (0o100755 if runs else 0o100644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    wheel.writestr(entry, data)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    record.append(f"{name},sha256={digest},{len(data)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    arguments = parser.parse_args()
    version = re.search(r'kVersion = "([^"]+)"', (HOUSE / "torchkeep" / "base" / "version.h").read_text())[1]
    tag = TAG_FORMAT.format(*sys.version_info[:2], sysconfig.get_platform().replace("-", "_"))
    about = f"{NAME}-{version}.dist-info"
    path = arguments.out / f"{NAME}-{version}-{tag}.whl"
    record = []
    with zipfile.ZipFile(path, "w") as wheel:
        for name, file, runs in contents(arguments.build):
            if not file.exists():
                path.unlink()
                sys.exit(f"{file} is not built: make python")
            put(wheel, name, file.read_bytes(), runs, record)
        put(wheel, f"{about}/METADATA", (f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n"
                                         "Summary: Keeps a PyTorch model secret where it runs\nRequires-Python: >=3.11\n").encode(), False, record)
        put(wheel, f"{about}/WHEEL", f"Wheel-Version: 1.0\nGenerator: make_wheel.py\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
            False, record)
        put(wheel, f"{about}/entry_points.txt", f"[console_scripts]\n{NAME} = {NAME}.__main__:run\n".encode(), False, record)
        record.append(f"{about}/RECORD,,")
        put(wheel, f"{about}/RECORD", ("\n".join(record) + "\n").encode(), False, [])
    print(path)


if __name__ == "__main__":
    main()
