#!/usr/bin/python3
"""Runs ONNX's conformance cases through `torchkeep conformance` and writes what came of them as a page.

usage: conformance.py --program build/release/bin/torchkeep --output docs/conformance.md NAME=FOLDER...

Ends with 1 if a case failed: a wrong answer is worse than a refusal.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys

# What issue 4 leaves out for good: training, strings, ai.onnx.ml, image decoding, fp8.
NOT_WANTED = {"Adagrad", "Adam", "Momentum", "Gradient", "StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch",
              "TfIdfVectorizer", "ImageDecoder", "LabelEncoder", "ArrayFeatureExtractor", "Binarizer", "TreeEnsemble"}
NOT_WANTED_REASONS = ("strings", "data type 8 ", "data type 17 ", "data type 18 ", "data type 19 ", "data type 20 ",
                      "training mode")
NAMES_SHOWN = 4


def run_suite(program, folder):
    done = subprocess.run([program, "conformance", folder, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{program} conformance {folder} ended with {done.returncode}: {done.stdout}")
    return json.loads(done.stdout)


def general(reason):
    """A reason without what belongs to one case: the names of its node and values."""
    reason = re.sub(r"^operator \S+ \([^)]*\): ", "", reason)
    return re.sub(r'"[^"]*"', '"..."', reason)


def is_wanted(refusal):
    if refusal["operator"] in NOT_WANTED:
        return False
    return not any(words in refusal["reason"] for words in NOT_WANTED_REASONS)


def refusal_rows(refusals):
    """Lines of a table: operator, cases, reason, some of their names; the most frequent first."""
    groups = collections.defaultdict(list)
    for refusal in refusals:
        # Where the reason stands for the operator, it is said once.
        named = refusal["operator"] if refusal["operator"] != refusal["reason"] else "-"
        groups[named, general(refusal["reason"])].append(refusal["case"])
    for (named, reason), cases in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        shown = ", ".join(f"`{case}`" for case in sorted(cases)[:NAMES_SHOWN])
        more = f" and {len(cases) - NAMES_SHOWN} more" if len(cases) > NAMES_SHOWN else ""
        yield f"| {named} | {len(cases)} | {reason.replace('|', chr(92) + '|')} | {shown}{more} |"


def table_of(refusals):
    return ["| operator | cases | reason | which |", "| --- | ---: | --- | --- |", *refusal_rows(refusals)]


def page(results):
    lines = ["# Conformance", "",
             "ONNX's own cases, run by `torchkeep conformance`; this page is written by `make conformance`. Numbers may differ by",
             "1e-3 of what is wanted and 1e-7, bfloat16 ones by a step; types, shapes, integers and truth values not at all. Operators that draw random",
             "numbers are compared by type and shape; sums of whole signals (DFT, STFT) may carry the rounding of their largest number. A refused case names the operator, or the reason where it is no operator:",
             "the engine does not answer rather than answer wrongly.", "",
             "| suite | cases | passed | refused | of these not wanted | failed |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name, result in results.items():
        counts = {kind: len(result[kind]) for kind in ("passed", "refused", "failed")}
        outside = sum(not is_wanted(refusal) for refusal in result["refused"])
        share = 100 * counts["passed"] / max(sum(counts.values()), 1)
        lines.append(f"| {name} | {sum(counts.values())} | {counts['passed']} ({share:.1f} %) | {counts['refused']} | "
                     f"{outside} | {counts['failed']} |")
    lines += ["", "Not wanted are training, strings, ai.onnx.ml, image decoding and fp8.", ""]
    for name, result in results.items():
        if result["failed"]:
            lines += [f"## {name}: failed", ""]
            lines += [f"- `{each['case']}`: {each['difference']}" for each in result["failed"]] + [""]
        missing = [refusal for refusal in result["refused"] if is_wanted(refusal)]
        outside = [refusal for refusal in result["refused"] if not is_wanted(refusal)]
        if missing:
            lines += [f"## {name}: refused", "", *table_of(missing), ""]
        if outside:
            lines += [f"## {name}: not wanted", "", *table_of(outside), ""]
    return "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", default="build/release/bin/torchkeep")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("docs/conformance.md"))
    parser.add_argument("suites", nargs="+", metavar="NAME=FOLDER")
    arguments = parser.parse_args()
    results = {}
    for suite in arguments.suites:
        name, equals, folder = suite.partition("=")
        if not equals:
            parser.error(f"{suite}: write NAME=FOLDER")
        results[name] = run_suite(arguments.program, folder)
        counts = ", ".join(f"{len(results[name][kind])} {kind}" for kind in ("passed", "refused", "failed"))
        print(f"{name}: {counts}", flush=True)
    arguments.output.write_text(page(results))
    failed = sum(len(result["failed"]) for result in results.values())
    print(f"{arguments.output} is written; {failed} cases failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
