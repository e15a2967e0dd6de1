from targets.management.commands._imports import ImportCommand


class Command(ImportCommand):
    help = "Read a file of facts about companies or sites; may be repeated without doubling."
    kind = "facts"
