#!/usr/bin/env python3
"""Which rows of docs/conformance.md have a test, and which have none.

A test belongs to the rows whose ids lead its name: `fn a05_field_name_...` or `fn c03_c04_refused_...`.
Ids of rows that do not exist are a mistake and make this exit with 1; a row without a test does not.

  tools/matrix.py [--missing]     --missing: only the rows without a test
"""
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| (?:\*\*)?([A-N]\d\d)(?:\*\*)? \|(.*)$")
LATER = re.compile(r"^Later: (.*)$")
# A test attribute, whatever else is written above the function, and the ids that lead its name.
TEST = re.compile(
    r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*|//[^\n]*\n\s*)*(?:async\s+)?fn\s+((?:[a-n]\d\d_)+)(\w+)"
)
# Rows of a table are also stamped by macros: `row!(a05_name, ...)`, `case! { a05_name: ... }`.
STAMPED = re.compile(r"\b\w+!\s*[({\[]\s*((?:[a-n]\d\d_)+)(\w+)")


def rows(text):
    found, later = {}, {}
    for line in text.splitlines():
        if row := ROW.match(line):
            cells = [cell.strip() for cell in row.group(2).split("|")]
            found[row.group(1)] = " · ".join(cell for cell in cells[:3] if cell)
        if note := LATER.match(line):
            for row_id in re.findall(r"\b[A-N]\d\d\b", note.group(1)):
                later[row_id] = True
    return found, later


def tests():
    found = defaultdict(list)
    for path in sorted((ROOT / "crates").glob("**/*.rs")):
        text = path.read_text(encoding="utf-8")
        for pattern in (TEST, STAMPED):
            for hit in pattern.finditer(text):
                name = f"{path.relative_to(ROOT)}: {hit.group(1)}{hit.group(2)}"
                for row_id in re.findall(r"[a-n]\d\d", hit.group(1)):
                    found[row_id.upper()].append(name)
    return found


def main():
    only_missing = "--missing" in sys.argv[1:]
    table, later = rows((ROOT / "docs" / "conformance.md").read_text(encoding="utf-8"))
    tested = tests()
    groups = defaultdict(list)
    for row_id in table:
        groups[row_id[0]].append(row_id)
    for group in sorted(groups):
        ids = groups[group]
        have = [row_id for row_id in ids if tested[row_id]]
        if not only_missing or len(have) < len(ids):
            print(f"{group}: {len(have)} of {len(ids)} rows have a test")
        if not only_missing:
            for row_id in have:
                print(f"  {row_id}  {len(tested[row_id])}  {'; '.join(tested[row_id])}")
        missing = [row_id for row_id in ids if not tested[row_id]]
        for row_id in missing:
            mark = "later" if row_id in later else "none "
            print(f"  {row_id}  {mark}  {table[row_id][:110]}")
    total = sum(1 for row_id in table if tested[row_id])
    waiting = sum(1 for row_id in table if not tested[row_id] and row_id in later)
    print(f"{total} of {len(table)} rows have a test, {len(table) - total} have none ({waiting} of those wait for parts of a later version)")
    strangers = sorted(row_id for row_id in tested if tested[row_id] and row_id not in table)
    for row_id in strangers:
        print(f"no such row: {row_id}  {'; '.join(tested[row_id])}", file=sys.stderr)
    return 1 if strangers else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(0)
