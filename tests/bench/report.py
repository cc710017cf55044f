"""The report as it grows: printed at once, and kept in a file of Markdown."""

from pathlib import Path


class Report:
    def __init__(self, path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("")
        self.missed = []

    def say(self, text=""):
        print(text, flush=True)
        with self.path.open("a") as file:
            file.write(text + "\n")

    def title(self, text):
        self.say(f"\n## {text}\n")

    def table(self, heads, rows):
        """rows: lists of what str makes of it; numbers stand on the right."""
        cells = [[str(cell) for cell in row] for row in [heads, *rows]]
        widths = [max(map(len, column)) for column in zip(*cells)]
        cells.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
        for row in cells:
            first, *rest = zip(row, widths)
            self.say("| " + " | ".join([first[0].ljust(first[1]),
                                        *(cell.rjust(width) for cell, width in rest)]) + " |")
        self.say()

    def verdict(self, holds, what):
        """What a target says, with its word on whether it holds."""
        if not holds:
            self.missed.append(what)
        return f"{what}: {'holds' if holds else 'MISSED'}"

    def target(self, holds, what):
        self.say(f"- {self.verdict(holds, what)}")
