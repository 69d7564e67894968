"""Model text -> tokens -> expression trees with positions.

A small recursive-descent parser of its own, so that no text from outside ever reaches `eval` and
every complaint can point at its place. It knows nothing of sympy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from neurosim.errors import EquationError

MAX_DEPTH = 60
"""Deepest nesting that is read; deeper text is refused rather than risking the stack."""

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\r?\n)
      | (?P<comment>\#[^\n]*)
      | (?P<newline>\n|;)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<operator>\*\*|\+=|-=|\*=|/=|<=|>=|==|!=|[-+*/()<>=:,])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text: `kind` is number, name, operator, newline or end."""

    kind: str
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, kept exactly as written."""

    value: Fraction
    position: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, a parameter, a unit or a noise symbol."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Negative:
    """``-operand``."""

    operand: Node
    position: int


@dataclass(frozen=True, slots=True)
class Sum:
    """``first + second - third``: operators stand before the terms, the first is "+"."""

    operators: tuple[str, ...]
    terms: tuple[Node, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Product:
    """``first * second / third``: operators stand before the factors, the first is "*"."""

    operators: tuple[str, ...]
    factors: tuple[Node, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Power:
    """``base ** exponent``."""

    base: Node
    exponent: Node
    position: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left < right``."""

    operator: str
    left: Node
    right: Node
    position: int


