r"""Is an answer right? The reward of the trainer and the judge of the evaluation.

    python verify.py '\frac{6}{8}' 0.75      # every stage, the verdict and the rule that decided

A wrong answer that is accepted teaches the policy a trick; a right one that is missed only wastes a
rollout. So every verdict is exact, and what can't be read is compared as a string, never guessed.
One pass leads to it: extract -> normalise -> parse into an exact form -> compare. The rules of
judgement, quoted by number where they are applied:
 1. Values are exact: 6/8 is 3/4 and 3.0 is 3, but 0.333 is not 1/3.
 2. The last box counts. Boxes side by side, '3 or 5', lists, sets, inequalities, intervals,
    plus-minus and 3 = 5 are hedges, which is wrong where one value is asked for.
 3. Without a box: <answer>, '####', 'the answer is', else the last number, unless it is taken back
    ('No, wait') or negated. A box that doesn't close and a response that breaks off are no answer.
 4. A unit, currency, counted noun, label or condition beside an answer may be left out, but not be
    another one. A word that is known to change a number (half, not, rejected) makes it unreadable.
 5. 1,234 and 1{,}234 are numbers, '1, 234' is a pair, and a comma is never a decimal point.
 6. 50% is 50 of the unit %. It is never turned into a fraction.
 7. 3\frac12 and '3 1/2' are mixed numbers; other numbers side by side are nothing.
 8. 'x = 5' is 5, and the last member of a chain counts; equations of curves are equal up to moving
    terms and a constant factor; f(x) = x is f(z) = z.
 9. Tuples are ordered; lists, sets and unions are not, and have to be complete. An inequality is an
    interval, whose ends matter; 'and' between inequalities is not 'or'.
10. Radicals, pi and i have exact powers: sqrt(12) is 2 sqrt(3), i^2 is -1.
11. Formulas are equal as quotients of polynomials, and sqrt(x^2) is x; upper and lower case differ.
12. Matrices go entry by entry; 12_8 is not 12; 1:2 is not 2:1; text is equal regardless of case.
13. Anything else is equal as a normalised string or not equal. No input raises an exception.
14. Where the gold is an integer, a decimal or a fraction, the answer must be worked out, up to one
    quotient: 2^10 is not 1024. Else a policy learns to box the formula of the problem.
"""

import math
import re
import sys
from collections import Counter, namedtuple
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import pairwise, product

# Beyond these bounds only equal strings count, so that no input takes more than a part of a second.
MAX_CHARS = 600  # of an answer
MAX_TAIL = 10_000  # of a response: what is stated further from its end is no final answer
MAX_TERMS = 40  # of a polynomial or a list
MAX_POWER = 6  # of a sum
MAX_BITS = 4096  # of a number
Unreadable = ValueError  # beyond these bounds or outside the language: rule 13 applies


def is_correct(response: str, gold: str) -> bool:
    """Whether the response answers `gold`. Never raises; linear in its length."""
    same_text = response.strip() == gold.strip() != ""
    return same_text or is_equivalent(extract_answer(response) or "", gold)  # "" equals nothing


def is_equivalent(answer: str, gold: str) -> bool:
    """Whether `answer` is what `gold` asks for: of the same value, and worked out (rule 14)."""
    return same_value(answer, gold) and _is_worked_out(answer, gold)


def same_value(a: str, b: str) -> bool:
    """Whether two answers mean the same: symmetric, and reflexive unless blank. Never raises."""
    return _compare(a, b)[0]


def extract_answer(response: str) -> str | None:
    """The answer as it is written; None if there is none. Never raises; linear in the length."""
    # Thinking does not count if anything follows it; if nothing does, only a box in it counts.
    _, closed, final = response.rpartition("</think>")
    unfinished = not final.strip() or "<think>" in response and not closed
    text = response if unfinished else final
    if (box := _LAST_BOX.match(text)) or unfinished:
        return _boxed(text, box.start(1)) if box else None
    return _stated(_MARKDOWN.sub("", text.strip()[-MAX_TAIL:]).strip())


