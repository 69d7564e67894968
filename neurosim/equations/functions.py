"""The functions of model texts: how many arguments, and what they do to units.

The table is read by the unit check and by the translation to sympy, so that both know the same
functions.
"""

from __future__ import annotations

FUNCTIONS: dict[str, tuple[int, str]] = {
    "exp": (1, "plain"),
    "log": (1, "plain"),
    "sin": (1, "plain"),
    "cos": (1, "plain"),
    "tan": (1, "plain"),
    "tanh": (1, "plain"),
    "sinh": (1, "plain"),
    "cosh": (1, "plain"),
    "exprel": (1, "plain"),
    "sigmoid": (1, "plain"),
    "expit": (1, "plain"),
    "floor": (1, "plain"),
    "ceil": (1, "plain"),
    "sqrt": (1, "root"),
    "abs": (1, "same"),
    "sign": (1, "sign"),
    "min": (2, "same"),
    "max": (2, "same"),
    "clip": (3, "same"),
    "int": (1, "condition"),
    "where": (3, "select"),
}
"""Name -> (number of arguments, rule).

Rules: "plain" takes and gives plain numbers; "root" halves the dimension; "same" gives the
dimension that all arguments share; "sign" takes anything and gives a plain number; "condition"
takes a condition and gives 0 or 1; "select" takes a condition and two values of one dimension.
"""
