"""Groups too small to be told apart are told together."""

from collections.abc import Mapping

FEW = 5
OTHERS = ""  # the label of what is told together


def merged(sizes: Mapping[str, int], least: int = FEW) -> dict[str, str]:
    """Label → the label it is told under: its own, or ``OTHERS`` for groups below ``least``.

    The smallest larger group joins them as long as they are too few together: what is shown and
    the total would tell them otherwise. Everything together may still be below ``least``.
    """
    order = sorted(sizes, key=lambda label: (sizes[label], label))
    small = [label for label in order if sizes[label] < least]
    rest = [label for label in order if sizes[label] >= least]
    while small and rest and sum(sizes[label] for label in small) < least:
        small.append(rest.pop(0))
    return {label: OTHERS if label in small else label for label in sizes}