def candidates(answer: str) -> list[str]:
    """Every value that an answer names, as it is written. Never raises, in bounded time.
    >>> candidates("3, perhaps 7"), candidates(r"\\pm 7"), candidates("(3, 7]"), candidates("1,234")
    (['3', '7'], ['7', '-7'], ['(3, 7]'], ['1,234'])"""
    text = _TEXT.sub(r" \1 ", answer[:MAX_CHARS])
    parts = [part for sign in "+-" for part in _SEPARATORS.split(_PLUS_MINUS.sub(sign, text))]
    values = []
    for part in (part.strip(" !+\n").rstrip(" .+-") for part in parts):
        for piece in [piece.strip() for piece in _WORDS.split(part) if piece.strip()] or [part]:
            is_value = _NO_WORDS.fullmatch(piece) and _parse(_normalise(piece)) is not None
            values += not is_value and _NUMBERS.findall(piece) or [piece] * bool(piece)
    return list(dict.fromkeys(values))[:MAX_TERMS] or [answer.strip()] * bool(answer.strip())


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased: 1 - C(n-c, k) / C(n, k), exactly, with k samples drawn without replacement."""
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass_at_k needs 0 <= c <= n and 1 <= k <= n, but {n=}, {c=}, {k=}")
    return float(1 - Fraction(math.comb(n - c, k), math.comb(n, k)))


# ---- extract -------------------------------------------------------------------------------------
def _boxed(text: str, last: int) -> str | None:
    """The content of the last box; of boxes side by side, all their contents as a list (rule 2)."""
    runs = list(_BOXES.finditer(text, max(0, last - 3 * MAX_CHARS), last + 3 * MAX_CHARS))
    if not runs or runs[-1].end() <= last:
        return None  # rule 3: it does not close
    contents = [(braced or bare).strip() for braced, bare in _BOX.findall(runs[-1][0])]
    return ", ".join(dict.fromkeys(contents)) or None  # an empty box is no answer


def _stated(tail: str) -> str | None:
    """The answer of a response without a box (rule 3): 18 of 'The answer is 18 (not 17).'"""
    text = _NEGATED.sub(" ", _TEXT.sub(r" \1", tail)).strip()
    *_, phrase = [None, *_PHRASE.finditer(text)]
    if not phrase:
        is_formula = _NO_WORDS.fullmatch(tail) and _parse(_normalise(tail)) is not None
        return tail if is_formula else _last_number(text)
    rest = text[phrase.end() :]
    if phrase[0].startswith("<answer>") and "</" not in rest:
        return None  # rule 3: it does not close
    if withdrawn := _WITHDRAWN.search(rest):
        return _last_number(rest[withdrawn.end() :])
    clause, *others = _CLAUSE_END.split(rest, maxsplit=1)
    marks = '*_`,;:" \t' + "}" * ('"' in phrase[0])  # {"answer": "42"}
    return None if any(map(_REFUSED.search, others)) else clause.strip(marks) or None


def _last_number(text: str) -> str | None:
    """The last number with what belongs to it, unless the text breaks off or takes it back."""
    *_, found = [None, *_LAST.finditer(text)]
    if not found or not _END.fullmatch(text, found.end()) or _REFUSED.search(text, found.end()):
        return None
    last = re.split(r"(?<![\^_A-Za-z])[0-9)]\s*=>?|>>|->|→", re.sub(r"\\?\$", "", found[0]))[-1]
    closed = len(re.findall(r"[(\[]", last)) == len(re.findall(r"[)\]]", last))
    return last.strip('*_`" ' if closed else "() ")


# ---- compare -------------------------------------------------------------------------------------
def _compare(a: str, b: str) -> tuple[bool, str]:
    """Whether two answers mean the same, and what decided it."""
    a, b = sorted((a.strip(), b.strip()))  # so that their order can't matter
    if a == b or len(a) > MAX_CHARS or len(b) > MAX_CHARS:
        return a == b != "", "rule 13: compared as strings"
    if _PLAIN.fullmatch(a) and _PLAIN.fullmatch(b):  # most answers are plain
        return Fraction(a) == Fraction(b), "rule 1: values are exact"
    a, b = _normalise(a), _normalise(b)
    f, g = _FUNCTION_OF.match(a), _FUNCTION_OF.match(b)  # rule 8: f(z) = z is f(x) = x
    if f and g and f[1] not in _TOKEN.findall(b) and g[1] not in _TOKEN.findall(a):
        b = _TOKEN.sub(lambda token: f[1] if token[0] == g[1] else token[0], b)
    if a == b or not a or not b:
        return a == b != "", "rules 4 to 13: compared as they are written once normalised"
    ours, theirs = _EXTRAS.findall(a), _EXTRAS.findall(b)  # rule 4
    may_differ = ours == theirs or not ours or not theirs
    try:
        for x, y in ((a, b), (_EXTRAS.sub(" ", a), _EXTRAS.sub(" ", b)))[: 1 + may_differ]:
            form, other = _parse(x), _parse(y)
            if _same(form, other):
                return True, _kind(form)[1]
    except (Unreadable, RecursionError):
        form = None
    if form is None or other is None:
        return False, "rule 13: what can't be read, or is too large, is compared as a string"
    if not may_differ:
        return False, "rule 4: another unit or condition"
    if form.kind != other.kind:
        return False, "rules 2 and 8: forms of different kinds"
    return False, _kind(form)[1]


def _kind(form: "Sum | Form") -> tuple[str, str]:
    """What a form is, and the rules that apply to it, in words."""
    return _KINDS.get("()" if form.kind in _INTERVALS else form.kind, _KINDS["="])


def _is_worked_out(answer: str, gold: str) -> bool:
    """Rule 14, of two answers of the same value: no formula where the gold is a plain number.
    >>> _is_worked_out("2^{10}", "1024"), _is_worked_out("2^{10} = 1024", "1024")
    (False, True)"""
    if answer.strip() == gold.strip() or _PLAIN.fullmatch(answer.strip()):
        return True
    asked, given = (_EXTRAS.sub("", _normalise(text)).strip() for text in (gold, answer))
    given = re.sub("=[^0-9]*$", "", given).rpartition("=")[2].strip()  # of 5 = x as of x = 5
    return not _PLAIN_GOLD.fullmatch(asked) or bool(_WORKED_OUT.fullmatch(given))


@lru_cache(maxsize=1024)  # nested sets ask for the same pairs again and again
def _same(a: "Sum | Form | None", b: "Sum | Form | None") -> bool:
    """Whether two forms are equal; at most quadratic in their number of members."""
    if a is None or b is None:
        return False  # rule 13
    kinds = {a.kind, b.kind}
    if kinds == {""}:  # rules 1, 10, 11
        return a == b or not _cleared(_add(a, b, -1))
    if kinds == {"="} and not any(x.kind for x in a.items + b.items):  # rule 8, for curves
        p, q = (_cleared(_add(*equation.items, -1)) for equation in (a, b))
        return p.keys() == q.keys() != set() and len({p[mono] / q[mono] for mono in p}) == 1
    if len(kinds) > 1:  # rule 8: 'x = 5' is 5
        named, other = (a, b) if a.kind == "=" else (b, a)
        return named.kind == "=" and _is_name(named.items[0]) and _same(named.items[1], other)
    if a.kind == "{}":  # rule 9: without order, duplicates aside
        members = [(x, q.items) for p, q in ((a, b), (b, a)) for x in p.items]
        return all(any(_same(x, y) for y in others) for x, others in members)
    return len(a.items) == len(b.items) and all(map(_same, a.items, b.items))


# ---- normalise -----------------------------------------------------------------------------------
# The normalised language has numbers, letters, signs and brackets, the names \frac, \sqrt, \binom
# and those of functions as in LaTeX, and besides:
#   "apple"    a word or unit, lower case, singular    ?half      a word that makes it unreadable
#   \name{\gcd(2,4)}=5  a left side as it is written   n^2⟨n≥1⟩   a condition behind a formula
#   1∧2, 1∨2   1 and 2, 1 or 2; p⋀q for \land      1±2        both 1+2 and 1-2
#   \{1,2\}    a set; {...} only holds together        (1,2]      a point or an interval; ∞
#   ⌜x⌝ ⌊x⌋ ⌈x⌉    absolute value, floor, ceiling      ⟦⟦1,2⟧,⟦3,4⟧⟧  a matrix, row by row
#   (3+1/2)    3 1/2;   (3*10^{6})   3e6               12_{8}     a number in base 8


@lru_cache(maxsize=1024)  # the rollouts of a group share their gold
def _normalise(text: str) -> str:
    """One spelling of what looks the same: all rows of the table, from its first to its last.
    >>> _normalise(r"$\\left(3, \\dfrac12\\right)$"), _normalise(r"x \\geq 5 \\text{ apples}")
    ('(3,\\\\frac{1}{2})', 'x≥5"apple"')"""
    for substitute, replacement in _REWRITES:
        text = substitute(replacement, text)
    return text


def _mark_word(match: re.Match) -> str:
    """Letters in a row: sin -> \\sin, meters -> "m"; those of xyz, RC and abc are factors."""
    run = match[0]
    word = re.sub("(?<=..)s$", "", run.lower())
    if word in _SPELLINGS:
        return _SPELLINGS[word]
    if re.fullmatch(rf"{_FUNCTION}|sqrt", run):
        return f"\\{run} "
    if _CHANGING.fullmatch(run.lower()):
        return f"?{word}"
    return f'"{word}"' if _WORD.fullmatch(run) else run


def _left_side(match: re.Match) -> str:
    """Rule 8: what can't be read as a formula before '=' is a name, as are |AB| and log_2 8."""
    is_formula = _parse(match[1]) is not None and not _OPAQUE.fullmatch(match[1])
    return match[1] if is_formula else r"\name{" + re.sub(r"[\s{}]", "", match[1]) + "}"


def _without_points(match: re.Match) -> str:
    """Rule 9: an interval without some points, (0,9)-\\{2,5\\}, is the union (0,2),(2,5),(5,9)."""
    opener, low, high, closer, listed = match.groups()
    points = []
    for point in listed.split(","):
        value = point.strip("±")
        points += [f"-{value}", value] if "±" in point else [point]
    values = {p: re.sub(r"\\frac\{([0-9]+)\}\{([0-9]+)\}", r"\1/\2", p) for p in points}
    if len(points) > 1:
        if not all(map(_PLAIN.fullmatch, values.values())):
            return match[0]  # their order is not known
        points.sort(key=lambda point: Fraction(values[point]))
    ends = [low, *points, high]
    return opener + "),(".join(map(",".join, pairwise(ends))) + closer


# ---- forms and their algebra ---------------------------------------------------------------------
class Sum(frozenset):
    """A number or formula: pairs (monomial, Fraction), a monomial a frozenset of (atom, exponent).

    Atoms are letters and words; -1 and primes, with exponents from 0 to 1; functions, ("\\sin", x)
    for sin x and ("^", 2, n) for 2^n; sums in a denominator, under a root or to a high power."""

    kind = ""


class Form(namedtuple("Form", "kind items")):
    """Sums or forms that belong together.

    kind: the brackets as they are written, so that (1,2) is a point and an interval; "{}" a set,
    list or union, "⟦⟧" a matrix or a row of one, "=", ":" and others a relation, with an interval
    in place of an inequality, "," a list that is still being read. items: a tuple of them."""


