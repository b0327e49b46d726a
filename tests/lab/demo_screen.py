# SPDX-License-Identifier: GPL-2.0-only
"""Where the demo tells what happens."""

import os

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Screen:
    """In colour on a terminal only."""

    def __init__(self, out):
        self.out = out
        self.colour = out.isatty() and not os.environ.get("NO_COLOR")

    def paint(self, text, colour):
        if not self.colour:
            return text
        return f"\033[{COLOURS[colour]}m{text}\033[0m"

    def line(self, text=""):
        print(text, file=self.out, flush=True)

    def title(self, text):
        self.line(self.paint(text, "bold"))

    def say(self, text, at=None):
        """Something that happened, `at` ms after the failure."""
        when = "" if at is None else f"{at:+.1f} ms"
        self.line(f"  {self.paint(f'{when:>11}', 'yellow')}  {text}")

    def verdict(self, ok):
        return self.paint("ok" if ok else "FAILED", "green" if ok else "red")

    def checks(self, checks):
        for c in checks:
            self.line(f"  {'':>11}  {self.verdict(c.ok)}  {c.name}: {c.text}")

    def table(self, columns, results):
        """Of results, {key: value, "ok": whether it is well}; columns: (head,
        key, format)."""
        rows = [[head for head, _, _ in columns]]
        rows += [["-" if r[key] is None else form.format(r[key])
                  for _, key, form in columns] for r in results]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for i, row in enumerate(rows):
            text = "  ".join(cell.rjust(w) if n else cell.ljust(w) for
                             n, (cell, w) in enumerate(zip(row, widths)))
            self.line("  " + (self.paint(text + "  result", "bold") if not i
                              else f"{text}  "
                                   f"{self.verdict(results[i - 1]['ok'])}"))
