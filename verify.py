"""Is an answer right? The reward of the trainer and the judge of the evaluation.

    is_correct(response, gold)   whether a response gives the right answer: the next two in a row
    extract_answer(response)     the answer that a response gives, as it is written there
    is_equivalent(answer, gold)  whether an answer is the one that was asked for
    same_value(a, b)             whether two answers mean the same, worked out or not
    candidates(answer)           every value that an answer names: 3 and 7 of '3, perhaps 7'
    pass_at_k(n, c, k)           the chance that one of k samples is right, if c of n are

    python verify.py '\\frac{6}{8}' 0.75      # every stage, the verdict and the rule that decided

A wrong answer that is accepted teaches the policy a trick; a right one that is missed only wastes a
rollout. So every verdict is exact, and what can't be read is compared as a string, never guessed.
One pass leads to it: extract -> normalise -> parse into an exact form -> compare. The rules of
judgement, quoted by number where they are applied:
 1. Values are exact: 6/8 is 3/4 and 3.0 is 3, but 0.333 is not 1/3.
 2. The last box counts. Boxes side by side, '3 or 5', a list, a set, an inequality, an interval, a
    plus-minus and 3 = 5 are hedges, which is wrong where one value is asked for.
 3. Without a box: <answer>, '####', 'the answer is', else the last number with what belongs to it,
    unless it is withdrawn: 'No, wait', 'but this is impossible'. A box that doesn't close and a
    response that breaks off give no answer; nor does 'the answer is not 5'.
 4. A unit, currency, counted noun, label or condition beside an answer may be left out, but not be
    another one. A word that changes the number (half, not, trillion, rejected) makes it unreadable.
 5. 1,234 and 1{,}234 are numbers, '1, 234' is a pair, and a comma is never a decimal point.
 6. 50% is 50 of the unit %. It is never turned into a fraction.
 7. 3\\frac12 and '3 1/2' are mixed numbers; other numbers side by side are nothing.
 8. 'x = 5' is 5, and the last member of a chain counts; equations of curves are equal up to moving
    terms and a constant factor; f(x) = x is f(z) = z.
 9. Tuples are ordered; lists, sets and unions are not, and have to be complete. An inequality is an
    interval, whose ends matter; 'and' between inequalities is not 'or'.
10. Radicals, pi and i have exact powers: sqrt(12) is 2 sqrt(3), i^2 is -1.
11. Formulas are equal as quotients of polynomials; upper and lower case differ.
12. Matrices go entry by entry; 12_8 is not 12; 1:2 is not 2:1; text is equal regardless of case.
13. Anything else is equal as a normalised string or not equal. No input raises an exception.
14. Where the gold is an integer, a decimal or a fraction, the answer must be worked out: 2^10 is
    not 1024. Else a policy learns to box the formula of the problem.
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


def is_correct(response: str, gold: str) -> bool:
    """Whether the response answers `gold`. Never raises; linear in its length."""
    if response.strip() == gold.strip() != "":
        return True
    return is_equivalent(extract_answer(response) or "", gold)  # nothing is equivalent to ""


def is_equivalent(answer: str, gold: str) -> bool:
    """Whether `answer` is what `gold` asks for: of the same value, and worked out (rule 14).

    Never raises, in bounded time: beyond MAX_CHARS only equal strings count.
    """
    return same_value(answer, gold) and _is_worked_out(answer, gold)


def same_value(a: str, b: str) -> bool:
    """Whether two answers mean the same: symmetric, and reflexive unless blank."""
    return _compare(a, b)[0]


def extract_answer(response: str) -> str | None:
    """The answer as it is written; None if there is none. Never raises; linear in the length.

    Thinking does not count if anything follows it; if nothing does, only a box in it counts.
    """
    _, closed, final = response.rpartition("</think>")
    unfinished = not final.strip() or "<think>" in response and not closed
    text = response if unfinished else final
    if (last := _last_box(text)) >= 0 or unfinished:
        return _boxed(text, last)
    return _stated(_MARKDOWN.sub("", text.strip()[-MAX_TAIL:]).strip())


def candidates(answer: str) -> list[str]:
    """Every value that an answer names, as it is written. Never raises, in bounded time.
    >>> candidates("3, perhaps 7"), candidates(r"\\pm 7"), candidates("(3, 7]"), candidates("1,234")
    (['3', '7'], ['7', '-7'], ['(3, 7]'], ['1,234'])
    """
    answer = answer.strip()
    if not answer or len(answer) > MAX_CHARS:
        return [answer] if answer else []
    if _is_one_value(answer) and not _HEDGE.search(answer):
        return _values_of(answer)
    text = _TEXT.sub(lambda m: m[1] if _HEDGE.search(m[1]) else m[0], answer)
    text = _HEDGE.sub(" ; ", text)
    values: list[str] = []
    for sign in "+-" if _PLUS_MINUS.search(text) else "+":
        one_sign = re.sub(r"(^|[=,;(])\+", r"\1", _PLUS_MINUS.sub(sign, text))
        values += [value for piece in _split(one_sign) for value in _values_of(piece)]
    return list(dict.fromkeys(values))[:MAX_TERMS] or [answer]


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased: 1 - C(n-c, k) / C(n, k), exactly, with k samples drawn without replacement."""
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass_at_k needs 0 <= c <= n and 1 <= k <= n, but {n=}, {c=}, {k=}")
    return float(1 - Fraction(math.comb(n - c, k), math.comb(n, k)))


# ---- extract -------------------------------------------------------------------------------------


def _last_box(text: str) -> int:
    """Where the last box opens, or -1. A \\boxed that is only mentioned is none."""
    at = len(text)
    for _ in range(MAX_TERMS):
        at = max(text.rfind("\\boxed", 0, at), text.rfind("\\fbox", 0, at))
        if at < 0 or _BOX_START.match(text, at):
            return at
    return -1


def _boxed(text: str, last: int) -> str | None:
    """The content of the last box; of boxes side by side, all their contents as a list (rule 2)."""
    runs = list(_BOXES.finditer(text, max(0, last - 3 * MAX_CHARS), last + 3 * MAX_CHARS))
    if not runs or runs[-1].end() <= last:
        return None  # rule 3: there is none, or it does not close
    contents = [(braced or bare).strip() for braced, bare in _BOX.findall(runs[-1][0])]
    return ", ".join(dict.fromkeys(contents)) or None  # an empty box is no answer


def _stated(tail: str) -> str | None:
    """The answer of a response without a box (rule 3).
    >>> _stated("The answer is 18 (not 17)."), _stated("The answer is 17. No, wait: it is 18.")
    ('18', '18')
    """
    if _SHORT.fullmatch(tail) and '"' not in (text := _normalise(tail)) and _parse(text):
        return tail  # the response is nothing but an answer: it holds no words
    tail = _NEGATED.sub(" ", tail).strip()
    phrases = list(_PHRASE.finditer(tail))
    if not phrases:
        return _last_number(tail)
    phrase, rest = phrases[-1][0], tail[phrases[-1].end() :].strip()
    if phrase.startswith("<"):
        return re.split("</answer>", rest, flags=re.IGNORECASE)[0].strip() if "</" in rest else None
    if withdrawn := _WITHDRAWN.search(rest):
        return _last_number(rest[withdrawn.end() :])
    clause, *others = _CLAUSE_END.split(rest, maxsplit=1)
    if any(map(_REFUSED.search, others)):
        return None
    clause = re.sub(r'["\s}]+$', "", clause) if '"' in phrase else clause  # {"answer": 42}
    return clause.strip('*_`,;:" \t\n') or None


def _last_number(text: str) -> str | None:
    """The last number with what belongs to it, unless the text breaks off or takes it back.
    >>> _last_number("So she has 5 (or 6)."), _last_number("So x = 5. But this is impossible.")
    ('5 (or 6)', None)
    """
    found = list(_LAST.finditer(text))
    if not found or not _END.fullmatch(text, found[-1].end()):
        return None
    if _REFUSED.search(text[found[-1].end() :]):
        return None
    last = re.split(r"(?<![\^_A-Za-z])[0-9)]\s*=>?|>>|->|→", found[-1][0].replace("$", ""))[-1]
    closed = len(re.findall(r"[(\[]", last)) == len(re.findall(r"[)\]]", last))
    return last.strip('*_`" ' if closed else "() ")


# ---- candidates ----------------------------------------------------------------------------------


def _is_one_value(answer: str) -> bool:
    """Whether an answer can be read and is no list, set or plus-minus."""
    text = _UNITS.sub(" ", _CONDITION.sub("", _normalise(answer)))
    form = _parse(text)
    return form is not None and form.kind != "{}" and "±" not in text