def _term(number: Fraction | int, powers: dict | tuple = ()) -> Sum:
    """number * atom^exponent * ..., where whole powers are multiplied out (rule 10).
    >>> _term(5, {2: Fraction(3, 2)}) == _parse(r"10\\sqrt{2}")
    True"""
    number, powers, sums = Fraction(number), dict(powers), []
    for atom, exponent in powers.items():
        if isinstance(atom, int):
            whole, powers[atom] = divmod(exponent, 1)
            if atom.bit_length() * abs(whole) > MAX_BITS:
                raise Unreadable
            number *= Fraction(atom) ** whole
        elif isinstance(atom, Sum) and 1 <= exponent <= MAX_POWER:
            whole, powers[atom] = divmod(exponent, 1)
            sums += [atom] * whole
    if (abs(number.numerator) * number.denominator).bit_length() > MAX_BITS:
        raise Unreadable
    mono = frozenset(item for item in powers.items() if item[1])
    return reduce(_multiply, sorted(sums, key=len), Sum({(mono, number)} if number else ()))


def _add(p, q, sign: int = 1) -> Sum:
    """p + sign q of sums or other pairs of monomial and number: x+1 - (x+3) is -2."""
    total = Counter(dict(p))
    total.update({mono: sign * number for mono, number in q})
    terms = Sum(term for term in total.items() if term[1])
    if len(terms) > MAX_TERMS:
        raise Unreadable
    return terms


def _multiply(p: Sum, q: Sum) -> Sum:
    """p * q, term by term.
    >>> _multiply(_parse("x+1"), _parse("x-1")) == _parse("x^2-1")
    True"""
    total = Counter()
    if len(p) * len(q) > 2 * MAX_TERMS:
        raise Unreadable
    for (m, a), (n, b) in product(p, q):
        powers = Counter(dict(m))
        powers.update(dict(n))
        total.update(dict(_term(a * b, powers)))
    return _add(total.items(), ())  # within the bounds and without zeros


@lru_cache(maxsize=1024)  # nested fractions repeat their denominators
def _power(base: Sum, exponent: Sum) -> Sum:
    """base ^ exponent, where 2^(n+1) is 2 2^n and 4^n is (2^n)^2; sqrt(x^2) is x (rule 11).
    >>> _power(_parse("12"), _parse("1/2")) == _term(2, {3: Fraction(1, 2)})
    True"""
    powers = Counter()
    for (atom, e), (mono, times) in product(_factors(base).items(), exponent):
        if times % 1 and e not in (0, 1) and (atom == -1 or _is_constant(atom)):
            raise Unreadable  # the root of a power may have another sign
        if atom == -1 and times.denominator % 2:
            times = times.numerator  # odd roots of -1 are -1
        powers[("^", atom, Sum({(mono, Fraction(1))})) if mono else atom] += e * times
    return _term(1, powers)


def _factors(total: Sum) -> Counter:
    """A sum as powers of -1, primes and other atoms; of 0 a ValueError, as 0^0 and 1/0 are nothing.
    >>> sorted(_factors(_parse("-12")).items())
    [(-1, 1), (2, 2), (3, 1)]"""
    above, below = zip(*(number.as_integer_ratio() for _, number in total), strict=True)
    content = Fraction(math.gcd(*above), math.lcm(*below))
    factors = Counter([Sum((mono, number / content) for mono, number in total)])
    if len(total) == 1:
        ((mono, number),) = total
        factors = Counter(dict(mono))
        factors[-1] += int(number < 0)
    for n, sign in zip(content.as_integer_ratio(), (1, -1), strict=True):
        for p in range(2, min(n, 1000) + 1):
            while n % p == 0:
                n //= p
                factors[p] += sign
        if n > 1:
            factors[n] += sign
    return factors


def _cleared(total: Sum) -> dict:
    """The terms of a sum, times all denominators, and theirs in turn (rule 11).
    >>> _cleared(_parse("x+1/(x+1)")) == dict(_parse("x^2+x+1"))
    True"""
    below = Counter()
    for mono, _ in total:
        below |= Counter({atom: -e for atom, e in mono if isinstance(atom, Sum)})
    if not below:
        return dict(total)
    return _cleared(_multiply(total, Sum({(frozenset(below.items()), Fraction(1))})))


def _operate(sign: str, a: Sum | Form, b: Sum | Form) -> Sum | Form:
    """a sign b for numbers and formulas; a number times a matrix.
    >>> _operate("*", _parse("2"), _parse("⟦⟦1,x⟧⟧")) == _parse("⟦⟦2,2x⟧⟧")
    True"""
    if sign == "*" and {a.kind, b.kind} == {"", "⟦⟧"}:
        factor, matrix = (b, a) if a.kind else (a, b)
        return Form("⟦⟧", tuple(_operate("*", factor, item) for item in matrix.items))
    if a.kind or b.kind:
        raise Unreadable
    if sign == "^":
        return _power(a, b)
    if sign in "+-":
        return _add(a, b, -1 if sign == "-" else 1)
    return _multiply(a, _power(b, _term(-1)) if sign in "/÷" else b)


def _is_constant(form: Sum | Form) -> bool:
    """Whether this is a number or formula without letters, such as 2 sqrt(3) pi."""
    atoms = {atom for mono, _ in form for atom, _ in mono} if isinstance(form, Sum) else {""}
    return all(isinstance(a, int) or isinstance(a, Sum) and _is_constant(a) for a in atoms - {"π"})


# ---- parse: recursive descent --------------------------------------------------------------------
@lru_cache(maxsize=1024)
def _parse(text: str) -> Sum | Form | None:
    """The form of a normalised text, and of all values of a plus-minus; None if unreadable.
    >>> _parse("2(x+1)") == _parse("2x+2"), _parse("1±2") == _parse(r"\\{3,-1\\}"), _parse("2 3")
    (True, True, None)"""
    if "±" in text and len(text) << text.count("±") > 3 * MAX_CHARS:
        return None
    one_by_one = map("".join, product(*(char.replace("±", "+-") for char in text)))
    try:
        tokens = Tokens(",".join(one_by_one))
        form = tokens.expression()
        if form.kind == ",":  # a list is the set of its members, and of those of sets among them
            form = Form("{}", sum((i.items if i.kind == "{}" else (i,) for i in form.items), ()))
        return None if tokens.ahead[0] else form
    except (Unreadable, RecursionError, ArithmeticError, TypeError, LookupError):
        return None


