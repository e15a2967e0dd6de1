"""Public data sets on which targeting has been measured by others, with the bars to reach."""
