#!/usr/bin/env python3
"""Runs fuzz targets and says what each has done; docs/fuzzing.md is the manual.

Each target begins with its committed corpus, tests/ROOM/corpus/NAME, and with what earlier runs have
found, FOLDER/../corpus/NAME, where its new inputs go; a dictionary is tests/ROOM/NAME.dict. An input
that crashes, hangs, leaks or takes too much memory stays in FOLDER/../findings/NAME, and the run fails.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNIT_SECONDS = 10  # one input that takes longer has found a hang
ALLOCATION_MIB = 512  # one allocation that is larger was sized by the input
SPARE_SECONDS = 120  # what a target may take longer than asked before it counts as hung as a whole
READING_SECONDS = 0.5  # and for each input that it begins with: libFuzzer runs them all before it looks at the time
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:"
    f"max_allocation_size_mb={ALLOCATION_MIB}:allocator_may_return_null=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


@dataclasses.dataclass
class Run:
    """What one target has done."""

    target: str
    seconds: int
    executions: int = 0
    executions_per_second: int = 0
    new_inputs: int = 0
    covered_edges: int = 0
    features: int = 0
    peak_rss_mib: int = 0
    slowest_input_seconds: int = 0
    finding: str = ""  # empty, or what happened in one line
    reproducer: str = ""


def fail(message):
    sys.exit(f"{pathlib.Path(sys.argv[0]).stem}: {message}")


def environment():
    return {**SANITIZERS, **os.environ}


def find_programs(options):
    """The targets in `options.folder`, or those of them that `options.only` names."""
    programs = sorted(path.resolve() for path in options.folder.glob("*_fuzz"))
    unknown = set(options.only) - {program.name for program in programs}
    if unknown:
        fail(f"no target {', '.join(sorted(unknown))} in {options.folder}; see {options.folder}/*_fuzz")
    if options.only:
        programs = [program for program in programs if program.name in options.only]
    if not programs:
        fail(f"no fuzz target in {options.folder}; build them: cmake --preset fuzz && cmake --build --preset fuzz")
    return programs


def source_of(name):
    sources = list(ROOT.glob(f"tests/**/{name}.cpp"))
    if len(sources) != 1:
        fail(f"{name} has {len(sources)} sources under tests/, wanted one; remove the stale program or name them apart")
    return sources[0]


def room_of(name):
    return ROOT / "tests" / source_of(name).relative_to(ROOT / "tests").parts[0]


def read_output(run, output):
    """Fills `run` from what libFuzzer has printed."""
    statistics = {key: int(value) for key, value in re.findall(r"^stat::(\w+):\s+(\d+)", output, re.MULTILINE)}
    run.executions = statistics.get("number_of_executed_units", 0)
    run.executions_per_second = statistics.get("average_exec_per_sec", 0)
    run.new_inputs = statistics.get("new_units_added", 0)
    run.peak_rss_mib = statistics.get("peak_rss_mb", 0)
    run.slowest_input_seconds = statistics.get("slowest_unit_time_sec", 0)
    progress = re.findall(r"^#\d+\s+\w+\s+cov: (\d+) ft: (\d+)", output, re.MULTILINE)
    if progress:
        run.covered_edges, run.features = map(int, progress[-1])


def describe_fault(output):
    for pattern in (
        r"^SUMMARY: (.*)",
        r"^.*(runtime error: .*)",
        r"^==\d+==\s*(ERROR: .*)",
        r"^(ALARM: .*)",
        r"^(\S+:\d+: check failed.*)",
    ):
        found = re.search(pattern, output, re.MULTILINE)
        if found:
            return found.group(1).strip()
    lines = output.strip().splitlines()
    return lines[-1] if lines else "ended without a word"


def run_target(program, options):
    name = program.name
    state = program.parent.parent
    seeds = room_of(name) / "corpus" / name
    if not seeds.is_dir() or not any(seeds.iterdir()):
        return Run(name, options.seconds, finding=f"no seeds in {seeds.relative_to(ROOT)}; put a genuine input there")
    grown, findings = state / "corpus" / name, state / "findings" / name
    grown.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    command = [
        str(program),
        f"-max_total_time={options.seconds}",
        f"-rss_limit_mb={options.rss_mib}",
        f"-timeout={UNIT_SECONDS}",
        "-detect_leaks=0",  # each look stops the process; the one at its end stays
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
    ]
    dictionary = source_of(name).with_suffix(".dict")
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    command += [str(grown), str(seeds)]

    spare = SPARE_SECONDS + READING_SECONDS * sum(len(list(folder.iterdir())) for folder in (grown, seeds))
    run = Run(name, options.seconds)
    log = state / "findings" / f"{name}.log"
    with log.open("wb") as out:
        try:
            code = subprocess.run(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment(),
                timeout=options.seconds + spare,
                cwd=state,
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
    output = log.read_text(errors="replace")
    read_output(run, output)
    if code is None:
        run.finding = f"still ran {spare:.0f} s after its end; see {log}"
    elif code != 0:
        run.finding = describe_fault(output)
        written = re.findall(r"Test unit written to (\S+)", output)
        run.reproducer = written[-1] if written else ""
        if "leaked" in run.finding:  # found at the end, so that the input that was written is not the one
            run.reproducer = ""
    elif run.executions == 0 or run.covered_edges < 10:
        run.finding = f"covers nothing ({run.executions} executions, {run.covered_edges} edges); build it with the preset fuzz"
    if run.finding:
        report_finding(program, run, log)
    else:
        print(f"{name}: {run.executions} executions, {run.new_inputs} new inputs", file=sys.stderr, flush=True)
    return run


def report_finding(program, run, log):
    lines = [f"{run.target}: {run.finding}", f"  log:       {log}"]
    if run.reproducer:
        lines += [
            f"  input:     {run.reproducer}",
            f"  reproduce: {program} {run.reproducer}",
            f"  shorten:   {program} -minimize_crash=1 -runs=100000 {run.reproducer}",
        ]
    elif "leaked" in run.finding:
        lines.append(f"  which:     {program} -runs=0 {program.parent.parent / 'corpus' / run.target}")
    print("\n".join(lines), file=sys.stderr, flush=True)


def print_table(runs):
    heads = ("target", "executions", "per s", "new", "edges", "features", "RSS MiB", "result")
    rows = [
        (
            run.target,
            run.executions,
            run.executions_per_second,
            run.new_inputs,
            run.covered_edges,
            run.features,
            run.peak_rss_mib,
            "FINDING" if run.finding else "ok",
        )
        for run in runs
    ]
    widths = [max(len(str(row[i])) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        cells = [str(cell).rjust(width) for cell, width in zip(row, widths)]
        cells[0] = str(row[0]).ljust(widths[0])
        print("  ".join(cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where the targets are: build/fuzz/bin")
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs (60)")
    parser.add_argument("--jobs", type=int, default=1, help="how many run at once (1)")
    parser.add_argument("--rss-mib", type=int, default=2048, help="how much memory one may take (2048)")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these targets alone")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write the table there")
    options = parser.parse_args()

    programs = find_programs(options)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = list(pool.map(lambda program: run_target(program, options), programs))
    print_table(runs)
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(run) for run in runs], indent=1) + "\n")
    findings = sum(1 for run in runs if run.finding)
    if findings:
        fail(f"{findings} of {len(runs)} targets found something; their inputs are named above")


if __name__ == "__main__":
    main()