class Tokens:
    """The tokens of a normalised text, which are taken one after the other; then "" follows."""

    def __init__(self, text: str):
        self.ahead = [*_TOKEN.findall(text), "", "", ""]

    def take(self) -> str:
        return self.ahead.pop(0)

    def expression(self, binding: int = 0) -> Sum | Form:
        """Operands with operators that bind stronger than `binding`.
        >>> Tokens("1+2*3^2=x").expression(RELATION) == _parse("19")
        True"""
        if self.ahead[0] in ("+", "-"):
            sign = _term(int(self.take() + "1"))
            left = _operate("*", sign, self.expression(max(binding, SUM)))
        else:
            left = self.primary()
        while (level := _BINDING.get(self.ahead[0], PRODUCT)) > binding:
            if level <= RELATION:
                left = self.chain(left, level)
            elif level == FACTORIAL:
                left = _apply(self.take(), left)
            elif self.ahead[0] in _BINDING:  # powers are read from right to left
                left = _operate(self.take(), left, self.expression(level - (level == POWER)))
            elif self.ahead[0].startswith(_DIGITS) and (self.ahead[1] != "^" or _is_constant(left)):
                raise Unreadable  # rule 7: a number behind something, unless n2^n, is no factor
            elif re.match('"[a-z°]', self.ahead[0]) and not _is_constant(left):
                raise Unreadable  # words are beside numbers only: 'A beats B' is not 'B beats A'
            else:
                left = _operate("*", left, self.expression(PRODUCT))
        return left

    def chain(self, first: Sum | Form, level: int) -> Sum | Form:
        """The list or relation whose first member has been read."""
        members, signs = [first], ""
        while _BINDING.get(self.ahead[0]) == level:
            signs += self.take()
            members.append(self.expression(level))
        if len(members) > MAX_TERMS:
            raise Unreadable
        if level == RELATION:
            return _relation(members, signs)
        if "∧" in signs and any(m.kind == "=" and m.items[1].kind in _INTERVALS for m in members):
            raise Unreadable  # 'x < 2 and x > 3' is no union
        return Form(",", tuple(members))

    def primary(self) -> Sum | Form:
        """A number, a letter, a function or what stands in brackets.
        >>> Tokens(r"\\frac{1}{2}x").primary() == _parse("0.5")
        True"""
        token = self.take()
        if token.lstrip("+-") == "∞":  # the end of an interval, not a number
            return Form(token.strip("+"), ())
        if token.startswith(_DIGITS) and "_" not in token:
            return _term(Fraction(token))
        if token in _OPENERS:
            return self.bracket(token)
        if token in ("\\frac", "\\binom"):
            function = _operate if token == "\\frac" else _apply
            return function("/" if token == "\\frac" else token, self.primary(), self.primary())
        if token == "\\sqrt":
            degree = self.bracket(self.take()) if self.ahead[0] == "[" else _term(2)
            return _operate("^", self.primary(), _operate("/", _term(1), degree))
        name = re.sub(r'(?<=.)\\|[{}"\s]', "", token)
        if _IS_FUNCTION.fullmatch(token):
            return self.function(name)
        if not _NAME_OR_BASE.fullmatch(token):
            raise Unreadable  # \subset, \partial and the like are no letters
        one_argument = self.ahead[2] in (")", ",")  # I(0), d(A,B), but not n(n+1)
        if self.ahead[0] == "(" and name != "π" and (one_argument or token in {*"fgFGP"}):
            return _apply(name, self.primary())
        return _term(1, {-1: Fraction(1, 2)} if name == "i" else {name: 1})

    def bracket(self, opener: str) -> Sum | Form:
        """After an opening bracket: (a), [a] and {a} are a; |a|, floor and ceiling are functions.
        >>> _parse("(5)") == _parse("⌜-5⌝") == _parse("⌊5.5⌋"), _parse(r"\\{5\\}").kind
        (True, '{}')"""
        form = Form(",", ()) if self.ahead[0] == r"\}" else self.expression()
        kind, items = opener + self.take(), form.items if form.kind == "," else (form,)
        if len(items) == 1 and kind in ("()", "[]", "{}"):
            return form
        kind = kind.replace("\\", "")  # (5) is 5, but \{5\} is a set
        if kind in ("()", "[]", "{}", "⟦⟧") or kind in ("(]", "[)") and len(items) == 2:
            return Form(kind, items)
        if kind not in _VALUES or len(items) != 1:
            raise Unreadable
        return _apply(kind, form)

    def function(self, name: str) -> Sum | Form:
        """sin x, sin 2x, sin^2 x, log_2 (x): the argument ends at a sign, bracket or function.
        >>> _parse(r"\\sin^2 2x\\cos x") == _parse(r"(\\sin(2x))^2\\cos(x)")
        True"""
        power = self.expression(PRODUCT) if self.ahead[0] == "^" and self.take() else _term(1)
        ends = _OPENERS | _BINDING.keys()
        argument = self.primary() if self.ahead[0] in _OPENERS else self.expression(PRODUCT)
        while self.ahead[0] not in ends and not _IS_FUNCTION.fullmatch(self.ahead[0]):
            argument = _operate("*", argument, self.expression(PRODUCT))
        return _operate("^", _apply(name, argument), power)


def _apply(name: str, *arguments: Sum | Form) -> Sum | Form:
    """A function of forms: its value if it is known, else an atom."""
    numbers = [sum(n for _, n in a) for a in arguments if not a.kind and not any(m for m, _ in a)]
    if name in _VALUES and len(numbers) == len(arguments) and max(map(abs, numbers)) <= 1000:
        return _term(_VALUES[name](*(int(n) if n == int(n) else n for n in numbers)))
    return _term(1, {(name, *arguments): 1})


def _relation(members: list, signs: str) -> Sum | Form:
    """A chain of equations (rule 8), of inequalities (rule 9) or of something else.
    >>> _parse("2+3=5") == _parse("5"), _parse("1<x≤2") == _parse("x=(1,2]"), _parse("3=5")
    (True, True, None)"""
    first, last = members[0], members[-1]
    if set(signs) == {"="}:
        numbers = [member for member in members if _is_constant(member)]
        if not all(_same(number, last) for number in numbers[:-1]):
            raise Unreadable  # rule 2: 3 = 5 is no answer
        if len(members) == 2 and _is_name(last) and not _is_name(first):
            first, last = last, first
        return last if len(numbers) == len(members) else Form("=", (first, last))
    if set(signs) <= {*">≥"}:
        members, signs = members[::-1], signs[::-1].translate(_FLIPPED)
    if set(signs) <= {*"<≤"} and len(members) == 2:  # x < 3 is (-∞,3)
        below = _is_name(members[0])
        members = [Form("-∞", ()), *members] if below else [*members, Form("∞", ())]
        signs = "<" + signs if below else signs + "<"
    if set(signs) <= {*"<≤"} and len(members) == 3 and _is_name(members[1]):
        ends = "(["[signs[0] == "≤"] + ")]"[signs[1] == "≤"]
        return Form("=", (members[1], Form(ends, (members[0], members[2]))))
    return Form(signs, tuple(members))


def _is_name(form: Sum | Form) -> bool:
    """What may stand before an answer (rule 8): x, f(x), AB, m + n, p/q, (x, y), but not x + y.
    >>> [text for text in ("x", "P(A)", "m+n", "x+y", "2x", "x^2") if _is_name(_parse(text))]
    ['x', 'P(A)', 'm+n']"""
    if form.kind:
        return form.kind == "()" and all(map(_is_name, form.items))
    atoms = [item for mono, _ in form for item in mono]
    heads = [a[0] for a, e in atoms if isinstance(a, str | tuple) and a != "π" and e in (1, -1)]
    # no roots, no sin x; 1 r but not 2 r, p/q but not 1/q; x y and x + y are curves
    plain = all(re.match(r"\\|[^\W\d_]", h) and not _IS_FUNCTION.fullmatch(h) for h in heads)
    whole = all(number == 1 and 1 in dict(mono).values() for mono, number in form)
    curve = len(atoms) > 1 and {a for a, _ in atoms} & {*"xyz"}
    return plain and whole and not curve and len(heads) == len(atoms) > 0


# ---- the command line ----------------------------------------------------------------------------
def main(argv: list[str] | None = None) -> int:
    """Prints every stage of a verdict, a line each. Status 2 is for what the user can mend."""
    argv = sys.argv[1:] if argv is None else argv
    sys.stdout.reconfigure(errors="backslashreplace")  # for terminals that know few characters
    if len(argv) != 2:
        print("verify.py: two arguments, please: python verify.py ANSWER GOLD", file=sys.stderr)
        return 2
    response, gold = argv
    extracted = extract_answer(response)
    answer = extracted or response.strip()
    lines = [f"extracted      {extracted or 'nothing (no reward); judged as it stands'}"]
    for name, text in (("answer", answer), ("gold", gold.strip())):
        normalised = _normalise(text[:MAX_CHARS])
        form = _parse(_EXTRAS.sub(" ", normalised))
        kind = "unreadable" if form is None else _kind(form)[0]
        lines += [f"{name:6} becomes {normalised}", f"{name:6} is      {kind}"]
    right, rule = _compare(answer, gold)
    if right and not _is_worked_out(answer, gold):
        right, rule = False, "rule 14: of the right value, but not worked out"
    try:
        print(*lines, f"{'right' if right else 'wrong':14} by {rule}", sep="\n", flush=True)
    except BrokenPipeError:  # as in 'python verify.py 5 5 | head -1'
        sys.stdout = None  # or Python would write again when it ends
    return 0


