#!/usr/bin/env python3
"""Counts the tests that the last ctest of each build folder ran, once all of them have passed: under a sanitizer many
tests run in one process, which ctest counts as one.

usage: test_summary.py BUILD-FOLDER...
Example: test_summary.py build/dev build/tsan build/asan
Ends as ctest does, with the sum; exit code 1 if a test failed or none ran.
"""
import pathlib
import re
import sys

BLOCK = re.compile(r"^\d+/\d+ Test: (?P<name>.*)$", re.MULTILINE)
RAN = re.compile(r"^\[=+\] (\d+) tests? from \d+ test suites? ran", re.MULTILINE)


SKIPPED = re.compile(r"^\[  SKIPPED \] (\d+) tests?[.,]", re.MULTILINE)


def count(log):
    """(tests, skipped ones, processes, names of failed processes) of a ctest's LastTest.log."""
    starts = [match.start() for match in BLOCK.finditer(log)]
    tests = skipped = 0
    failed = []
    for start, end in zip(starts, starts[1:] + [len(log)]):
        block = log[start:end]
        tests += sum(map(int, RAN.findall(block))) or 1  # a script counts once
        skipped += sum(map(int, SKIPPED.findall(block)))
        if "\nTest Failed.\n" in block:
            failed.append(BLOCK.match(block)["name"])
    return tests, skipped, len(starts), failed


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    total, all_failed = 0, []
    for folder in map(pathlib.Path, sys.argv[1:]):
        log = folder / "Testing/Temporary/LastTest.log"
        if not log.exists():
            sys.exit(f"{log} is not there: run ctest --preset {folder.name} first")
        tests, skipped, processes, failed = count(log.read_text(errors="replace"))
        print(f"{folder.name:6} {tests:6,} tests in {processes:,} processes, {skipped} skipped, {len(failed)} processes failed {' '.join(failed)}".rstrip())
        total += tests
        all_failed += failed
    share = 100 * (total - len(all_failed)) // max(total, 1)
    print(f"{share}% tests passed, {len(all_failed)} tests failed out of {total}")
    sys.exit(1 if all_failed or total == 0 else 0)


if __name__ == "__main__":
    main()