@dataclass(frozen=True, slots=True)
class Logic:
    """``a and b``, ``a or b``, ``not a``."""

    operator: str
    operands: tuple[Node, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """``function(arguments)``."""

    function: str
    arguments: tuple[Node, ...]
    position: int


Node = Number | Name | Negative | Sum | Product | Power | Comparison | Logic | Call

_WORDS = frozenset({"and", "or", "not"})


def tokenise(text: str) -> list[Token]:
    """Split a text into tokens; comments and blanks go, line ends inside parentheses too."""
    tokens: list[Token] = []
    position = 0
    depth = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise EquationError(_strange(text[position]), text, position)
        kind, word = str(match.lastgroup), match.group()
        if kind == "operator":
            depth += (word == "(") - (word == ")")
        ends = kind == "newline" and (depth <= 0 or word == ";")
        if ends or kind in ("number", "name", "operator"):
            tokens.append(Token(kind, word, position))
        position = match.end()
    tokens.append(Token("end", "", len(text)))
    return tokens


def _strange(character: str) -> str:
    advice = {
        "^": "'^' is not an operator; powers are written with '**'",
        "%": "'%' is not an operator here",
        "&": "'&' is not an operator; write 'and'",
        "|": "'|' is not an operator; write 'or'",
        "!": "'!' is not an operator; write 'not' or '!='",
        "[": "there are no indices in model texts",
    }
    return advice.get(character, f"{character!r} has no meaning in a model text")


class Parser:
    """Reads expressions from tokens; `statements` builds lines from it.

    Parameters
    ----------
    text : str
        The whole text; positions in errors count from its start.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenise(text)
        self.index = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        """The next token, not yet read."""
        return self.tokens[self.index]

    def peek(self, ahead: int) -> Token:
        """The token `ahead` places after the next one (or the last there is)."""
        return self.tokens[min(self.index + ahead, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Read one token."""
        token = self.token
        if token.kind != "end":
            self.index += 1
        return token

    def accept(self, word: str) -> Token | None:
        """Read the next token if it is the operator or keyword `word`."""
        if self.token.text == word and self.token.kind in ("operator", "name"):
            return self.advance()
        return None

    def expect(self, word: str, why: str) -> Token:
        """Read the operator `word` or refuse, saying `why` it must stand here."""
        token = self.accept(word)
        if token is None:
            raise self.error(f"expected {word!r} {why}, found {self.found()}")
        return token

    def found(self) -> str:
        """Describe the next token for a message."""
        if self.token.kind == "end":
            return "the end of the text"
        return "the end of the line" if self.token.text == "\n" else repr(self.token.text)

    def error(self, message: str, position: int | None = None) -> EquationError:
        """Make an error that points at the next token or at `position`."""
        return EquationError(
            message, self.text, self.token.position if position is None else position
        )

    def skip_newlines(self) -> None:
        """Read past empty lines."""
        while self.token.kind == "newline":
            self.advance()

    def expression(self) -> Node:
        """Read one expression."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"the expression is nested more than {MAX_DEPTH} deep")
        node = self._logic("or")
        self.depth -= 1
        return node

    def _logic(self, word: str) -> Node:
        operands = [self._logic("and") if word == "or" else self._negation()]
        position = self.token.position
        while self.accept(word):
            operands.append(self._logic("and") if word == "or" else self._negation())
        return operands[0] if len(operands) == 1 else Logic(word, tuple(operands), position)

    def _negation(self) -> Node:
        word = self.accept("not")
        if word is None:
            return self._comparison()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"the expression is nested more than {MAX_DEPTH} deep")
        operand = self._negation()
        self.depth -= 1
        return Logic("not", (operand,), word.position)

    def _comparison(self) -> Node:
        left = self._sum()
        pairs: list[Node] = []
        first = self.token.position
        while self.token.text in ("<", "<=", ">", ">=", "==", "!="):
            operator = self.advance()
            right = self._sum()
            pairs.append(Comparison(operator.text, left, right, operator.position))
            left = right
        if not pairs:
            return left
        return pairs[0] if len(pairs) == 1 else Logic("and", tuple(pairs), first)

    def _sum(self) -> Node:
        terms, operators = [self._product()], ["+"]
        position = self.token.position
        while self.token.text in ("+", "-"):
            operators.append(self.advance().text)
            terms.append(self._product())
        return terms[0] if len(terms) == 1 else Sum(tuple(operators), tuple(terms), position)

    def _product(self) -> Node:
        factors, operators = [self._signed()], ["*"]
        position = self.token.position
        while self.token.text in ("*", "/"):
            operators.append(self.advance().text)
            if self.token.text == "/":
                raise self.error("'//' is not an operator; write floor(a/b)")
            factors.append(self._signed())
        if len(factors) == 1:
            return factors[0]
        return Product(tuple(operators), tuple(factors), position)

    def _signed(self) -> Node:
        if self.token.text not in ("+", "-"):
            return self._power()
        sign = self.advance()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"the expression is nested more than {MAX_DEPTH} deep")
        operand = self._signed()
        self.depth -= 1
        return operand if sign.text == "+" else Negative(operand, sign.position)

    def _power(self) -> Node:
        base = self._atom()
        operator = self.accept("**")
        if operator is None:
            return base
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"the expression is nested more than {MAX_DEPTH} deep")
        exponent = self._signed()
        self.depth -= 1
        return Power(base, exponent, operator.position)

    def _atom(self) -> Node:
        token = self.token
        if token.kind == "number":
            self.advance()
            if self.token.kind in ("name", "number") and self.token.text not in _WORDS:
                raise self.error(
                    f"an operator is missing between {token.text!r} and {self.token.text!r}"
                )
            return Number(self._exact(token), token.position)
        if token.kind == "name" and token.text not in _WORDS:
            self.advance()
            if self.token.kind == "operator" and self.token.text == "(":
                return self._call(token)
            if self.token.kind in ("name", "number") and self.token.text not in _WORDS:
                raise self.error(
                    f"an operator is missing between {token.text!r} and {self.token.text!r}"
                )
            return Name(token.text, token.position)
        if self.accept("("):
            node = self.expression()
            self.expect(")", "to close the parenthesis")
            return node
        raise self.error(f"expected a number, a name or '(', found {self.found()}")

    def _exact(self, token: Token) -> Fraction:
        exponent = re.split("[eE]", token.text)[1:]
        if len(token.text) > 400 or (exponent and abs(int(exponent[0])) > 300):
            raise self.error("this number lies outside the range of doubles", token.position)
        return Fraction(token.text)

    def _call(self, name: Token) -> Node:
        self.advance()
        arguments = []
        if self.token.text != ")":
            arguments.append(self.expression())
            while self.accept(","):
                arguments.append(self.expression())
        self.expect(")", f"after the arguments of {name.text}")
        return Call(name.text, tuple(arguments), name.position)

    def done(self, what: str) -> None:
        """Refuse anything that is left."""
        self.skip_newlines()
        if self.token.kind != "end":
            raise self.error(f"expected the end of {what}, found {self.found()}")


def parse_expression(text: str, what: str = "the expression") -> Node:
    """Read a text that is one expression.

    Raises
    ------
    EquationError
        With the place of whatever cannot be read.
    """
    parser = Parser(text)
    parser.skip_newlines()
    node = parser.expression()
    parser.done(what)
    return node


def names(node: Node) -> list[Name]:
    """All names in a tree, in the order of the text."""
    if isinstance(node, Name):
        return [node]
    return [name for child in children(node) for name in names(child)]


def children(node: Node) -> tuple[Node, ...]:
    """The trees directly below."""
    match node:
        case Negative(operand=operand):
            return (operand,)
        case Sum(terms=parts) | Product(factors=parts):
            return parts
        case Logic(operands=parts) | Call(arguments=parts):
            return parts
        case Power(base=base, exponent=exponent):
            return (base, exponent)
        case Comparison(left=left, right=right):
            return (left, right)
        case _:
            return ()


_LEVEL = {Logic: 0, Comparison: 3, Sum: 4, Product: 5, Negative: 6, Power: 7}


def _level(node: Node) -> int:
    if isinstance(node, Logic):
        return {"or": 0, "and": 1, "not": 2}[node.operator]
    return _LEVEL.get(type(node), 9)


def _number(value: Fraction) -> str:
    if value.denominator == 1 and value < 10**15:
        return str(value.numerator)
    # Shortest decimal that reads back exactly: literals are decimals, so one exists.
    digits, exponent = value, 0
    while digits.denominator != 1:
        digits, exponent = digits * 10, exponent - 1
    whole = digits.numerator
    while whole and whole % 10 == 0:
        whole, exponent = whole // 10, exponent + 1
    if -6 <= exponent < 0:
        text = str(whole).rjust(1 - exponent, "0")
        return f"{text[:exponent]}.{text[exponent:]}"
    return f"{whole}e{exponent}"


def render(node: Node, level: int = 0) -> str:
    """Write a tree in one normal form: the same tree gives the same text."""
    own = _level(node)
    match node:
        case Number(value=value):
            text = _number(value)
        case Name(name=name):
            text = name
        case Negative(operand=operand):
            text = f"-{render(operand, 6)}"
        case Sum(operators=operators, terms=terms):
            text = render(terms[0], 4)
            for operator, term in zip(operators[1:], terms[1:], strict=True):
                text += f" {operator} {render(term, 5)}"
        case Product(operators=operators, factors=factors):
            text = render(factors[0], 5)
            for operator, factor in zip(operators[1:], factors[1:], strict=True):
                text += f"{operator}{render(factor, 6)}"
        case Power(base=base, exponent=exponent):
            text = f"{render(base, 8)}**{render(exponent, 6)}"
        case Comparison(operator=operator, left=left, right=right):
            text = f"{render(left, 4)} {operator} {render(right, 4)}"
        case Logic(operator="not", operands=(operand,)):
            text = f"not {render(operand, 2)}"
        case Logic(operator=operator, operands=operands):
            text = f" {operator} ".join(render(operand, own + 1) for operand in operands)
        case Call(function=function, arguments=arguments):
            text = f"{function}({', '.join(render(argument) for argument in arguments)})"
    return f"({text})" if own < level else text