# ---- tables: signs, tokens, words ----------------------------------------------------------------
# (?x) stands for re.VERBOSE and (?i) for re.IGNORECASE.
# fmt: off
LIST, RELATION, SUM, PRODUCT, POWER, FACTORIAL = range(1, 7)  # the higher, the closer it binds
_SIGNS = {LIST: ",;∧∨", RELATION: "=≠<>≤≥:", SUM: "+-", PRODUCT: "*/÷", POWER: "^", FACTORIAL: "!",
          0: [*")]}⌝⌋⌉⟧", r"\}", ""]}  # closing brackets and the end bind nothing
_BINDING = {sign: level for level, signs in _SIGNS.items() for sign in signs}
_OPENERS = {*"([{⌜⌊⌈⟦", r"\{"}
_DIGITS = tuple(".0123456789")
_INTERVALS = ("()", "(]", "[)", "[]")
_FLIPPED = str.maketrans("<>≤≥", "><≥≤")
_RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_VALUES = {"!": math.factorial, "\\binom": math.comb, "⌊⌋": math.floor, "⌈⌉": math.ceil, "⌜⌝": abs}
_KINDS = {"": ("a number, formula or text", "rules 1 and 10 to 12: values of numbers and formulas"),
          "=": ("a relation", "rules 8, 9 and 12: equations, inequalities and ratios"),
          "{}": ("a list or set", "rule 9: members of a list, set or union"),
          "()": ("a tuple or interval", "rule 9: tuples and intervals"),
          "⟦⟧": ("a matrix", "rule 12: matrices, entry by entry")}
_JOINS = r"or|and|either|both|plus|as\ well\ as|along\ with|together\ with"
_DOUBTS = (r"else|also|otherwise|alternatively|maybe|perhaps|possibly|probably|presumably|unsure"
           r"|(?:most\ |more\ |less\ |very\ |un)?likely|might|could|(?:I\ )?(?:guess|think|say)")
_REFUSALS = (r"false|wrong|incorrect|impossible|invalid|extraneous|absurd|forbidden|infinite"
             r"|(?:reject|exclu|discard|cancel|refus|contradict|omit)\w+|un(?:known|defined)|ruled")
_FACTORS = (r"\w*(?:squared|cubed|doubled)|gross|googol|lakhs?|crores?|(?![mb]il)\w+illions?"
            r"|(?:bin|tern|quatern|non)ary|oct(?:al)?|hex|\w+decimal")
_CHANGING = re.compile(rf"""(?x)      # words that make what they stand beside unreadable (rule 4)
    not?|never|nor|neither|non|without|except|but|off|{_REFUSALS}                     # refused
  | more|less|fewer|than|over|under|above|below|beyond|between|until|within           # a bound
  | about|approx\w*|around|roughly|nearly|almost|if|unless|{_DOUBTS}                  # a hedge
  | times|minus|plus|mod|modulo|divisible|negative|opposite|reciprocals?|factorial    # a formula
  | {_FACTORS}|twice|thrice|hal[fv]e?s?|\w*root|digit|out|(?:doub|trip|quadrup)l\w+|inver\w+
  | (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen)s?      # a number
  | (?:twen|thir|for|fif|six|seven|eigh|nine)ty|thirds?|quarters?|(?:fif|eigh|nin|twelf)ths?
  | (?:four|six|seven|ten|eleven|\w+teen|\w+tie|hundred|\w+sand|\w+llion)ths?
  | \w*[不非没沒无無约約或以超余多几幾半倍分万萬亿億千百十大小]\w*""")
_FUNCTION = "(?:arc)?(?:sin|cos|tan)h?|cot|sec|csc|ln|log"
_IS_FUNCTION = re.compile(rf"\\(?:{_FUNCTION})(?:_.+)?")
_LETTER = rf"""(?: \\(?:d?dot|hat|bar|vec|tilde|name)(?![a-z])\s*(?:\{{[^{{}}]*\}}|\\\w+|\w)
    | \\(?:{_FUNCTION})(?![a-z]) | [A-Z]{{3,}}(?![\w^]) | [^\W\d_] | "[^"]+" )
    (?:_\s*(?:\{{[^{{}}]*\}}|[\w∞]))? '*"""                             # with an index and primes
_TOKEN = re.compile(rf"""(?x)
    [0-9]+_(?:\{{[0-9]+\}}|[0-9]) | [0-9][0-9A-F]*_\{{1[1-6]\}}         # 12_8, 1A_{{16}}
  | [0-9]+(?:\.(?!\()[0-9]*)? | \.[0-9]+ | [-+]?∞ | !!+
  | {_LETTER} | \\(?:[a-zA-Z]+|.) | \S""")
_NAME_OR_BASE = re.compile(rf"(?x)[0-9].* | {_LETTER}")
_WORD = re.compile(r"""(?x)(?!(?:abcd?e?|def|uvw)$)  # those are factors, as is all without a vowel
    (?=.*[aeiouAEIOU\u0080-\uffff]) (?!.*(.)\1\1)
    (?:[^\W\d_][^\W\d_A-Z]{2,}|[A-Z]{4,}|[\u3040-\u9fff]+)""")
_SPELLINGS = {word: entry.split()[0] for entry in re.split(r"\s{3,}|\n", r"""
*  \cdot \times × · ⋅   ÷  \div   -  − – \setminus \backslash \smallsetminus ∖   ±  \pm   ^  **
=  \in ∈ \approx ≈   ≠  \ne \neq   <  \lt   >  \gt   ≤  \le \leq \leqslant ⩽ <=
≥  \ge \geq \geqslant ⩾ >=   :  \colon   ∧  and   ∨  or \lor \vee ∨   ⋀  \land \wedge ∧
|  \lvert \rvert \vert   ‖  \| \lVert \rVert \Vert   ⌊  \lfloor   ⌋  \rfloor   ⌈  \lceil   ⌉  \rceil
(  \langle   )  \rangle   ,  \cup ∪   \{\}  \emptyset \varnothing ∅   '  ′ ’
\frac  \dfrac \tfrac \cfrac \over   \binom  \dbinom \choose   \frac12  ½   \frac14  ¼   \frac34  ¾
?  \mp \not \neg \cancel \sout   °  \degree \circ   ∞  \infty infinity   e^  \exp exp   \angle  ∠
ε  \varepsilon   θ  \vartheta   φ  \varphi   ℓ  \ell   ħ  \hbar   Å  \AA   "of"  of   *12  dozen
*10^{2}  hundred   *10^{3}  thousand   *10^{6}  million   *10^{9}  billion   "cent"  ¢
"%"  percent pct   "°"  degree   "USD"  dollar usd   "€"  € euro eur   "£"  £ gbp \pounds
"₹"  ₹ rs rupee inr   "¥"  ¥ ￥ \yen yen jpy   "h"  hour   "min"  minute 分钟   "s"  second
"m"  meter metre   "cm"  cm centimeter   "mm"  mm millimeter   "km"  km kilometer kilometre 千米
"kg"  kg kilogram   "g"  gram   "lb"  pound   "in"  inch inche   "ft"  foot feet   "mph"  mph
""".strip()) for word in entry.split()[1:]}
_GREEK = r"""\alpha \beta \gamma \delta \epsilon \zeta \eta \theta \kappa \lambda \mu \nu \xi \pi
\rho \sigma \tau \phi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Phi \Psi \Omega
alpha beta gamma delta theta lambda pi rho sigma tau phi omega"""
_SPELLINGS |= dict(zip(_GREEK.split(), "αβγδεζηθκλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩαβγδθλπρστφω", strict=True))
_UNIT = ("(?:(?:[fpnmkMGTdcμµ]|da)?(?:mol|Pa|Hz|eV|cal|bar|[mgshLlNJWVACFKTMHΩ])|min|mi|in|ft|yd"
         "|lbs?|oz|hrs?|kW?h|yrs?|secs?|mins?|Å|atm|erg|rad|rpm|psi|ppm|[kmM]ph|u|ha|ly|AU|[kMG]?pc"
         "|dB|[KMGT]B)(?![A-Za-z])")
