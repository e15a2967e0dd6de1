from targets.management.commands._imports import ImportCommand


class Command(ImportCommand):
    help = "Read a file of visits; may be repeated without doubling."
    kind = "visits"
