#!/usr/bin/env python3
"""Takes the few inputs that say most from what fuzzers have grown into the committed corpora.

For each target: of FOLDER/../corpus/NAME those inputs that reach code which no committed one reaches,
the most telling first, until tests/ROOM/corpus/NAME has --files files or --kib KiB. What is committed
already stays, the hand-made seeds by their names and earlier choices by their hashes.
"""
import argparse
import pathlib
import shutil
import subprocess
import tempfile

import run_fuzzers


def read_features(program, folders):
    """For each file of `folders`, in libFuzzer's order: its path and the edges that it reaches."""
    with tempfile.TemporaryDirectory() as scratch:
        empty, control = pathlib.Path(scratch, "empty"), pathlib.Path(scratch, "control")
        empty.mkdir()
        command = [str(program), "-set_cover_merge=1", "-use_counters=0", f"-merge_control_file={control}", str(empty)]
        done = subprocess.run(
            command + [str(folder) for folder in folders], capture_output=True, cwd=scratch, env=run_fuzzers.environment()
        )
        if done.returncode != 0:
            run_fuzzers.fail(f"{program.name} fails on its corpus; run it with tools/run_fuzzers.py first")
        lines = control.read_text().splitlines()
    # control := number of files, number of old ones, a path each, then lines "FT index feature*" and others
    count = int(lines[0])
    features = [(pathlib.Path(path), set()) for path in lines[2 : 2 + count]]
    for line in lines[2 + count :]:
        kind, index, *numbers = line.split()
        if kind == "FT":
            features[int(index)][1].update(numbers)
    return features


def choose(features, reached, files_left, bytes_left):
    """The greedy cover: the file that adds most comes next, the smaller of equals."""
    chosen = []
    left = [(path, path.stat().st_size, found) for path, found in features]
    while files_left > 0:
        left = [(path, size, found) for path, size, found in left if size <= bytes_left and found - reached]
        if not left:
            break
        path, size, found = max(left, key=lambda item: (len(item[2] - reached), -item[1]))
        chosen.append(path)
        reached |= found
        files_left -= 1
        bytes_left -= size
    return chosen


def keep(program, options):
    name = program.name
    committed = run_fuzzers.room_of(name) / "corpus" / name
    grown = program.parent.parent / "corpus" / name
    if not grown.is_dir() or not any(grown.iterdir()):
        return f"{name}: nothing has grown"
    features = read_features(program, [committed, grown])
    reached = set()
    for path, found in features:
        if path.parent == committed:
            reached |= found
    before = len(reached)
    sizes = [path.stat().st_size for path in committed.iterdir()]
    fresh = [(path, found) for path, found in features if path.parent == grown]
    chosen = choose(fresh, reached, options.files - len(sizes), options.kib * 1024 - sum(sizes))
    for path in chosen:
        shutil.copyfile(path, committed / path.name)
    every_edge = set().union(*(found for _, found in features))
    kib = (sum(sizes) + sum((committed / path.name).stat().st_size for path in chosen)) / 1024
    return (
        f"{name}: {len(chosen)} of {len(fresh)} kept beside {len(sizes)}, {kib:.0f} KiB; "
        f"edges {before} -> {len(reached)} of {len(every_edge)}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where the targets are: build/fuzz/bin")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these targets alone")
    parser.add_argument("--files", type=int, default=40, help="most files of a committed corpus (40)")
    parser.add_argument("--kib", type=int, default=200, help="most KiB of a committed corpus (200)")
    options = parser.parse_args()
    for program in run_fuzzers.find_programs(options):
        print(keep(program, options), flush=True)


if __name__ == "__main__":
    main()