_TEXT_WORD = re.compile(rf"""(?<![\w("\\])(?:{_UNIT}|(?!OR|AND)[A-Z]{{2,}})(?![\w):."])""")
_MONEY = '"(?:USD|€|£|₹|¥)"'
_ONE_UNIT = r'"[^"]+"(?:\^\{?-?[0-9]\}?)?'
_EXTRAS = re.compile(rf"""(?x)  # what may be left out beside an answer (rule 4)
    ⟨[^⟩]*⟩$ | {_MONEY}\* | (?<=[0-9.)}}\]⌝π])
    (?: (?:[/*]|\ ?a)?                                              # km/h, miles a day
        (?: {_ONE_UNIT}|\((?:\*?{_ONE_UNIT})+\)|\\frac\{{{_ONE_UNIT}\}}\{{{_ONE_UNIT}\}} ) )+
    (?=\ *(?:$|[]),;=<>≤≥}}⟧∧∨⟨]))""")
_PLAIN = re.compile(r"[-+]?[0-9]{1,99}(?:\.[0-9]{1,99}|/[0-9]{0,99}[1-9])?")  # needs no parser
_NUMBER = r"""[-+({\[]* (?: -?[0-9]+/-?[0-9]+ | \\frac\{+-?[0-9]+\}+\{+-?[0-9]+\}+
    | (?<=\()[0-9]+\+[0-9]+/[0-9]+                              # 3 1/2
    | (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:\*10\^\{?[-+]?[0-9]+\}?)? ) [)}\]]*"""
_PLAIN_GOLD = re.compile(rf"(?x)(?:[^-+*/^=0-9]*=)? {_NUMBER}")  # 5, x = 5
_WORKED_OUT = re.compile(rf"(?x){_NUMBER} [A-Za-z]*")  # 6m, if the gold is 6 m
_FUNCTION_OF = re.compile(r"[^\W\d_]'*\(([^\W\d_])\)=")

# ---- tables: extraction and candidates -----------------------------------------------------------
_BRACES = reduce(lambda inner, _: rf"(?:[^{{}}\\]|\\.|\{{{inner}\}})*+", range(20), "")  # 20 deep
_LAST_BOX = re.compile(r"(?s:.*)(\\(?:boxed|fbox))\s*(?:\{|[0-9]|$)")
_BOX = re.compile(rf"(?s:\\(?:boxed|fbox)\s*(?:\{{({_BRACES})\}}|([0-9][0-9.,/]*)))")
_BESIDE = rf"""(?i:    # what may stand between two boxes that are offered at once
      [\s,;.$&%/|()*~<>{{}}-] | \\(?:[()\[\],;:!\\ ]|q?quad|text) | [A-Za-z](?:_\w)?\s*[=)<]
    | \b(?:{_JOINS}|{_DOUBTS}|even|but|if\ not|vs|versus|then\ again|respectively)\b ){{0,80}}"""
