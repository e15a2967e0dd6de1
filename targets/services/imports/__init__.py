"""Reading registers and lists into the register of sites; see ``docs/imports.md``."""
