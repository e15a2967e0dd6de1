#!/usr/bin/env python
"""Command line of the project. Settings module: DJANGO_SETTINGS_MODULE, else the embedded one."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.embedded")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
