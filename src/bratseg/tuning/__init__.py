"""Tuning: which thresholds and shares score best on predictions of cases that no network saw, found exactly.

A threshold removes whole components, so a case looks the same at most points of the
grid of thresholds. Each of its few looks is scored once, with the evaluator's numbers
to the last bit, and the rest is looked up.
"""