def _split(text: str) -> list[str]:
    """The parts between commas and semicolons that stand in no bracket.
    >>> _split(r"(3, 7); \\{1,234, 5\\}")
    ['(3, 7)', '1,234', '5']
    """
    parts, depth = [""], 0
    for piece in _PIECE.findall(text):
        depth += (piece in "([{") - (piece in ")]}")
        if depth < 0 or depth == 0 and piece in (",", ";", "$", "\\{", "\\}"):
            parts.append("")
            depth = 0
        else:
            parts[-1] += piece
    stripped = (part.strip(" !\n").rstrip(" .!\n+-") for part in parts)
    return [part for part in stripped if part]


def _values_of(piece: str) -> list[str]:
    """A piece if it can be read as it is; else what can be read without its words or signs.
    >>> _values_of("x = 5"), _values_of("3 = 5"), _values_of("not 2x"), _values_of("7 cm")
    (['x = 5'], ['3', '5'], ['2x'], ['7 cm'])
    """
    parts = _split(_PROSE.sub(";", _TEXT.sub(r" \1 ", piece)))
    clean = not parts or any(piece == part or same_value(piece, part) for part in parts)
    if clean and _is_one_value(piece):
        return [piece]
    values = []
    for part in parts:
        smaller = [part] if _is_one_value(part) else _split(_APART.sub(";", part))
        readable = [one for one in smaller if one == part or re.search("[0-9]", one)]
        values += readable if all(map(_is_one_value, readable)) else _NUMBERS.findall(part)
    return values or ([piece] if parts else [])


# ---- compare -------------------------------------------------------------------------------------


def _compare(a: str, b: str) -> tuple[bool, str]:
    """Whether two answers mean the same, and what decided it.
    >>> _compare("5 cm", "5")
    (True, 'rule 4: equal without what may be left out')
    """
    a, b = sorted((a.strip(), b.strip()))  # so that their order can't matter
    if a == b or len(a) > MAX_CHARS or len(b) > MAX_CHARS:
        return a == b != "", "rule 13: compared as strings"
    if _PLAIN.fullmatch(a) and _PLAIN.fullmatch(b):  # most answers are plain
        return Fraction(a) == Fraction(b), "rule 1: values are exact"
    a, b = _one_variable(_normalise(a), _normalise(b))
    if a == b or not a or not b:
        return a == b != "", "rule 13: compared as normalised strings"
    try:
        form, other = _parse(a), _parse(b)
        if _same(form, other):
            return True, _RULES.get(form.kind, _RULES["()"])
        bare = _without_extras(a, b)
        if bare != (a, b) and _same(*map(_parse, bare)):
            return True, "rule 4: equal without what may be left out"
    except (Unreadable, RecursionError):
        return False, "rule 13: beyond the bounds, and not equal as strings"
    if None in (form, other):
        return False, "rule 13: what can't be read is compared as a string"
    if form.kind != other.kind:
        return False, "rules 2 and 8: forms of different kinds"
    return False, _RULES.get(form.kind, _RULES["()"])


def _one_variable(a: str, b: str) -> tuple[str, str]:
    """Rule 8: f(z) = z is written as f(x) = x, if the other one is.
    >>> _one_variable("f(x)=x+a", "f(z)=z+a")
    ('f(x)=x+a', 'f(x)=x+a')
    """
    if (of_x := _FUNCTION_OF.match(a)) and (of_z := _FUNCTION_OF.match(b)):
        x, z = of_x[1], of_z[1]
        if x not in _TOKEN.findall(b) and z not in _TOKEN.findall(a):
            b = _TOKEN.sub(lambda token: x if token[0] == z else token[0], b)
    return a, b


def _without_extras(a: str, b: str) -> tuple[str, str]:
    """Both without what only one of them has beside its value: conditions and units (rule 4).
    >>> _without_extras('5"cm"', "5"), _without_extras('5"cm"', '5"m"')
    (('5 ', '5'), ('5"cm"', '5"m"'))
    """
    for extra in (_CONDITION, _UNITS):
        ours, theirs = extra.findall(a), extra.findall(b)
        if ours == theirs or not ours or not theirs:
            a, b = extra.sub(" ", a), extra.sub(" ", b)
    return a, b


def _is_worked_out(answer: str, gold: str) -> bool:
    """Rule 14, of two answers of the same value: no formula where the gold is a plain number.
    >>> _is_worked_out("2^{10}", "1024"), _is_worked_out("2^{10} = 1024", "1024")
    (False, True)
    """
    if _PLAIN.fullmatch(answer.strip()) or answer.strip() == gold.strip():
        return True
    asked, given = (_what_counts(text.strip()) for text in (gold, answer))
    if not _NUMBER.fullmatch(asked):
        return True
    return bool(_WORKED_OUT.fullmatch(re.sub("[A-Za-z]+$", "", given)))  # 6m, if the gold is 6 m


def _what_counts(answer: str) -> str:
    """What rule 14 looks at: an answer without its unit, of 'x = 5' and '2 + 3 = 5' the 5.
    >>> _what_counts("x = 5 cm"), _what_counts("2+3 = 5"), _what_counts("5 = x")
    ('5', '5', '5')
    """
    text = _UNITS.sub("", _CONDITION.sub("", _normalise(answer)))
    form = _parse(text) if "=" in text else None
    is_named = form is not None and form.kind == "=" and _is_name(form.items[0])
    if form is None or form.kind and not is_named:
        return text
    members = text.split("=")
    is_reversed = len(members) == 2 and re.match('[^\\W\\d_]|"', members[1])
    return members[0 if is_reversed else -1]


@lru_cache(maxsize=1024)  # nested sets ask for the same pairs again and again
def _same(a: "Sum | Form | None", b: "Sum | Form | None") -> bool:
    """Whether two forms are equal; at most quadratic in their number of members.
    >>> _same(_parse(r"\\sqrt{12}"), _parse(r"2\\sqrt{3}")), _same(_parse("(1,2)"), _parse("(2,1)"))
    (True, False)
    """
    if a is None or b is None:
        return False  # rule 13
    kinds = {a.kind, b.kind}
    if kinds == {""}:  # rules 1, 10, 11
        return a == b or not _cleared(_add(a, b, -1))
    if kinds == {"="} and not any(x.kind for x in a.items + b.items):
        # rule 8: up to exchanging sides, moving terms and a constant factor
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
#   \name{P(A)}=5       a left side that is a name     n^2⟨n≥1⟩   a condition behind a formula
#   1∧2, 1∨2   1 and 2, 1 or 2; p⋀q, p⋁q  their signs  1±2        both 1+2 and 1-2
#   \{1,2\}    a set; {...} only holds together        (1,2]      a point or an interval; ∞, ℝ∖\{2\}
#   ⌜x⌝ ⌊x⌋ ⌈x⌉    absolute value, floor, ceiling      ⟦⟦1,2⟧,⟦3,4⟧⟧  a matrix, row by row
#   (7/2)      3 1/2;   (3*10^{6})   3e6               12_{8}     a number in base 8


@lru_cache(maxsize=1024)  # the rollouts of a group share their gold
def _normalise(text: str) -> str:
    """One spelling of what looks the same: all rows of the table, from its first to its last.
    >>> _normalise(r"$\\left(3, \\dfrac12\\right)$"), _normalise(r"x \\geq 5 \\text{ apples}")
    ('(3,\\\\frac{1}{2})', 'x≥5"apple"')
    """
    for needs, substitute, replacement in _REWRITES:
        if needs in text:
            text = substitute(replacement, text)
    return text


def _mark_word(match: re.Match) -> str:
    """Letters in a row: sin -> \\sin, meters -> "m"; those of xyz, RC and abc are factors."""
    run = match[0]
    word = re.sub("(?<=..)s$", "", run.lower())
    if _FUNCTION_NAME.fullmatch(run):
        return f"\\{run} "
    if _CHANGING.fullmatch(run.lower()):
        return f"?{word}"
    if word in _SPELLINGS:
        return _SPELLINGS[word]
    return f'"{word}"' if _WORD.fullmatch(run) else run


def _mixed_number(match: re.Match) -> str:
    """Rule 7: 3 1/2 as (7/2)."""
    whole, above, below = (int(digits) for digits in match.groups() if digits)
    return f"({whole * below + above}/{below})"


def _repeating_decimal(match: re.Match) -> str:
    """0.1666... as (15/90): 16 - 1 over as many nines and zeros."""
    whole, plain, again = match.groups()
    above = int(whole + plain + again) - int("0" + whole + plain)
    return f"({above}/{'9' * len(again)}{'0' * len(plain)})"


def _condition(match: re.Match) -> str:
    """Rule 4: n^2 (n > 1) as n^2⟨n>1⟩, 'for all x' and 'where C is a constant' as nothing."""
    body, letter = match.string[: match.start()], match["letter"]
    value = re.sub(r"\\[a-z]+", "", body).rpartition("=")[2]
    if re.search("[<>≤≥≠]", body) or letter and letter not in value:
        return match[0]  # a member of a list
    if found := _INEQUALITY.search(match[0]):
        return f"⟨{found[0].strip()}⟩"
    return match[0] if re.search("[0-9]", match[0]) else ""


