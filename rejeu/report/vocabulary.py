"""What a study's templates are about; its own files are checked against this."""

# Values that a template may name; `context` gives them, and each part's results under its name.
NAMES = {
    "n",
    "words",
    "language",
    "tier",
    "waiting",
    "groups",
    "report",
    "note",
    "parts",
    "results",
    "extra",
    "seeds",
    "titles",
    "claims",
    "compared",
    "seen",
    "risk",
    "timings",
    "seconds",
    "reference",
    "provenance",
    "diverged",
    "data",
    "facts",
}
