"""The study's own comparisons, deductions and figures: the engine calls `figures` and `facts`."""