# ---- forms ---------------------------------------------------------------------------------------
# Outside the language or beyond its bounds: rule 13 applies. math.factorial(-1) raises it as well.
Unreadable = ValueError


class Sum(frozenset):
    """A number or formula: pairs (monomial, Fraction), a monomial a frozenset of (atom, exponent).

    Atoms are letters and words; -1 and primes, with exponents from 0 to 1; functions, ("\\sin", x)
    for sin x and ("^", 2, n) for 2^n; and sums in a denominator, under a root or to a high power.
    """

    kind = ""

    def __repr__(self) -> str:
        return " + ".join(sorted(_show_term(*term) for term in self)) or "0"


class Form(namedtuple("Form", "kind items")):
    """Sums or forms that belong together.

    kind: the brackets as they are written, so that (1,2) is a point and an interval; "{}" a set,
    list or union, "⟦⟧" a matrix or a row of one, "=", ":" and others a relation, with an interval
    in place of an inequality. "," is a list that is still being read. items: a tuple of them.
    """

    def __repr__(self) -> str:
        items = [repr(item) for item in self.items]
        if items and self.kind[0] in "([{⟦":
            return f"{self.kind[0]}{', '.join(items)}{self.kind[1]}"
        return f" {self.kind} ".join(items) or self.kind


def _show_term(mono: frozenset, number: Fraction) -> str:
    """One term of a sum, for people: 1/3*\\sin(x)*x^2."""
    shown = []
    for atom, exponent in mono:
        name = f"{atom[0]}({str(atom[1:])[1:-1].strip(',')})" if isinstance(atom, tuple) else atom
        name = f"({atom})" if isinstance(atom, Sum) or atom == -1 else name
        power = exponent if exponent == int(exponent) else f"({exponent})"
        shown.append(f"{name}" if exponent == 1 else f"{name}^{power}")
    return "*".join(([] if number == 1 and mono else [f"{number}"]) + sorted(shown))


# ---- algebra -------------------------------------------------------------------------------------


def _term(number: Fraction | int, powers: dict | tuple = ()) -> Sum:
    """number * atom^exponent * ..., where whole powers are multiplied out (rule 10).
    >>> _term(5, {2: Fraction(3, 2), "x": 1})
    10*2^(1/2)*x
    """
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
    """p + sign q of sums or other pairs of monomial and number.
    >>> _add(_parse("x+1"), _parse("x+3"), -1)
    -2
    """
    total = Counter(dict(p))
    total.update({mono: sign * number for mono, number in q})
    terms = Sum(term for term in total.items() if term[1])
    if len(terms) > MAX_TERMS:
        raise Unreadable
    return terms


def _multiply(p: Sum, q: Sum) -> Sum:
    """p * q, term by term.
    >>> _multiply(_parse("x+1"), _parse("x-1"))
    -1 + x^2
    """
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
    """base ^ exponent. Letters in exponents split: 2^(n+1) = 2 2^n, 4^n = (2^n)^2 (rule 11).

    Letters count as positive, so that sqrt(x^2) is x.
    >>> _power(_parse("12"), _parse("1/2")), _power(_parse("2"), _parse("n+1"))
    (2*3^(1/2), 2*^(2, n))
    """
    powers = Counter()
    for (atom, e), (mono, times) in product(_factors(base).items(), exponent):
        if times % 1 and e not in (0, 1) and (atom == -1 or _is_constant(atom)):
            raise Unreadable  # the root of a power may have another sign
        if atom == -1 and times.denominator % 2:
            times = times.numerator  # odd roots of -1 are -1
        powers[("^", atom, Sum({(mono, Fraction(1))})) if mono else atom] += e * times
    return _term(1, powers)


