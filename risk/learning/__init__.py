"""Learning from outcomes: numbers in, numbers out. No database, no web framework.

Matrices are ``(rows, features)`` of floats with NaN for "not known"; outcomes are 0/1; days are
whole numbers counted from any fixed date.
"""
