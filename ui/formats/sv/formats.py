"""Swedish as written in Finland: 14.5.2024, kl. 9.30."""

DATE_FORMAT = r"j.n.Y"
SHORT_DATE_FORMAT = r"j.n.Y"
TIME_FORMAT = r"\k\l\. G.i"
DATETIME_FORMAT = r"j.n.Y \k\l\. G.i"
SHORT_DATETIME_FORMAT = r"j.n.Y G.i"
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y"]
TIME_INPUT_FORMATS = ["%H:%M", "%H:%M:%S", "%H.%M"]
DECIMAL_SEPARATOR = ","
THOUSAND_SEPARATOR = "\xa0"
NUMBER_GROUPING = 3
FIRST_DAY_OF_WEEK = 1
