"""From definitions of indicators to values as known then, points, reasons and ranks."""