def _factors(total: Sum) -> Counter:
    """A sum as powers of -1, primes (up to 1000, and what is left) and other atoms.

    0 is Unreadable: 0^0, 0^-1 and 0^x are nothing, and nobody writes 0^2.
    >>> sorted(_factors(_parse("-12")).items())
    [(-1, 1), (2, 2), (3, 1)]
    """
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
    >>> Sum(_cleared(_parse("x+1/(x+1)")).items())
    1 + x + x^2
    """
    below = Counter()
    for mono, _ in total:
        below |= Counter({atom: -e for atom, e in mono if isinstance(atom, Sum)})
    if not below:
        return dict(total)
    return _cleared(_multiply(total, Sum({(frozenset(below.items()), Fraction(1))})))


def _operate(sign: str, a: Sum | Form, b: Sum | Form) -> Sum | Form:
    """a sign b for numbers and formulas; a number times a matrix; the reals without some points.
    >>> _operate("*", _parse("2"), _parse("⟦⟦1,x⟧⟧")), _operate("^", _parse("x+1"), _parse("2"))
    (⟦⟦2, 2*x⟧⟧, 1 + 2*x + x^2)
    """
    if sign in "-∖" and a == _REALS and b.kind == "{}":
        return _all_but(b.items)
    if sign == "-" and not a and b.kind == "⟦⟧":
        sign, a = "*", _term(-1)
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
    """Whether this is a number or formula without letters.
    >>> [text for text in ("2", r"\\sqrt{2}π", "2x", "(1,2)") if _is_constant(_parse(text))]
    ['2', '\\\\sqrt{2}π']
    """
    atoms = {atom for mono, _ in form for atom, _ in mono} if isinstance(form, Sum) else {""}
    return all(isinstance(a, int) or isinstance(a, Sum) and _is_constant(a) for a in atoms - {"π"})


def _rational(form: Sum | Form) -> Fraction | None:
    """The value of a form that is a rational number, else None.
    >>> _rational(_parse("1/2")), _rational(_parse("π"))
    (Fraction(1, 2), None)
    """
    if form.kind or any(mono for mono, _ in form):
        return None
    return sum((number for _, number in form), Fraction(0))


def _all_but(points: tuple) -> Form:
    """The real numbers without some points, as a union of intervals (rule 9).
    >>> _all_but((_parse("2"), _parse("-1")))
    {(-∞, -1), (-1, 2), (2, ∞)}
    """
    if len(points) > 1:
        points = sorted(points, key=_rational)  # a TypeError, if one is None: unreadable
    ends = [Form("-∞", ()), *points, Form("∞", ())]
    return Form("{}", tuple(Form("()", pair) for pair in pairwise(ends)))


# ---- parse: recursive descent --------------------------------------------------------------------


class Tokens:
    """The tokens of a normalised text, read from left to right; "" stands behind the last one."""

    def __init__(self, text: str):
        self._all = [*_TOKEN.findall(text), "", "", ""]
        self._at = 0
        self.next = self._all[0]

    def take(self) -> str:
        """The next token, which has then been read."""
        taken, self._at = self.next, self._at + 1
        self.next = self._all[self._at]
        return taken

    def after(self, steps: int) -> str:
        """The token that many steps behind the next one."""
        return self._all[min(self._at + steps, len(self._all) - 1)]


@lru_cache(maxsize=1024)
def _parse(text: str) -> Sum | Form | None:
    """The form of a normalised text, and of all values of a plus-minus; None if unreadable.
    >>> _parse("2(x+1)"), _parse("1±2"), _parse("x≤3"), _parse("2 3")
    (2 + 2*x, {3, -1}, x = (-∞, 3], None)
    """
    if "±" in text and len(text) << text.count("±") > 3 * MAX_CHARS:
        return None
    one_by_one = map("".join, product(*(char.replace("±", "+-") for char in text)))
    tokens = Tokens(",".join(one_by_one))
    try:
        form = _expression(tokens)
        if form.kind == ",":  # a list is the set of its members, and of those of sets among them
            form = Form("{}", sum((i.items if i.kind == "{}" else (i,) for i in form.items), ()))
        return None if tokens.next else form
    except (Unreadable, RecursionError, ArithmeticError, TypeError, LookupError):
        return None


def _expression(t: Tokens, binding: int = 0) -> Sum | Form:
    """Operands with operators that bind stronger than `binding`.
    >>> _expression(Tokens("1+2*3^2=x")), _expression(Tokens("1+2*3^2=x"), binding=RELATION)
    (x = 19, 19)
    """
    if t.next in ("+", "-"):
        left = _operate(t.take(), _term(0), _expression(t, max(binding, SUM)))
    else:
        left = _primary(t)
    while t.next not in _CLOSERS and (level := _BINDING.get(t.next, PRODUCT)) > binding:
        if level <= RELATION:
            left = _chain(t, left, level)
            continue
        sign = t.take() if t.next in _BINDING else ""
        if not sign and t.next.startswith(_DIGITS) and (t.after(1) != "^" or _is_constant(left)):
            raise Unreadable  # rule 7: a number behind something is no factor, but n2^n is n * 2^n
        if not sign and re.match('"[a-z°]', t.next) and not _is_constant(left):
            raise Unreadable  # words stand beside numbers only: 'A beats B' is not 'B beats A'
        if sign == "!":
            left = _apply(sign, left)
        else:  # powers are read from right to left
            left = _operate(sign or "*", left, _expression(t, level - (sign == "^")))
    return left


def _chain(t: Tokens, first: Sum | Form, level: int) -> Sum | Form:
    """The list or relation whose first member has been read.
    >>> _chain(Tokens(",2,3"), _parse("1"), LIST).items
    (1, 2, 3)
    """
    members, signs = [first], ""
    while _BINDING.get(t.next) == level:
        signs += t.take()
        members.append(_expression(t, level))
    if len(members) > MAX_TERMS:
        raise Unreadable
    return _relation(members, signs) if level == RELATION else _list(members, signs)


def _list(members: list, signs: str) -> Form:
    """A list, where inequalities that are joined by 'and' are one interval (rule 9).
    >>> _parse("x>2∧x<3"), _parse("x>2∨x<3"), _parse("1∧2")
    (x = (2, 3), {x = (2, ∞), x = (-∞, 3)}, {1, 2})
    """
    if {*signs} & {*"⋀⋁"} and any(form.kind != "=" for form in members):
        raise Unreadable  # propositions
    merged = members[:1]
    for sign, member in zip(signs, members[1:], strict=True):
        pair = (merged[-1], member)
        both = all(form.kind == "=" and form.items[1].kind in _INTERVALS for form in pair)
        if both and sign in "∧∨⋀⋁" and (pair[0].items[0] == pair[1].items[0]) == (sign in "∧⋀"):
            (name, low), (other, high) = (form.items for form in pair)
            low, high = (low, high) if high.items[0].kind == "-∞" else (high, low)
            if name != other or low.items[1].kind != "∞" or high.items[0].kind != "-∞":
                raise Unreadable
            ends = low.kind[0] + high.kind[1]
            merged[-1] = _between(low.items[0], name, high.items[1], ends)
        else:
            merged.append(member)
    return merged[0] if len(merged) == 1 else Form(",", tuple(merged))


def _between(low: Sum | Form, name: Sum | Form, high: Sum | Form, ends: str) -> Form:
    """low < name < high as an interval; there is nothing between 3 and 2.
    >>> _parse("1<x≤2"), _parse("3<x<2")
    (x = (1, 2], None)
    """
    if None not in ((a := _rational(low)), (b := _rational(high))) and a > b:
        raise Unreadable
    return Form("=", (name, Form(ends, (low, high))))


def _relation(members: list, signs: str) -> Sum | Form:
    """A chain of equations (rule 8), of inequalities (rule 9) or of something else.
    >>> _parse("2+3=5"), _parse("y=2x"), _parse("3=5"), _parse("x≠2")
    (5, y = 2*x, None, x = {(-∞, 2), (2, ∞)})
    """
    first, last = members[0], members[-1]
    if set(signs) == {"="}:
        numbers = [member for member in members if _is_constant(member)]
        if not all(_same(number, last) for number in numbers[:-1]):
            raise Unreadable  # rule 2: 3 = 5 is no answer
        if len(members) == 2 and _is_name(last) and not _is_name(first):
            first, last = last, first
        return last if len(numbers) == len(members) else Form("=", (first, last))
    if signs == "≠" and _is_name(first) and _is_constant(last):
        return Form("=", (first, _all_but((last,))))
    if set(signs) <= {*">≥"}:
        members, signs = members[::-1], signs[::-1].translate(str.maketrans(">≥", "<≤"))
    if set(signs) <= {*"<≤"} and len(members) == 2:  # x < 3 is (-∞,3)
        below = _is_name(members[0])
        members = [Form("-∞", ()), *members] if below else [*members, Form("∞", ())]
        signs = "<" + signs if below else signs + "<"
    if set(signs) <= {*"<≤"} and len(members) == 3 and _is_name(members[1]):
        ends = "(["[signs[0] == "≤"] + ")]"[signs[1] == "≤"]
        return _between(*members, ends)
    return Form(signs, tuple(members))


def _is_name(form: Sum | Form) -> bool:
    """What may stand before an answer (rule 8): x, f(x), AB, m + n, p/q, (x, y), but not x + y.
    >>> [text for text in ("x", "P(A)", "m+n", "x+y", "2x", "x^2") if _is_name(_parse(text))]
    ['x', 'P(A)', 'm+n']
    """
    if form.kind:
        return form.kind == "()" and all(map(_is_name, form.items))
    atoms = [item for mono, _ in form for item in mono]
    heads = [a[0] for a, e in atoms if isinstance(a, str | tuple) and a != "π" and e in (1, -1)]
    # no roots, no sin x; 1 r but not 2 r, p/q but not 1/q; x y and x + y are curves
    plain = all(re.match(r"\\|[^\W\d_]", h) and not _IS_FUNCTION.fullmatch(h) for h in heads)
    whole = all(number == 1 and 1 in dict(mono).values() for mono, number in form)
    curve = len(atoms) > 1 and {a for a, _ in atoms} & {*"xyz"}
    return plain and whole and not curve and len(heads) == len(atoms) > 0


def _primary(t: Tokens) -> Sum | Form:
    """A number, a letter, a function or what stands in brackets.
    >>> _primary(Tokens(r"\\frac{1}{2}x")), _primary(Tokens("f(x)")), _primary(Tokens("(1,2]"))
    (1/2, f(x), (1, 2])
    """
    token = t.take()
    if token.lstrip("+-") == "∞":  # the end of an interval, not a number
        return Form(token.strip("+"), ())
    if token.startswith(_DIGITS) and "_" not in token:
        return _term(Fraction(token))
    if token in _OPENERS:
        return _bracket(t, token)
    if token in ("\\frac", "\\binom"):
        above, below = _primary(t), _primary(t)
        return _apply(token, above, below) if token == "\\binom" else _operate("/", above, below)
    if token == "\\sqrt":
        degree = _bracket(t, t.take()) if t.next == "[" else _term(2)
        return _operate("^", _primary(t), _operate("/", _term(1), degree))
    name = re.sub(r'(?<=.)\\|[{}"\s]', "", token)
    if _IS_FUNCTION.fullmatch(token):
        return _function(t, name)
    if not _NAME_OR_BASE.fullmatch(token):
        raise Unreadable  # \subset, \partial and the like are no letters
    one_argument = t.after(2) in (")", ",")  # I(0), d(A,B), but not n(n+1)
    if t.next == "(" and name != "π" and (one_argument or token in {*"fgFGP"}):
        return _apply(name, _primary(t))
    return _term(1, {-1: Fraction(1, 2)} if name == "i" else {name: 1})


def _apply(name: str, *arguments: Sum | Form) -> Sum | Form:
    """A function of forms: its value if it is known, else an atom.
    >>> _apply("!", _parse("4")), _apply("f", _parse("4"))
    (24, f(4))
    """
    numbers = [_rational(argument) for argument in arguments]
    if name in _VALUES and None not in numbers and max(map(abs, numbers)) <= 1000:
        return _term(_VALUES[name](*(int(n) if n == int(n) else n for n in numbers)))
    return _term(1, {(name, *arguments): 1})


def _bracket(t: Tokens, opener: str) -> Sum | Form:
    """After an opening bracket: (a), [a] and {a} are a; |a|, floor and ceiling are functions.
    >>> _parse("(5)"), _parse(r"\\{5\\}"), _parse("⌜-5⌝"), _parse("⌊2.5⌋")
    (5, {5}, 5, 2)
    """
    form = Form(",", ()) if t.next == r"\}" else _expression(t)
    kind, items = opener + t.take(), form.items if form.kind == "," else (form,)
    if len(items) == 1 and kind in ("()", "[]", "{}"):
        return form
    kind = kind.replace("\\", "")  # (5) is 5, but \{5\} is a set
    if kind in ("()", "[]", "{}", "⟦⟧") or kind in ("(]", "[)") and len(items) == 2:
        return Form(kind, items)
    if kind not in _VALUES or len(items) != 1:
        raise Unreadable
    return _apply(kind, form)


def _function(t: Tokens, name: str) -> Sum | Form:
    """sin x, sin 2x, sin^2 x, log_2 (x): the argument ends at a sign, bracket or function.
    >>> _parse(r"\\sin 2x"), _parse(r"\\sin^2(x)+1"), _parse(r"\\sin x\\cos x")
    (\\sin(2*x), 1 + \\sin(x)^2, \\cos(x)*\\sin(x))
    """
    power = _expression(t, PRODUCT) if t.next == "^" and t.take() else _term(1)
    if t.next in _OPENERS:
        return _operate("^", _apply(name, _primary(t)), power)
    argument, ends = _expression(t, PRODUCT), _CLOSERS | _OPENERS | _BINDING.keys()
    while t.next not in ends and not _IS_FUNCTION.fullmatch(t.next):
        argument = _operate("*", argument, _expression(t, PRODUCT))
    return _operate("^", _apply(name, argument), power)


# ---- the command line ----------------------------------------------------------------------------


def explain(response: str, gold: str) -> str:
    """Every stage of a verdict, a line each. What is no response is taken as an answer."""
    is_response = _RESPONSE.search(response)
    answer = (extract_answer(response) if is_response else response.strip()) or ""
    lines = [f"extracted      {answer or 'nothing'}"]
    for name, text in (("answer", answer), ("gold", gold.strip())):
        normalised = _normalise(text) if len(text) <= MAX_CHARS else "too long to be read"
        form = _parse(normalised) if len(text) <= MAX_CHARS else None
        kind = "string" if form is None else _KINDS.get(form.kind, "tuple or interval")
        lines.append(f"{name:6} becomes {normalised}")
        lines.append(f"{name:6} is      a {kind}" + (f": {form}" if form is not None else ""))
    right, rule = _compare(answer, gold)
    if right and not _is_worked_out(answer, gold):
        right, rule = False, "rule 14: of the right value, but not worked out"
    if response.strip() == gold.strip() != "":
        right, rule = True, "the same text"
    return "\n".join([*lines, f"{'right' if right else 'wrong':14} by {rule}"])


def main(argv: list[str] | None = None) -> int:
    """The command line. Returns the exit status: 2, after one line, for what the user can mend."""
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal may know fewer characters than an answer
            stream.reconfigure(errors="backslashreplace")
    if argv in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(argv) != 2:
        print("verify.py: two arguments, please: python verify.py ANSWER GOLD", file=sys.stderr)
        return 2
    print(explain(*argv))
    return 0


# ---- tables: signs -------------------------------------------------------------------------------
# fmt: off
LIST, RELATION, SUM, PRODUCT, POWER, FACTORIAL = range(1, 7)  # the higher, the closer it binds
_SIGNS = {LIST: ",;∧∨⋀⋁", RELATION: "=≠<>≤≥:", SUM: "+-∖", PRODUCT: "*/÷", POWER: "^",
          FACTORIAL: "!"}
_BINDING = {sign: level for level, signs in _SIGNS.items() for sign in signs}
_OPENERS, _CLOSERS = {*"([{⌜⌊⌈⟦", r"\{"}, {*")]}⌝⌋⌉⟧", r"\}", ""}
_DIGITS = tuple(".0123456789")
_INTERVALS = ("()", "(]", "[)", "[]")
_REALS = Form("()", (Form("-∞", ()), Form("∞", ())))
_VALUES = {"!": math.factorial, "\\binom": math.comb, "⌊⌋": math.floor, "⌈⌉": math.ceil, "⌜⌝": abs}
_KINDS = {"": "number or formula", "=": "relation", "{}": "list or set",
          "⟦⟧": "matrix"}
_RULES = {"": "rules 1, 10 and 11: values of numbers and formulas",
          "=": "rules 8 and 9: equations and inequalities",
          "{}": "rule 9: members of a list, set or union", "()": "rule 9: tuples and intervals",
          "⟦⟧": "rule 12: matrices, entry by entry"}

# ---- tables: words -------------------------------------------------------------------------------
_JOINS = (r"or|and|also|else|either|both|plus|as\ well\ as|along\ with|together\ with"
          r"|alternatively|otherwise")
_DOUBTS = (r"maybe|perhaps|possibly|probably|presumably|(?:most\ |more\ |less\ |very\ |un)?likely"
           r"|might|could|(?:I\ )?(?:guess|think|say)|unsure")
_REFUSALS = (r"false|wrong|incorrect|impossible|invalid|extraneous|absurd|forbidden|infinite"
             r"|(?:reject|exclu|discard|cancel|refus|contradict|omit|rul)\w+|un(?:known|defined)")
_CHANGING = re.compile(rf"""
    not?|never|nor|neither|non|without|except|but|{_REFUSALS}                         # refused
  | more|less|least|most|fewer|greater|smaller|larger|bigger|higher|lower|over|under|above|below
  | beyond|than|between|to|until|within|about|approx\w*|around|roughly|nearly|almost  # a bound
  | if|unless|only|so|{_DOUBTS}|else|also|otherwise|alternatively                     # a hedge
  | times?|plus|minus|mod|modulo|divisible|twice|thrice|hal[fv]e?s?|digits?|out|off   # a term
  | (?:doubl|tripl|quadrupl|halv|inver)\w*|\w*squared|\w*cubed|negative|opposite|reciprocal
  | factorial|\w*root|thirds?|quarters?|googol|lakhs?|crores?|gross|score|(?![mb]il)\w+illions?
  | (?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|\w+teen|\w+tie|hundred|\w+sand|\w+llion)ths?
  | one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen            # a number
  | (?:twen|thir|for|fif|six|seven|eigh|nine)ty
  | (?:bin|tern|quatern|non)ary|oct(?:al)?|hex|\w+decimal                             # a base
  | \w*[不非没沒无無约約或以超余多几幾半倍分万萬亿億千百十]\w*
