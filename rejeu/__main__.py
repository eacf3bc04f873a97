"""`python -m rejeu`: the command, where it isn't installed."""

from rejeu.commands.main import main

main()
