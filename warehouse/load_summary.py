"""What a load has done, in words."""

from dataclasses import dataclass, field

from warehouse.raw_rows import LineCounts


@dataclass
class LoadSummary:
    """What one load did, in files and lines; and what somebody should look at.

    `newly_refused` are those of the refused files that no load has told of before.
    """

    n_files: int = 0
    n_loaded: int = 0
    n_duplicate: int = 0
    n_refused: int = 0
    n_unchanged: int = 0
    n_lines: int = 0
    n_accepted: int = 0
    n_quarantined: int = 0
    n_blank: int = 0
    warnings: list[str] = field(default_factory=list)
    newly_refused: list[str] = field(default_factory=list)

    def add_loaded(self, counts: LineCounts) -> None:
        """Count a file that was loaded, and its lines."""
        self.n_loaded += 1
        self.n_lines += counts.n_lines
        self.n_accepted += counts.n_accepted
        self.n_quarantined += counts.n_quarantined
        self.n_blank += counts.n_blank

    def in_words(self) -> str:
        """Say it in a line, and each warning in one of its own."""
        counts = {
            "loaded": self.n_loaded,
            "loaded before": self.n_unchanged + self.n_duplicate,
            "refused": self.n_refused,
        }
        files = ", ".join(f"{n:,} {word}" for word, n in counts.items() if n)
        words = f"{self.n_files:,} files: {files}" if self.n_files else "no files"
        if self.n_loaded:
            words += (
                f"; {self.n_lines:,} lines: {self.n_accepted:,} accepted, "
                f"{self.n_quarantined:,} in quarantine, {self.n_blank:,} blank"
            )
        return "\n".join([words, *self.warnings])
