#!/usr/bin/env python3
"""The same container behaviours under runc and under us, through one containerd; both columns are printed.

Usage: parity.py [NAME-PART]...     Exit 1 when a behaviour differs that docs/limitations.md does not name.
A case returns text; it must hold `want` under runc (else the case itself is wrong) and be equal under us.
"""

import sys

import engine
from parity_cases import CASES
from runner import Runner


def attempt(case, runner):
    try:
        return case.run(runner).replace(runner.handler + "-", "NAME-")
    except Exception as e:  # what the tools say is part of the comparison
        return f"failed: {type(e).__name__}: {e}"


def judge(case, ours, theirs):
    if case.want not in theirs:
        return "CASE?"
    if ours == theirs:
        return "same"
    return "explained" if case.differs and case.differs in ours else "DIFFERS"


def compare(case, ours, theirs):
    """A difference must show twice: what comes of a busy machine's clock is not one of the runtimes."""
    for _ in range(2):
        a, b = attempt(case, theirs), attempt(case, ours)
        verdict = judge(case, b, a)
        if verdict in ("same", "explained"):
            break
        print(f"{case.name}: {verdict}\n---- runc\n{a}\n---- sealpod\n{b}", flush=True)
    return a, b, verdict


def show(text):
    return " | ".join(text.split("\n"))[:60]


def main():
    engine.need("containerd", "ctr", "runc")
    chosen = [c for c in CASES if not sys.argv[1:] or any(part in c.name for part in sys.argv[1:])]
    bad = []
    with engine.Containerd() as containerd:
        theirs, ours = Runner(containerd, "runc"), Runner(containerd, "sealpod")
        theirs.begin()
        print(f"pod ready after {ours.begin():.1f} s; {len(chosen)} behaviours", flush=True)
        print(f"{'behaviour':44} {'verdict':10} {'runc':60} sealpod")
        for case in chosen:
            a, b, verdict = compare(case, ours, theirs)
            print(f"{case.name:44} {verdict:10} {show(a):60} {show(b)}", flush=True)
            if verdict not in ("same", "explained"):
                bad.append((case.name, a, b))
        theirs.end()
        ours.end()
    for name, a, b in bad:
        print(f"\n==== {name}\n---- runc\n{a}\n---- sealpod\n{b}")
    print(f"\n{len(chosen) - len(bad)} of {len(chosen)} as runc or explained")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
