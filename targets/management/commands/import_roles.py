from targets.management.commands._imports import ImportCommand


class Command(ImportCommand):
    help = "Read a file of persons' roles in companies; only keyed hashes of persons are kept."
    kind = "roles"
