from rejeu.commands.why import CAUSES, Planned, causes_in_words


def test_an_up_to_date_target_says_so() -> None:
    assert causes_in_words([], "report.pdf") == "report.pdf is up to date: nothing would run."


def test_causes_come_first_and_what_follows_is_counted() -> None:
    changed = Planned("train_lora", ("code changed: rejeu/training/lora.py",))
    drawn = Planned("draw_rank", ("input changed: report/fr/words.yaml", "missing: a.svg"))
    followers = [Planned("evaluate_lora", ())] * 2 + [Planned("write_report", ())]
    assert causes_in_words([*followers, drawn, changed, changed], "report.pdf").splitlines() == [
        "report.pdf is out of date: 6 jobs would run. Causes:",
        "    2 train_lora  code changed: rejeu/training/lora.py",
        "    1 draw_rank   input changed: report/fr/words.yaml; missing: a.svg",
        "and 3 jobs that follow from these: 2 evaluate_lora, 1 write_report",
    ]


def test_it_is_one_screen() -> None:
    jobs = [Planned("train_lora", (f"missing: {number}",)) for number in range(100)]
    lines = causes_in_words(jobs, "report.pdf").splitlines()
    assert len(lines) == CAUSES + 2
    assert lines[-1] == f"      and {100 - CAUSES} causes more"