_BOXES = re.compile(f"(?x){_BOX.pattern}(?:{_BESIDE}{_BOX.pattern})*")
_NO_WORDS = re.compile(rf"(?:\\[A-Za-z]+|sqrt|pi|{_FUNCTION}|(?![A-Za-z][a-z]).){{1,{MAX_CHARS}}}+")
_MARKDOWN = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])|```\w*|\$?\\(?:black)?square\$?|[∎■□]")
_PHRASE = re.compile(r"""(?ix)
    (?: <answer> | \#\#\#\# | 答案】?[是为為]?
      | (?<![A-Za-z])(?:answer|ans|correct\ (?:option|choice))(?:\s(?:to|of|for)\ [^.\n]{0,60}?)?
        "?\s*(?:\b(?:is|are|was|(?:would|will|must|should)\ be|equals)\b|[:=：]) )
    (?: [\s:=："] | \$\$ | \\\[
      | \b(?:therefore|thus|simply|just|exactly|actually|that|equal\ to|given\ by)\b )*+
    (?! \# | (?-i:[A-Z])[^\n:]{0,40}:[^\n]{0,80}\n )              # but not '#### Step 2: add'""")
_CLAUSE_END = re.compile(r"""(?x)
    \n | <[/|] | (?<!Rs)\.(?=\$*(?:\s|$)) | 。 | (?<!\\)!+(?=\s|$) | "\s*\}
  | \s\(\s*\) | \s\((?!mod|or\b)[a-z]{2} | \s[-–—]\s(?=[a-z]{2,}\s[a-z]{2})    # 18 (not 17)
  | ,?\s\(?(?:because|since|as|which|so|of|when|for|after|i\.e\.|in\ (?:an?|the)
        |and\ (?:we|this|it|the))\s""")
_NEGATED = re.compile(r"""(?ix)
    (?<!\S)(?=\S*[0-9])\S+\s(?:is|are)\s(?:not|wrong|incorrect)\b # 12 is not the answer
  | (?: \b(?: (?:is\s+)?(?:not|never|cannot|wrong|false|no\ way|impossible\ to) | \w+n't  # not 5
            | (?:if|suppose)\ the\ answer
            | (?:anything|everything|all|any|other|apart)\s(?:but|than|from) | except )\b | 不是 )
    (?!\ hard)[^.,;:\n]{0,40}?[0-9][0-9.,/]*""")
_WITHDRAWN = re.compile(r"""(?ix)
    \b(?:wait|oops|sorry|correction|scratch\ that|on\ second\ thought|I\ (?:meant|made))\b
  | (?:^|[.!?;,—-]\s*)(?:actually|no(?=\s?[,.:;!—-]\s*\S)|rather)\b             # No, it is 18
  | \b(?:that|this|it)(?:\ is|'s)\ (?:wrong|incorrect|not\ right|not\ correct)\b | 不对|不對|更正""")
_REFUSED = re.compile(rf"""(?ix)       # this, it, there is ... impossible, no solution
    \b(?:this|that|it|which|there|is|are)\b [^.!?;\n0-9]{{0,40}}
    \b(?: {_REFUSALS} | no\ (?!other)(?:\w+\ )?(?:solution|value)s? )\b
  | \bno\ such\b""")
_WITH_NUMBER = r"""(?: \$(?!\s)[^$]+(?<!\s)\$(?![0-9])            # $x = 5$, but not '$5 or $'
    | \\\((?:[^\\]|\\[^()]){0,600}+\\\) | (?<!\S)(?=\S*[0-9])\S*[^\s.,;:!?*。，] )"""
_LAST = re.compile(rf"""(?x)                        # the last number with what belongs to it
    (?: (?: \b\S{{1,20}}\s(?:[=<>≤≥≈≡≠]|\\neq?) | [-−±]
          | minus|negative|twice|(?:half|root|out)\ of )\s
    )? {_WITH_NUMBER}
    (?: (?: \ [a-z]+(?=,?\ \(?or\ ) )?[,;]?\ \(?                  # 5 apples or 6, 5 (or 6)
        (?: (?: [-+*·⋅/=<>×÷±≤≥≈≡x]|times|plus|minus|mod|out\ of|and|or(?:\ [a-z]+)? )\  )?
        (?: \w\ [=<>≤≥]\  )? {_WITH_NUMBER} )*
    (?: \ (?:or\ (?:more|less)|and\ a\ half|dozen|hundred|thousand|[mb]illion|pi|π
            |{_FACTORS}|{_REFUSALS})\b )?""")
_END = re.compile(r"""(?x)(?![}^_(])  # of what doesn't break off: a full stop or a few words
    (?: [\s\S]*[.!?。][-*_)$`\s]*
      | (?: [\s%$] | \\?[)\]] | (?!(?:is|are|the|and|or|so|of|to)$)[a-z]+\b ){0,9} )""")
_SEPARATORS = re.compile(rf"""(?ix)\(?\b(?:{_JOINS}|{_DOUBTS}|between|to|through|so|[A-Z]:)(?!\w)
  | [?;$~→] | \\(?:[{{}}]|(?:cup|lor|land|vee|wedge|q?quad)\b)
  | ,(?![0-9]{{3}}(?![0-9]))(?![^()\[\]]*[)\]])""")
_PLUS_MINUS = re.compile(r"\s*(?:\\pm\b|±)\s*")
_WORDS = re.compile(rf"(?<![\\{{A-Za-z])(?!(?:sqrt|pi|{_FUNCTION})\b)[A-Za-z][a-z]+")
_NUMBERS = re.compile(r"-?[0-9]*\\(?:[dt]?frac(?:\{[^{}]*\}|[0-9])|sqrt)(?:\{[^{}]*\}|[0-9])"
                      r"|-?(?:[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+)(?:/[0-9]+)?")

# ---- tables: rewriting ---------------------------------------------------------------------------
_TEXT = re.compile(r"\\(?:text[a-z]*|[mh]box|mathrm|operatorname)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_THOUSANDS = (r"(?<![0-9.,(\[])(?<![(\[][-+])(?<!\\\{)[1-9][0-9]{0,2}"  # (2,251,252) is a triple
              r"(?:(?:,|,\\! ?|\{,\}|\\[,;:]|\\!,\\!|[\u2009\u202f])[0-9]{3})+(?!,?[0-9])")
_LOOKS = re.compile(r"""(?x)    # sizes, fonts, colours
    \\! | \{\} | \\(?:left|right)\s*\. | \\(?:text)?color(?:box)?\s*\{\w+\} | (?<=\\\\)\[\w+\]
  | \\(?: left|right|[bB]igg?[lrm]?|boxed|fbox|displaystyle|textstyle|boldsymbol|math(?:bf|it)|bf|it
        |rm|sf|tt|[lL]arge|LARGE|[hH]uge|overline(?=\{[A-Z]+\})|underline|limits)(?![a-zA-Z])""")
_CHOICE = re.compile(r"""(?x)^(?:[Oo]ption\ |[Cc]hoice\ )?\(?"?([A-E])"?    # (D), (D) 12
    (?: [).:]+ (?: \ + (?! .*(?: \b(?:or|not|but|also)\b | \(?\b[A-E][).:] | \band\ \(?[A-E]\)?$
                               | \.\  ) ) .{1,100} )? )?$""")
_FOR_ALL = (r",? ?\(?(?:for (?:all|any|every|each)\b|\\forall|where\b"
            rf"|with(?= [A-Za-z]\b(?! ?[a-z])))(?!.*\b(?:or|but|if|{_DOUBTS})\b)")
_BOUND = (r"^(?=.*?([A-Za-z]) ?[<>≤≥≠][^<>≤≥≠]*$)(.*?\1[^<>≤≥≠=]{0,40}?)"  # not 1, x > 5
          rf"(?:{_FOR_ALL}[^<>≤≥≠0-9]*?|,? for |, ?\(?| \()(\1 ?[<>≤≥≠][^(),]*)\)?$")
_MISLEADING = re.compile(r"""(?x)\bat\ (?:least|most)\b | \bm(?:ax|in)imum(?=\ (?:of\ )?[0-9])
  | (?<=[0-9]\ )(?:m(?:ax|in)imum|least|most|(?:is|are|was)(?!\ the))\b     # 5 is too small
  | \b(?:square|cube|power|multiple|opposite|root)s?\ (?=of\b)""")
_LABEL = re.compile(rf"""(?x)(?:^|(?<=[,;∧∨]))                # words before a number or ':'
    ((?!{_MONEY})"[^"]+" (?: (?!{_MONEY})"[^"]+" | [a-z](?=\ is) | \ ?is\ ? | [aI](?=") )*
    [A-Za-z]*) (?: : | (?<!\w) (?=-?(?:[0-9.(\[]|\\frac|\\sqrt|\\\{{|{_MONEY})) )""")
_LEFT_SIDE = re.compile(r"""(?x)(?:^|(?<=[,;∧∨=])) ( (?: [^][(){},;∧∨=<>≤≥≠?] | \[[^][?]*\]
    | \((?:[^()?]|\([^()?]*\))*\) | \{(?:[^{}?]|\{[^{}?]*\})*\} )++ ) (?==)""")
_OPAQUE = re.compile(r"⌜(?:[A-Z]+|\\vec.*)⌝|\\(?:log|ln|sin|cos|tan)[^A-Za-df-z]*"
                     r"|f\^\{-1\}\(.*|\\name\{d/.*")  # |AB|, log_2 8, f^{-1}(3), d/dx x^2
_UNITS_BEHIND = (r"(?:(?<=[0-9)])(?<![A-Za-z][\^_][0-9])|10\^\{-?[0-9]+\}) (?:[μµ] ?)?"
                 rf'"?{_UNIT}(?:"|\^ ?\{{?-?[0-9]\}}?|/|\*|[() ]|{_UNIT})*$')
_ROWS = (  # pattern, replacement, example, what becomes of it after all rows
    (r'["⟨⟩⌜⌝⟦⟧]|\\name(?![a-z])', " ", '5"', "5"),  # signs of ours
    (r"^([*_`']+)(.*)\1$", r"\2", "'42'", "42"),
    (_THOUSANDS, lambda m: re.sub(r"\D", "", m[0]), "1{,}234", "1234"),  # rule 5
    (r"^(-?)(?:US)?\$(?=[0-9.][^$]*$)|(?:US)?\\\$", r'\1"USD"', r"US\$5", '"USD"*5'),
    (r"\b(?:US|U\.S\.) (?=dollars?\b)|(?<=\bRs)\.", "", "5 US dollars", '5"USD"'),
    # looks, texts, spaces, spellings
    (_LOOKS, "", r"\left(\mathbf{5}\right)", "({5})"),
    (_TEXT, lambda m: _TEXT_WORD.sub(r'"\g<0>"', f" {m[1]} "), r"\text{cm}^2", '"cm"^2'),
    (r"(?:(?<!\\)\\(?:[()\[\],;:> ]|q?quad\b|hspace\*?\{[^{}]*\})|[$~\s])+", " ", r"3\,x", "3 x"),
    (r"(?<=[0-9])\.\.\.+$", r"\\dots", "0.33...", r"0.33\dots"),
    ("^[ =]+| ?[.,;:。]* ?$", "", "5,", "5"),
    (r"\\mathbb ?\{?R\}?|ℝ|\b[Aa]ll real(?: number)?s?$", "(-∞,∞)", r"\mathbb{R}", "(-∞,∞)"),
    (r"\{((?:[^{}]|\{[^{}]*\})*)(\\over|\\choose)\b((?:[^{}]|\{[^{}]*\})*)\}", r"\2{\1}{\3}",
     r"{1 \over 2}", r"\frac{1}{2}"),
    (r"(\\pi|[0-9})π]) ?(?:\\approx|≈) ?-?[0-9]*\.[0-9]+", r"\1", r"\pi \approx 3.14", "π"),
    (r"\\[a-zA-Z]+|\\\||<=|>=|\*\*|[^\x00-\x7f√]", lambda m: _SPELLINGS.get(m[0], m[0]),
     r"2\cdot\pi", "2*π"),
    ("[⁻⁰¹²³⁴-⁹]+", lambda m: f"^{{{m[0].translate(_RAISED)}}}", "10⁻¹⁰", "10^{-10}"),
    (r"√\s*([0-9.]*)", lambda m: rf"\sqrt{{{m[1]}}}" if m[1] else r"\sqrt ", "√12", r"\sqrt{12}"),
    (r'(?:\^ ?(?:°|\{ ?° ?\})|°)(?: ?"?([CF])\b"?)?', r'"°\1"', r"90^\circ C", '90"°C"'),
    (r"\\?%|\b[Pp]er cent\b", '"%"', r"50\%", '50"%"'),  # rule 6
    (r"(?<=[0-9])(?: ?\^ ?\{? ?| )?(?:st|nd|rd|th)\b ?\}?", "", r"12^{\text{th}}", "12"),
    (_CHOICE, r"\1", "(D) A and F meet", "D"),
    (r" ?\(? ?\b(?:in )?base ?([0-9]+)\)?", r"_{\1}", "12 base 8", "12_{8}"),
    (r"[({]([0-9A-F]+)[)}](?=_)", r"\1", "(12)_8", "12_8"),
    (r"\\(sin|cos|tan) ?\^ ?\{ ?-1 ?\}", r"\\arc\1 ", r"\sin^{-1}x", r"\arcsin x"),
    (r"\\(frac|sqrt|binom) ?([0-9])", r"\\\1{\2}", r"\sqrt3", r"\sqrt{3}"),
    (r"\\frac({[^{}]*}) ?([0-9])", r"\\frac\1{\2}", r"\frac{1}2", r"\frac{1}{2}"),
    (r"(?<![\w.^*/}])([0-9]+)(?: ?\\frac{([0-9]+)}{([0-9]+)}| ([0-9]+) ?/ ?([0-9]+)(?![\w.^]))",
     r"(\1+\2\4/\3\5)", "3 1/2", "(3+1/2)"),  # rule 7
    (r"(?<![0-9])([0-9]*)\.([0-9]*)\\(?:overline|bar|dot)\{?([0-9]+)\}?",
     lambda m: f"({int(m[1] + m[2] + m[3]) - int('0' + m[1] + m[2])}/"
     f"{'9' * len(m[3])}{'0' * len(m[2])})", r"0.1\overline{6}", "(15/90)"),
    (r"(?<![0-9.])([0-9]+\.?[0-9]*|\.[0-9]+)[eE]\+?(-?[0-9]+)(?![0-9A-Za-z^])", r"(\1*10^{\2})",
     "3e6", "(3*10^{6})"),
    (r"(?<=[0-9]) ?[xX] ?(?=10 ?\^)", "*", "3 x 10^6", "3*10^6"),
    (r"\^ ?\{? ?\\prime ?\}?", "'", r"f^{\prime}", "f'"),
    (r"\bas well as\b", "∧", "3 as well as 7", "3∧7"),
    (r'\b(?:square|sq\.?) (?!root|of\b)("?[a-z]+"?)', r"\1^2", "5 square feet", '5"ft"^2'),
    (r'\b(?:cubic|cu\.?) ("?[a-z]+"?)', r"\1^3", "5 cubic feet", '5"ft"^3'),
    # conditions and units; single letters are units only here: '6 m', but not '6m'
    (rf"(?<=[^<>≤≥≠]){_FOR_ALL}[^<>≤≥≠0-9]*$", "", r"x+C, \text{ where } C \text{ is real}", "x+C"),
    (r",(?: ?[A-Za-z],?)+ ?= ?(?:\(-∞,∞\)|\\mathbb ?\{?[A-Z]\}?)(?:\^\{?.\}?)?$", "",
     r"x, x \in \mathbb{R}", "x"),
    (_BOUND, r"\2⟨\3⟩", r"n^2 \quad (n \ge 1)", "n^2⟨n≥1⟩"),
    (_UNITS_BEHIND, lambda m: re.sub("[A-Za-zΩÅµμ]+", r'"\g<0>"', m[0].replace('"', "")),
     "6 kg m", '6"kg""m"'),
    # rule 12: environments do not differ, but a determinant is another thing
    (r"\\begin\{[pbB]?(?:small)?(?:matrix|array)\}(?:\{[lcr|]*\})?(.*?)(?:\\\\)? ?\\end\{\w+\}",
     lambda m: f"⟦⟦{m[1]}⟧⟧".replace("\\\\", "⟧,⟦").replace("&", ","),
     r"\begin{pmatrix}1&2\\3&4\\\end{pmatrix}", "⟦⟦1,2⟧,⟦3,4⟧⟧"),
    (r"\\frac ?\{ ?((?:d|\\partial)[^{}]{0,9})\} ?\{ ?((?:d|\\partial) ?[a-z][^{}]*)\}",
     r"\\name{\1/\2}", r"\frac{dy}{dx}", r"\name{dy/dx}"),  # rule 8
    (r"\\\{([a-z])(?: ?= ?\(-∞,∞\))? ?(?:\\mid|\||:)(.*[=<>≤≥≠].*)\\\}", r"\2",
     r"\{x \mid x > 2\}", "x>2"),
    (r"\|([^|]+)\|", r"⌜\1⌝", "|x|", "⌜x⌝"),
    # words; spaces are left only between words and numbers
    (_MISLEADING, "?", "a minimum of 5", 'a?"of"5'),
    (r"(?<!\S)(?:[Hh]e|[Ii]t|[Ww]e|[Ss]o|to|by|at|in|on|as|an|be|is|us|up)(?= [A-Za-z]{2})",
     r'"\g<0>"', "in total", '"in""total"'),
    (r'(?<![^\W\d_])(?<![\\"])[^\W\d_]{2,}|[\u3400-\u9fff]', _mark_word, "5 miles", '5"mile"'),
    (r"(?<![0-9A-Za-z.\s])\s+(?!\s)|\s+(?![0-9A-Za-z.\s])", "", "5 x + 1", "5 x+1"),
    (rf"({_MONEY}|\))(?=[0-9.])", r"\1*", r"\$5", '"USD"*5'),
    ("[,;](?=[,;∧∨])", "", "3, and 4", "3∧4"),
    # two capital letters are a word where they are all; labels; left sides; sets without points
    (r"(?:^|(?<=[,∧∨])|(?<=\\\{))[A-Z]{2,}(?=$|[,∧∨]|\\\})", r'"\g<0>"', "HT, TH", '"HT","TH"'),
    (r"^([a-z])([<>≤≥])([^<>≤≥∧⋀=]+)(?=[∧⋀]\1[<>≤≥])",
     lambda m: m[3] + m[2].translate(_FLIPPED) + m[1], "x>2 and x<3", "2<x<3"),
    (r"(?<=[<>≤≥])([a-z])[∧⋀]\1(?=[<>≤≥])", r"\1", r"2<x \land x<3", "2<x<3"),
    (_LABEL, r"\\name{\1}=", "The total: 5", r'\name{"the""total"}=5'),
    (_LEFT_SIDE, _left_side, r"\gcd(2,4) = 2", r"\name{\gcd(2,4)}=2"),
    (r"^(?:(?:[a-z]=)?\(-∞,∞\),)?([a-z])≠([^=<>≤≥≠∨]+?)(?:[,∧]\1≠([^=<>≤≥≠∨]+))?$",
     lambda m: rf"(-∞,∞)-\{{{','.join(filter(None, m.groups()[1:]))}\}}",
     r"x \ne 1 \text{ and } x \ne 2", "(-∞,1),(1,2),(2,∞)"),
    (r"^(?:[a-z]=)?([(\[])([^,]+),([^,]+)([)\]])-\\\{(.+)\\\}$", _without_points,
     r"(0,9) \setminus \{5\}", "(0,5),(5,9)"),
)
_REWRITES = [(re.compile(pattern).sub, to) for pattern, to, *_ in _ROWS]
# fmt: on

if __name__ == "__main__":
    sys.exit(main())
