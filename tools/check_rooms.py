#!/usr/bin/env python3
"""Holds every #include of the product against the map of the house, torchkeep/CMakeLists.txt.

A file may include its own room, the rooms that its room NEEDS, and another room's headers only if
they are not internal/. A program or the Python module, whose room is
python/core, is never included by another. OpenSSL is spelled only in the
sources of crypto/ and channel/ and in crypto/'s two headers for them, which no other header includes.
"""
import pathlib
import re
import sys

OPENSSL_HEADERS = {"torchkeep/crypto/openssl.h", "torchkeep/crypto/internal/asn1.h"}
ROOT = pathlib.Path(__file__).resolve().parent.parent


def read_map():
    text = (ROOT / "torchkeep/CMakeLists.txt").read_text()
    # A program's line that is not built yet still says what its folder may include.
    text = re.sub(r"^#(?=torchkeep_program\(| {20,})", "", text, flags=re.MULTILINE)
    text = re.sub(r"#.*", "", text)
    rooms, programs = {}, set()
    for kind, body in re.findall(r"torchkeep_(room|program|module)\(([^)]*)\)", text):
        words = body.split()
        name, needs, reading = words[0], [], False
        for word in words[1:]:
            if word.isupper() and not word.startswith("0X"):
                reading = word == "NEEDS"
            elif reading:
                needs.append(word)
        unknown = [need for need in needs if need not in rooms]
        if unknown:
            sys.exit(f"{name} needs {unknown}, which do not stand above it: arrows only point down")
        rooms[name] = set(needs)
        if kind != "room":
            programs.add(name)
    return rooms, programs


def faults_of(path, rooms, programs):
    parts = path.relative_to(ROOT).parts
    room = parts[1] if parts[0] == "torchkeep" else parts[0]
    if room not in rooms:
        yield f"{path}: room {room} is not on the map"
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        ours = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        where = f"{path.relative_to(ROOT)}:{number}"
        if ours:
            parts = ours.group(1).split("/")
            if parts[0] == room == "python":
                continue
            if parts[0] != "torchkeep":
                yield f'{where}: write "torchkeep/{room}/..." in full'
                continue
            if not (ROOT / ours.group(1)).exists():
                continue  # made by the build (protobuf)
            other = parts[1]
            if other == room:
                continue
            if other in programs:
                yield f"{where}: {other} is a program; nothing includes a program"
            elif other not in rooms[room]:
                yield f"{where}: {room} does not NEED {other}"
            elif "internal" in parts:
                yield f"{where}: {other} keeps its internal/ to itself"
        shows_openssl = ours and ours.group(1) in OPENSSL_HEADERS
        if shows_openssl or re.match(r"\s*#\s*include\s+<openssl/", line):
            itself = str(path.relative_to(ROOT)) in OPENSSL_HEADERS
            if room not in ("crypto", "channel") or (path.suffix != ".cpp" and not itself):
                yield f"{where}: OpenSSL is spelled only in the .cpp files of crypto/ and channel/"


def main():
    rooms, programs = read_map()
    faults, files = [], 0
    for path in sorted([*(ROOT / "torchkeep").rglob("*"), *(ROOT / "python/core").rglob("*")]):
        if path.suffix in (".h", ".cpp"):
            files += 1
            faults += faults_of(path, rooms, programs)
    print("\n".join(faults) or f"{files} files keep to the map")
    return 1 if faults or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
