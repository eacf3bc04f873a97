"""The study's own figures, which the engine calls by their names."""

from collections.abc import Callable

from matplotlib.figure import Figure

from findings import lora_figures, sentiment_figures
from rejeu.report.evidence import Evidence
from rejeu.report.figures import Language

# By the names of report/comparisons.yaml.
FIGURES: dict[str, Callable[[Evidence, Language], Figure]] = {
    "rank": lora_figures.rank,
    "hidden_a1": sentiment_figures.hidden_a1,
    "hidden_a2": sentiment_figures.hidden_a2,
    "hidden_a3": sentiment_figures.hidden_a3,
    "hidden_a4": lora_figures.hidden_a4,
    "hidden_a5": lora_figures.hidden_a5,
    "hidden_a7": lora_figures.hidden_a7,
    "hidden_a8": lora_figures.hidden_a8,
    "hidden_a10": sentiment_figures.hidden_a10,
}
