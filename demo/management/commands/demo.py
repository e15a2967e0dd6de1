import datetime as dt
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone, translation

from audit.context import as_system
from authorities.models import Authority, User
from demo.load import SITES, TOTP_SECRET, load_people, load_register
from demo.operations import load_operations
from demo.people import AUTHORITIES, PASSWORD, PEOPLE, address
from demo.sharing import load_sharing
from demo.teams import load_teams
from execution.services.checklists import load_checklists


class Command(BaseCommand):
    help = "Load the demonstration set (stand-ins only), or tell who can sign in to it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--who", action="store_true", help="only tell who can sign in")
        parser.add_argument("--if-empty", action="store_true", help="do nothing if people exist")
        parser.add_argument("--today", type=dt.date.fromisoformat, help="the day it is built for")
        parser.add_argument("--sites", type=int, default=SITES)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["who"]:
            self.tell()
            return
        if options["if_empty"] and User.objects.exists():
            return
        today = options["today"] or timezone.localdate()
        with translation.override(settings.LANGUAGE_CODE), as_system("the set is everybody's"):
            if not Authority.objects.exists():
                call_command("load_reference", stdout=self.stdout)
            self.stdout.write(f"Checklists: {load_checklists()}")
            actors = load_people()
            self.stdout.write(f"People: {User.objects.count()}")
            load_register(today, self.stdout.write, options["sites"])
            load_teams(actors, today)
            load_operations(actors, today, self.stdout.write)
            load_sharing(actors, today, self.stdout.write)

    def tell(self) -> None:
        if not User.objects.filter(email__endswith=".demo.example").exists():
            self.stdout.write("The demonstration set is not loaded.")
            return
        self.stdout.write(f"Password of everybody: {PASSWORD}")
        for code in AUTHORITIES:
            for person in PEOPLE[code][:5]:
                roles = ", ".join(person.roles)
                self.stdout.write(f"  {address(person, code):48} {code}: {roles}")
        self.stdout.write(f"Administrators are asked for a code too; secret: {TOTP_SECRET}")