""", re.VERBOSE)
_FUNCTION = "(?:arc)?(?:sin|cos|tan)h?|cot|sec|csc|ln|log"
_FUNCTION_NAME = re.compile(rf"{_FUNCTION}|exp|sqrt")
_IS_FUNCTION = re.compile(rf"\\(?:{_FUNCTION})(?:_.+)?")
_WORD = re.compile(r"""(?!(?:abcd?e?|def|uvw)$)  # factors, as are letters without a vowel, and xxx
    (?=.*[aeiouAEIOU\u0080-\uffff]) (?!.*(.)\1\1)
    (?:[^\W\d_][^\W\d_A-Z]{2,}|[A-Z]{4,}|[\u3040-\u9fff]+)""", re.VERBOSE)
_SPELLINGS = {word: entry.split()[0] for row in r"""
*  \cdot \times × · ⋅      ÷  \div               -  − –             ±  \pm
=  \in ∈                   <  \lt                >  \gt             ≈  \approx
≤  \le \leq \leqslant ⩽    ≥  \ge \geq \geqslant ⩾                  ≠  \ne \neq
∧  and                     ∨  or                 ⋀  \land \wedge ∧   ⋁  \lor \vee ∨
,  \cup ∪                  ∖  \setminus \backslash \smallsetminus   :  \colon
|  \lvert \rvert \vert     ‖  \| \lVert \rVert \Vert                '  ′ ’
⌊  \lfloor                 ⌋  \rfloor            ⌈  \lceil          ⌉  \rceil
(  \langle                 )  \rangle            \{\}  \emptyset \varnothing ∅
\frac  \dfrac \tfrac \cfrac \over                \binom  \dbinom \choose
\frac12  ½                 \frac14  ¼            \frac34  ¾         ∞  \infty infinity
?  \mp \not \neg \cancel \sout                   \angle  ∠          °  \degree \circ
α  \alpha alpha            β  \beta beta         γ  \gamma gamma    δ  \delta delta
ε  \epsilon \varepsilon    ζ  \zeta              η  \eta            θ  \theta \vartheta theta
κ  \kappa                  λ  \lambda lambda     μ  \mu             ν  \nu
ξ  \xi                     π  \pi pi             ρ  \rho rho        σ  \sigma sigma
τ  \tau                    φ  \phi \varphi phi   χ  \chi            ψ  \psi
ω  \omega omega            Γ  \Gamma             Δ  \Delta          Θ  \Theta
Λ  \Lambda                 Ξ  \Xi                Π  \Pi             Σ  \Sigma
Φ  \Phi                    Ψ  \Psi               Ω  \Omega          ℓ  \ell
ħ  \hbar                   *12  dozen            *10^{2}  hundred   *10^{3}  thousand
*10^{6}  million           *10^{9}  billion      "%"  percent pct   "°"  degree
"USD"  dollar usd          "€"  € euro eur       "£"  £ gbp \pounds
"₹"  ₹ rupee inr           "¥"  ¥ ￥ \yen yen jpy                   "cent"  ¢
"h"  hour                  "min"  minute         "s"  second        "m"  meter metre
"cm"  cm centimeter        "mm"  mm millimeter   "km"  km kilometer kilometre
"kg"  kg kilogram          "g"  gram             "lb"  pound        "in"  inch inche
"ft"  foot feet            "mph"  mph            Å  \AA             "of"  of
""".strip().splitlines() for entry in re.split(" {3,}", row) for word in entry.split()[1:]}

# ---- tables: units and numbers -------------------------------------------------------------------
_UNIT = ("(?:(?:[fpnmkMGTdcμµ]|da)?(?:mol|Pa|Hz|eV|cal|bar|[mgshLlNJWVACFKTMHΩ])|min|mi|in|ft|yd"
         "|lbs?|oz|hrs?|kW?h|yrs?|secs?|mins?|Å|atm|erg|rad|rpm|psi|ppm|[kmM]ph|u|ha|ly|AU|[kMG]?pc"
         "|dB|[KMGT]B)(?![A-Za-z])")
_TEXT_WORD = re.compile(rf"(?<![\w(\\])(?:{_UNIT}|(?!OR|AND)[A-Z]{{2,}})(?![\w):.])")
_MONEY = '"(?:USD|€|£|₹|¥)"'
_WITH_POWER = r'"[^"]+"(?:\^\{?-?[0-9]\}?)?'
_UNITS = re.compile(rf"""  # what may be left out beside a number (rule 4)
    {_MONEY}\* | (?<=[0-9.)}}\]⌝π]) (?: [/*a]? (?:{_WITH_POWER}|\((?:\*?{_WITH_POWER})+\)) )+
    (?=\ *(?:$|[]),;=<>≤≥}}⟧≈∧∨]))""", re.VERBOSE)
_CONDITION = re.compile("⟨[^⟩]*⟩$")
_INEQUALITY = re.compile(r"[A-Za-z]\w* ?[<>≤≥≠][^()]*")
_PLAIN = re.compile(r"[-+]?[0-9]{1,99}(?:\.[0-9]{1,99}|/[0-9]{0,99}[1-9])?")  # needs no parser
_DECIMAL = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_FRACTION = r"-?[0-9]+/-?[0-9]+|\\frac\{+-?[0-9]+\}+\{+-?[0-9]+\}+"
_NUMBER = re.compile(rf"[-+({{\[]*(?:{_DECIMAL}|{_FRACTION})[)}}\]]*")
_SCIENTIFIC = rf"[-+({{\[]*{_DECIMAL}\*10\^\{{?[-+]?[0-9]+\}}?[)}}\]]*"
_WORKED_OUT = re.compile(f"{_NUMBER.pattern}|{_SCIENTIFIC}")
_FUNCTION_OF = re.compile(r"[^\W\d_]'*\(([^\W\d_])\)=")

# ---- tables: extraction --------------------------------------------------------------------------
_BRACES = reduce(  # a text whose braces match, 20 deep
    lambda inner, _: rf"(?:[^{{}}\\]|\\.|\{{{inner}\}})*+", range(20), "")
_BOX_START = re.compile(r"\\(?:boxed|fbox)\s*(?:\{|[0-9]|$)")
_BOX = re.compile(rf"(?s:\\(?:boxed|fbox)\s*\{{({_BRACES})\}}|\\boxed\s+([0-9][0-9.,/]*))")
_BESIDE = rf"""(?:    # what may stand between two boxes that are offered at once
      [\s,;.$&%/|()*~<>{{}}-] | \\(?:[()\[\],;:!\\ ]|q?quad|text)
    | [A-Za-z](?:_\w)?\s*[=)<]                                    # x_2 = \boxed{{6}}
    | \b(?:{_JOINS}|{_DOUBTS}|even|then\ again|respectively)\b ){{0,80}}"""
_BOXES = re.compile(f"{_BOX.pattern}(?:{_BESIDE}{_BOX.pattern})*", re.VERBOSE)
_SHORT = re.compile(f".{{1,{MAX_CHARS}}}")  # one line
_MARKDOWN = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])|```\w*")
_PHRASE = re.compile(r"""
    (?: <answer> | \#\#\#\# | 答案】?[是为為]?
      | (?<![A-Za-z])(?:answer|ans|correct\ (?:option|choice))     # the answer to the question is
        (?:\s(?:to|of|for)\ [^.\n]{0,60}?)?
        "?\s*(?:\b(?:is|are|was|(?:would|will|must|should)\ be|equals)\b|[:=：]) )
    (?: [\s:=："] | \$\$ | \\\[
      | \b(?:therefore|thus|simply|just|exactly|actually|that|equal\ to|given\ by)\b )*+
    (?! \# | (?-i:[A-Z])[^\n:]{0,40}:[^\n]{0,80}\n )               # but not '#### Step 2: add'
""", re.IGNORECASE | re.VERBOSE)
_CLAUSE_END = re.compile(r"""
    \n | <[/|] | \.(?=\$*(?:\s|$)) | 。 | (?<!\\)!+(?=\s|$)
  | \s\(\s*\) | \s\((?!mod)[a-z]{3}                               # 42 (forty-two), 18 (not 17)
  | \s[-–—]\s(?=[a-z]{2,}\s[a-z]{2})                              # 42 - as we have seen
  | ,?\s\(?(?:because|since|as|which|so|of|when|for|after|i\.e\.|and\ (?:we|this|it|the))\s
""", re.VERBOSE)
_NEGATED = re.compile(r"""
    (?<!\S)(?=\S*[0-9])\S+\s(?:is|are)\s(?:not|wrong|incorrect)\b # 12 is not the answer
  | (?: \b(?: (?:is\s+)?(?:not|never|cannot|wrong|false) | \w+n't # not 5, anything but 5
            | (?:anything|everything|all|any|other|apart)\s(?:but|than|from) | except )\b | 不是 )
    (?!\ hard)[^.,;:\n]{0,40}?[0-9][0-9.,/]*
""", re.IGNORECASE | re.VERBOSE)
_WITHDRAWN = re.compile(r"""
    \b(?:wait|oops|sorry|correction|scratch\ that|on\ second\ thought|I\ (?:meant|made))\b
  | (?:^|[.!?;,—-]\s*)(?:actually|no(?=\s?[,.:;!—-])|rather)\b    # No, it is 18
  | \b(?:that|this|it)(?:\ is|'s)\ (?:wrong|incorrect|not\ right|not\ correct)\b
""", re.IGNORECASE | re.VERBOSE)
_REFUSED = re.compile(r"""                                        # But this is impossible
    (?:^|[.,!?;\n]) [^.,!?;\n0-9]* \b(?:this|that|it|which|there|is|are)\b [^.!?;\n0-9]{0,40}
    \b (?: impossible|contradict\w*|invalid|extraneous|absurd|rejected|wrong|incorrect
         | no\ (?!other|more|further|need|doubt)(?:\w+\ )?(?:solution|answer|value)s? ) \b
""", re.IGNORECASE | re.VERBOSE)
_WITH_NUMBER = r"""(?: \$(?!\s)[^$]+(?<!\s)\$(?![0-9])            # $x = 5$, but not '$5 or $'
    | \\\((?:[^\\]|\\[^()]){0,600}+\\\)                           # \(x = 5\)
    | (?<!\S)(?=\S*[0-9])\S*[^\s.,;:!?*。，] )"""                 # a word with a digit
_LAST = re.compile(rf"""                        # the last number with what belongs to it
    (?: (?: \b\S{{1,20}}\s(?:[=<>≤≥≈≡≠]|\\neq?) | [-−±]           # y = 2x, - 7
          | minus|negative|twice|half\ of|root\ of )\s )?
    {_WITH_NUMBER}
    (?: (?: \ [a-z]+(?=,?\ \(?or\ ) )?[,;]?\ \(?                  # 5 apples or 6, 5 (or 6)
        (?: (?: [-+*·⋅/=<>×÷±≤≥≈≡x]|times|plus|minus|mod|and|or(?:\ [a-z]+)? )\  )?
        (?: \w\ [=<>≤≥]\  )? {_WITH_NUMBER} )*
    (?: \ (?:or\ (?:more|less)|\w*(?:squared|cubed|doubled)|and\ a\ half|dozen|hundred|thousand
            |\w+illion|pi|π|\w+ary|octal|\w+decimal|{_REFUSALS})\b )?
""", re.VERBOSE)
_END = re.compile(r"""(?![}^_(])                # of a response that doesn't break off
    (?: [\s\S]*[.!?。][-*_)$`\s∎■□]*                              # a full stop
      | (?: [\s%$] | \\?[)\]]                                     # or a few words
          | (?!(?:is|are|equals|the|and|or|so|of|we|to|by|then|that|gives?|get)$)[a-z]+\b ){0,9} )
""", re.VERBOSE)
_RESPONSE = re.compile(rf"\\f?box|</?think>|\n|[.!?]\s|{_PHRASE.pattern}", _PHRASE.flags)

# ---- tables: candidates --------------------------------------------------------------------------
_HEDGE = re.compile(rf"\(?\b(?:{_JOINS}|{_DOUBTS}|between|to|through)\b|[?;]"
                    r"|\\(?:cup|lor|land|vee|wedge|q?quad)\b", re.IGNORECASE | re.VERBOSE)
_PLUS_MINUS = re.compile(r"\s*(?:\\pm\b|±)\s*")
_PIECE = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|\\[a-zA-Z]+|\\.|[\s\S]")
_NUMBERS = re.compile(r"""-?[0-9]*\\[dt]?frac(?:\{[^{}]*\}|[0-9]){2}
    | -?[0-9]*\\sqrt(?:\{[^{}]*\}|[0-9])
    | -?(?:[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+)(?:/[0-9]+)?
""", re.VERBOSE)
_TEXT = re.compile(r"\\(?:text\w*|mbox)\s*\{([^{}]*)\}")
_APART = re.compile(r"[=≈~→&|]|\\\\|\\approx\b|\b[0-9]\)\s")
_PROSE = re.compile(rf"""(?<![\\{{A-Za-z])
    (?!(?:{_FUNCTION}|exp|alpha|beta|gamma|delta|epsilon|theta|lambda|sigma|omega|abcd?e?|def)\b)
    (?: (?=[A-Za-z]*[aeiouAEIOU])[A-Za-z]{{3,}} | is|my|of|no|it|in|to|we|be|so|at|an|on|he|I'm
      | [A-Z](?=:) )(?![A-Za-z])""", re.VERBOSE)

# ---- tables: rewriting ---------------------------------------------------------------------------
_NESTED = r"(?:[^{}]|\{[^{}]*\})*"
_MATRIX = r"\{(?:[pbB]?(?:small)?matrix|array)\}(?:\{[lcr|]*\})?"
_THOUSANDS = re.compile(r"""(?<![0-9.,]) [1-9][0-9]{0,2}
    (?: (?: (?: ,\\!\ ? | \{,\} | \\[,;:] | \\!,\\! | [\u2009\u202f] ) [0-9]{3} )+
      | (?: ,[0-9]{3} )+ (?![^(\[]*(?:[)\]]|\\\})) )      # (2,251,252) is a triple
    (?!,?[0-9])""", re.VERBOSE)
_LOOKS = re.compile(r"""    # sizes, fonts, colours, the mark at the end of a proof
    \\! | \{\} | \\(?:left|right)\s*\. | [∎■□] | \\(?:text)?color(?:box)?\s*\{\w+\}
  | \\(?: left|right|[bB]igg?[lrm]?|boxed|fbox|displaystyle|textstyle|boldsymbol|math(?:bf|it)|bf|it
        | rm|sf|tt|[lL]arge|LARGE|[hH]uge|overline(?=\{[A-Z]+\})|underline|blacksquare|square|qed
        | limits )(?![a-zA-Z])""", re.VERBOSE)
_CHOICE = re.compile(r"""^\(?([A-E])[).:]+\ +             # (D) 12, but not '(D) 12 (E) 13'
    (?! .*(?: \b(?:or|not|but|also)\b | \(?\b[A-E][).:] | \band\ \(?[A-E]\)?$ | \.\  ) ).{1,100}$
""", re.VERBOSE)
_CONDITIONS = re.compile(r"""
    ,?\ ?\(? (?: for\ (?:all|any|every|each)\b | \\forall\b | where\b | with\ [A-Za-z]\b(?!\ ?[a-z])
               | for\ (?=[A-Za-z]\ ?[<>≤≥]) ) (?!.*\b(?:or|but|maybe|perhaps|else|if)\b) .*$
  | ,\ ?[A-Za-z](?:\ ?,\ ?[A-Za-z])*\ ?=\ ?(?:\(-∞,∞\)|\\mathbb\ ?\{?[A-Z]\}?)(?:\^\{?.\}?)?$
  | (?<=[\w)}])(?:\ \(|,\ ?\(?)(?=(?P<letter>[A-Za-z])\ ?[<>≤≥≠])[^()<>≤≥≠]*[<>≤≥≠][^,]*$
""", re.VERBOSE)
_NAMES = re.compile(r"""(?<![{_]) (?:                     # left sides that look like formulas
    (?:m\ ?)?\\(?:angle|triangle)\ ?[\w{}\ ]+             # m\angle ABC
  | (?:\\?(?:gcd|lcm|det|dim|deg|operatorname\{\w+\})|\\mathbb\ ?\{?[A-Z]\}?|\\Pr|P|E|Var)\ ?
    (?!\([a-z]\)) (?: \((?:[^()]|\([^()]*\))*+\) | \[[^][<>]*\] | (?<=[tmg])\ ?\w )  # P(A | B), E[X]
  | [|‖]\ ?(?:[A-Z]{2,}|\\(?:vec|overrightarrow)\ ?\{?\w+\}?)\ ?[|‖] | ‖[^‖]+‖      # |AB|
  | [A-Za-z]\^\ ?\{-1\}\ ?\([^()=<>]*\) | \[[A-Z]{3,}\]   # f^{-1}(3), the area [ABC]
  | (?: \\(?:lim|int|oint|iint|sum|prod|max|min|sup|inf)(?![a-z]) | \\frac\ ?\{d\}\{d\w\} )
    (?: _\ ?\{[^{}]*\} | (?!\b(?:or|and)\b)[^=<>,;] )*    # \lim_{x \to 0} f(x)
  | \\(?:log|ln|sin|cos|tan)(?:_\ ?\{?\w+\}?)?(?:[^=<>A-Za-z]|e(?![a-z]))*           # \log_2 8
  ) (?=\ ?=)""", re.VERBOSE)
_LABEL = re.compile(rf"""(?:^|(?<=[,;∧∨]))                # words before a number or an equals sign
    ( (?: (?!{_MONEY})"[^"]+" | (?<=")[aI](?=") )+ )
    (?: [A-Za-z]*[:=] | (?=-?(?:[0-9.(\[]|\\frac|\\sqrt|\\\{{|{_MONEY})) )""", re.VERBOSE)
_MIXED = re.compile(r"""(?<![\w.^*/}]) ([0-9]+)
    (?: \ ?\\frac{([0-9]+)}{([0-9]+)} | \ ([0-9]+)\ ?/\ ?([0-9]+)(?![\w.^]) )""", re.VERBOSE)
_DERIVATIVE = re.compile(r"""
    \\frac\ ?\{\ ?(d|\\partial)(\^\ ?\{?[0-9]\}?)?\ ?(\w?)(?:\([a-z]\))?\ ?\}
    \{\ ?\1\ ?(\w)(\^\{?[0-9]\}?)?\ ?\}""", re.VERBOSE)
_UNITS_BEHIND = (r"(?:(?<=[0-9)])(?<![A-Za-z][\^_][0-9])|10\^\{-?[0-9]+\}) (?:[μµ] ?)?"
                 rf'"?{_UNIT}(?:"|\^ ?\{{?-?[0-9]\}}?|/|\*|[() ]|{_UNIT})*$')
_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_ROWS = (  # example, what becomes of it, a part without which nothing happens, pattern, replacement
    ('5"', "5", '"', '"', " "),
    ("⟨5⟩", "?5?", "", r"[⟨⟩⌜⌝⟦⟧]|\\name(?![a-z])", "?"),  # signs of ours
    ("'42'", "42", "", r"^([*_`']+)(.*)\1$", r"\2"),
    ("10⁻²", "10^{-2}", "", "[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: f"^{{{m[0].translate(_SUPERSCRIPTS)}}}"),
    ("1{,}234", "1234", "", _THOUSANDS, lambda m: re.sub(r"\D", "", m[0])),  # rule 5
    (r"US\$5", '"USD"*5', "$", r"^(-?)(?:US)?\$(?=[0-9.][^$]*$)|(?:US)?\\\$", r'\1"USD"'),
    ("Rs. 5", '"₹"*5', "Rs", r"\bRs\b\.? ?", "₹"),
    ("5 US dollars", '5"USD"', "dollar", r"\b(?:US|U\.S\.) (?=dollars?\b)", ""),
    # spaces, looks, texts
    (r"3\,x", "3 x", "",
     r"(?:(?<!\\)\\(?:[()\[\],;:> ]|q?quad\b|hspace\*?\{[^{}]*\})|[$~\s])+", " "),
    (r"\left(\mathbf{5}\right)", "({5})", "", _LOOKS, ""),
    (r"\text{He is } 5", r'\name{"He"}=5', "\\",
     rf"\\(?:text[a-z]*|[mh]box|emph|mathrm|operatorname)\s*\{{({_NESTED})\}}",
     lambda m: _TEXT_WORD.sub(r'"\g<0>"', f" {m[1]} ")),
    (r"12 \text{ base } 8", "12_{8}", " ", " +", " "),
    ("5,", "5", "", "^ | ?[.,;:。]* ?$", ""),
    # spellings
    (r"\mathbb{R}", "(-∞,∞)", "", r"\\mathbb ?\{?R\}?|ℝ|\b[Aa]ll real(?: number)?s?$", "(-∞,∞)"),
    (r"{1 \over 2}", r"\frac{1}{2}", "\\",
     rf"\{{({_NESTED})(\\over|\\choose)\b({_NESTED})\}}", r"\2{\1}{\3}"),
    (r"2\cdot\pi", "2*π", "", r"\\[a-zA-Z]+|\\\||[^\x00-\x7f√]",
     lambda m: _SPELLINGS.get(m[0], m[0])),
    ("√12", r"\sqrt{12}", "√", r"√\s*([0-9.]+)", r"\\sqrt{\1}"),
    ("√x", r"\sqrt x", "√", "√", r"\\sqrt "),
    ("x<=3", "x≤3", "<=", "<=", "≤"),
    ("x>=3", "x≥3", ">=", ">=", "≥"),
    ("x**2", "x^2", "**", r"\*\*", "^"),
    # degrees, percent (rule 6), squares, ordinals, choices, bases
    (r"90^\circ C", '90"°C"', "°", r'(?:\^ ?(?:°|\{ ?° ?\})|°)(?: ?"?([CF])\b"?)?', r'"°\1"'),
    (r"50\%", '50"%"', "", r"\\?%|\b[Pp]er cent\b", '"%"'),
    ("5 sq. cm", '5"cm"^2', "", r"\b(?:sq(?:uare|\.)?|(cubic)) ([a-z]+)",
     lambda m: f"{m[2]}^{3 if m[1] else 2}"),
    (r"12^{\text{th}}", "12", "", r"(?<=[0-9])(?: ?\^ ?\{? ?| )?(?:st|nd|rd|th)\b ?\}?", ""),
    ("the cube of 5", '"the"?"of"5', " of",
     r"\b(?:square|cube|power|multiple|opposite|root)s? (?=of\b)", "? "),
    ("(D) A and F meet", "D", " ", _CHOICE, r"\1"),
    ("option B", "B", "", r"^(?:(?:[Oo]ption|[Cc]hoice) (?=\(?[A-Z]\b)|=)|(?<=^[A-Z])\)$", ""),
    ("12 base 8", "12_{8}", "base", r" ?\(? ?\b(?:in )?base ?([0-9]+)\)?", r"_{\1}"),
    ("(12)_8", "12_8", "_", r"(?<![\w}])[({](\w+)[)}](?=_)", r"\1"),
    # fractions, mixed numbers (rule 7), repeating decimals, powers of ten, primes
    (r"\sqrt3", r"\sqrt{3}", "\\", r"\\(frac|sqrt|binom) ?([0-9])", r"\\\1{\2}"),
    (r"\frac{1}2", r"\frac{1}{2}", "\\frac", r"\\frac({[^{}]*}) ?([0-9])", r"\\frac\1{\2}"),
    ("3 1/2", "(7/2)", "", _MIXED, _mixed_number),
    (r"0.1\overline{6}", "(15/90)", "\\",
     r"(?<![0-9])([0-9]*)\.([0-9]*)\\(?:overline|bar|dot)\{?([0-9]+)\}?", _repeating_decimal),
    ("3e6", "(3*10^{6})", "",
     r"(?<![0-9.])([0-9]+\.?[0-9]*|\.[0-9]+)[eE]\+?(-?[0-9]+)(?![0-9A-Za-z^])", r"(\1*10^{\2})"),
    ("3 x 10^6", "3*10^6", "10", r"(?<=[0-9]) ?[xX] ?(?=10 ?\^)", "*"),
    (r"f^{\prime}", "f'", "\\prime", r"\^ ?\{?((?: ?\\prime)+) ?\}?",
     lambda m: "'" * m[1].count("prime")),
    # conditions and units; single letters are units only here: '6 m', but not '6m'
    (r"x \in \mathbb{R}, x \ne 2", "x≠2", "∞", r"^([a-z]) ?= ?\(-∞,∞\) ?, ?(?=\1 ?[<>≤≥≠])", ""),
    (r"n^2 \quad (n \ge 1)", "n^2⟨n≥1⟩", " ", _CONDITIONS, _condition),
    (r"5 \frac{\text{m}}{\text{s}}", '5"m"/"s"', "\\frac{ ",
     rf' ?\\frac\{{ ("?{_UNIT}"?) \}}\{{ ("?{_UNIT}"?)(?: ?(\^\{{?[0-9]\}}?))? ?\}}$', r" \1/\2\3"),
    ("6 kg m", '6"kg""m"', " ", _UNITS_BEHIND,
     lambda m: re.sub("[A-Za-zΩÅµμ]+", r'"\g<0>"', m[0].replace('"', ""))),
    # rule 12: environments do not differ, but a determinant is another thing
    (r"\begin{pmatrix}1\end{pmatrix}", "⟦⟦1⟧⟧", "\\begin", rf"\\begin{_MATRIX}", "⟦⟦"),
    (r"\begin{pmatrix}1\\\end{pmatrix}", "⟦⟦1⟧⟧", "\\end", rf"(?:\\\\)? ?\\end{_MATRIX}", "⟧⟧"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", "⟦⟦1⟧,⟦2⟧⟧", "\\", r"\\\\(?:\[\w+\])?", "⟧,⟦"),
    (r"\begin{pmatrix}1&2\end{pmatrix}", "⟦⟦1,2⟧⟧", "&", "&", ","),
    # names, derivatives, sets of the x with x > 2, absolute values, approximations
    ("P(A|B) = 5", r"\name{P(A|B)}=5", "=", _NAMES,
     lambda m: r"\name{" + re.sub(r"[\s{}]", "", m[0]) + "}"),
    (r"\frac{dy}{dx}", r"\name{ddydx}", "\\frac", _DERIVATIVE,
     lambda m: r"\name{d" + re.sub(r"\W", "", m[0][5:]) + "}"),
    (r"\{x \mid x > 2\}", "x>2", "\\{",
     r"\\\{([a-z])(?: ?= ?\(-∞,∞\))? ?(?:\\mid|\||:)(.*[=<>≤≥≠].*)\\\}", r"\2"),
    ("|x|", "⌜x⌝", "|", r"\|([^|]+)\|", r"⌜\1⌝"),
    (r"\pi \approx 3.14", "π", "≈", r"(?<=[0-9})π]) ?≈ ?-?[0-9]*\.[0-9]+", ""),
    (r"x \approx 3", "x=3", "≈", "≈", "="),
    # words; spaces are left only between words and numbers
    ("3 as well as 7", "3∧7", "as", r"\bas well as\b", "and"),
    ("he has 5", r'\name{"he""ha"}=5', " ",
     r"(?<!\S)(?:[Hh]e|[Ii]t|[Ww]e|by|at|in|on|as|an|be|is|us|up)(?= [A-Za-z]{2})", r'"\g<0>"'),
    ("the sum is 5", r'\name{"the""sum"}=5', "", r"\b(?:is|are)\b ?(?=[-+0-9\\({$\"])", "="),
    ("5 miles", '5"mile"', "", r'(?<![^\W\d_])(?<![\\"])[^\W\d_]{2,}|[\u3400-\u9fff]', _mark_word),
    ("5 x + 1", "5 x+1", " ", r"(?<![0-9A-Za-z.\s])\s+(?!\s)|\s+(?![0-9A-Za-z.\s])", ""),
    (r"\$5", '"USD"*5', "", rf"({_MONEY}|\))(?=[0-9.])", r"\1*"),
    ("3, and 4", "3∧4", "", "[,;](?=[,;∧∨])", ""),
    (r"\exp(x)", "e^(x)", "\\exp", r"\\exp\b", "e^"),
    (r"\sin^{-1} x", r"\arcsin x", "^", r"\\(sin|cos|tan)\^\{?-1\}?", r"\\arc\1 "),
    # two capital letters are a word where they are all; words before a number are its label
    ("HT, TH", '"HT","TH"', "", r"(?:^|(?<=[,∧∨])|(?<=\\\{))[A-Z]{2,}(?=$|[,∧∨]|\\\})", r'"\g<0>"'),
    ("Total: 5", r'\name{"total"}=5', '"', _LABEL, r"\\name{\1}="),
)
_REWRITES = [(needs, re.compile(pattern).sub, to) for _, _, needs, pattern, to in _ROWS]

# ---- tables: tokens ------------------------------------------------------------------------------
_LETTER = rf"""(?: \\(?:d?dot|hat|bar|vec|tilde|name)\s*(?:\{{[^{{}}]*\}}|\\\w+|\w)
    | \\(?:{_FUNCTION})(?![a-z]) | [A-Z]{{3,}}(?![\w^]) | [^\W\d_] | "[^"]+" )
    (?:_\s*(?:\{{[^{{}}]*\}}|[\w∞]))? '*"""                             # with an index and primes
_TOKEN = re.compile(rf"""
    [0-9]+_(?:\{{[0-9]+\}}|[0-9]) | [0-9][0-9A-F]*_\{{1[1-6]\}}         # 12_8, 1A_{{16}}
  | [0-9]+(?:\.(?!\()[0-9]*)? | \.[0-9]+ | [-+]?∞ | !!+
  | {_LETTER} | \\(?:[a-zA-Z]+|.) | \S""", re.VERBOSE)
_NAME_OR_BASE = re.compile(rf"[0-9].* | {_LETTER}", re.VERBOSE)
# fmt: on

if __name__ == "__main__":
    sys.exit(main())
