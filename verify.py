"""Is an answer right? The reward of the trainer and the judge of the evaluation.

    extract_answer(response)     the answer that a response gives, as it is written there
    is_equivalent(answer, gold)  whether two answers mean the same
    is_correct(response, gold)   both of these in a row
    pass_at_k(n, c, k)           the chance that one of k samples is right, if c of n are

A wrong answer that is accepted teaches the policy a trick; a right one that is missed only wastes a
rollout. So every verdict is exact, and what can't be read is compared as a string, never guessed.
A verdict is reached in one pass: extract -> normalise -> parse into an exact form -> compare.

There are two forms. A Quotient of polynomials with rational coefficients serves all numbers and
formulas; its atoms are letters, pi, i, roots of primes and opaque terms such as sin(2x). A Group
holds other forms: a tuple, interval, set, union, ratio, matrix, text or equation.

The rules of judgement, quoted by number where they are applied:
 1. Values are exact: 6/8 is 3/4 and 3.0 is 3, but 0.333 is not 1/3.
 2. The last box counts. Boxes side by side, '3 or 5', a list, a set, an inequality, an interval, a
    plus-minus and 3 = 5 are hedges, which is wrong where one value is asked for.
 3. Without a box: <answer>, '####', 'the answer is', else the last number. A box that doesn't close
    and a response that breaks off give no answer; nor does 'the answer is not 5'.
 4. A unit, currency or counted noun beside a number may be left out, but not be another one.
 5. 1,234 and 1{,}234 are numbers, '1, 234' is a pair, and a comma is never a decimal point.
 6. 50% is 50 of the unit %. It is never turned into a fraction.
 7. 3\\frac12 and '3 1/2' are mixed numbers; other numbers side by side are nothing.
 8. 'x = 5' is 5, and the last member of a chain counts; equations of curves are equal up to moving
    terms and a constant factor.
 9. Tuples are ordered; lists and sets are not, and have to be complete. An inequality is an
    interval, whose ends matter; unions have no order.
10. Radicals, pi and i have exact powers: sqrt(12) is 2 sqrt(3), i^2 is -1.
11. Formulas are equal as quotients of polynomials; upper and lower case differ.
12. Matrices go entry by entry; 12_8 is not 12; 1:2 is not 2:1; text is equal regardless of case.
13. Anything else is equal as a normalised string or not equal. No input raises an exception.
"""

import math
import re
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, product
from typing import NamedTuple

# Beyond these bounds only equal strings count, so that no input takes more than milliseconds.
MAX_CHARS = 600  # of an answer
MAX_TAIL = 10_000  # of a response: what is stated further from its end is no final answer
MAX_DEPTH = 40  # of expressions within each other
MAX_TERMS = 40  # of a polynomial or a list
MAX_POWER = 12  # of a sum
MAX_BITS = 4096  # of a number


def is_correct(response: str, gold: str) -> bool:
    """Whether the response answers `gold`. Never raises; linear in the length of the response."""
    if response.strip() == gold.strip() != "":
        return True
    answer = extract_answer(response)
    return answer is not None and is_equivalent(answer, gold)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased chance that k of n samples, drawn without replacement, hold one of the c right ones.

    1 - C(n-c, k) / C(n, k) in integers. ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass_at_k needs 0 <= c <= n and 1 <= k <= n, but {n=}, {c=}, {k=}")
    draws = math.comb(n, k)
    return (draws - math.comb(n - c, k)) / draws


# ---- extract -------------------------------------------------------------------------------------

_BRACE = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)
_SIDE_BY_SIDE = re.compile(  # what may stand between two boxes that are offered at once
    r"(?:[\s,;.$&/|()*~]|\\[()\[\],;:! ]|\\q?quad|\\text\s*\{\s*(?:and|or),?\s*\}|[A-Za-z]\s*="
    r"|\b(?:and|or|also|either|maybe|perhaps|possibly|alternatively)\b){0,80}"
)
_BOLD = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])")
_PHRASE = re.compile(
    r"<answer>|####|\b(?:answer|ans)(?:\s+(?:to|of|for)\s[^.\n]{0,60}?)?\s*"
    r"(?:\b(?:is|are|was|(?:would|will|must|should) be|equals)\b|[:=])"
    r"(?:[\s:=]|\b(?:therefore|thus|simply|just|exactly|equal to|given by)\b)*",
    re.IGNORECASE,
)
_DISPLAY = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]", re.DOTALL)
_CLAUSE_END = re.compile(r"\n|</|\.(?=\$*(?:\s|$))|,?\s(?:because|since|as|which|so|of)\s")
_SENTENCE = re.compile(r"(?<![\\A-Za-z{])(?!(?:and|or)\b)[A-Za-z]{2,}(?::|\s+[$A-Za-z\\(])")
_NEGATION = re.compile(r"(?:\b(?:not|never|cannot)\b|n't)[^.,;\n]{0,30}?[0-9][0-9.,/]*")
_BROKEN_OFF = re.compile(
    r"(?:[-=+*/^_({\[,:<>]|\b(?:is|are|equals|the|and|or|so|of|we|to|by|then|that|gives?|get))$"
)
_FORMULA = re.compile(r"\$([^$]+)\$|\\\(((?:[^\\]|\\[^()])*)\\\)")
_NUMBER = re.compile(
    r"(?:(?<![\w)}])[-\u2212])?(?:\\[dt]?frac\{[0-9]+\}\{[0-9]+\}|(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])"
    r"|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?%?|\.[0-9]+)"
)


def extract_answer(response: str) -> str | None:
    """The answer that a response gives, as it is written there; None if it gives none.

    Thinking does not count if anything follows it; if nothing does, only a box in it counts.
    Never raises; linear in the length of the response.
    """
    thinking, closed, final = response.rpartition("</think>")
    if not closed and "<think>" in response:
        thinking, final = response, ""
    if not final.strip():
        return _boxed(thinking)
    if "\\boxed" in final:
        return _boxed(final)
    return _stated(_BOLD.sub("", final.strip()[-MAX_TAIL:]).strip())


def _boxed(text: str) -> str | None:
    """The content of the last box; of boxes side by side, all their contents as a list (rule 2)."""
    last = text.rfind("\\boxed")
    start = text.find("\\boxed", max(0, last - 3 * MAX_CHARS))
    boxes: list[tuple[int, int, int]] = []  # start, start of the content, end: outermost boxes
    opened: list[tuple[int, int]] = []
    for brace in _BRACE.finditer(text, start, last + 3 * MAX_CHARS) if last >= 0 else ():
        if brace[0] == "{" or len(brace[0]) > 2:
            opened.append(brace.span())
        elif brace[0] == "}" and opened:
            begin, inside = opened.pop()
            if inside - begin > 1:
                boxes = [box for box in boxes if box[0] < begin]
                boxes.append((begin, inside, brace.start()))
    if not boxes or boxes[-1][2] < last:
        return None  # rule 3: there is none, or the last one does not close
    contents = [text[boxes[-1][1] : boxes[-1][2]].strip()]
    for (begin, _, _), (_, inside, end) in pairwise(reversed(boxes)):
        if not _SIDE_BY_SIDE.fullmatch(text, end + 1, begin):
            break  # an intermediate result, with words of its own
        contents.insert(0, text[inside:end].strip())
    return ", ".join(dict.fromkeys(contents))


def _stated(tail: str) -> str | None:
    """The answer of a response without a box (rule 3)."""
    for phrase in reversed(list(_PHRASE.finditer(tail))):
        rest = tail[phrase.end() :].strip()
        if phrase[0].startswith("<"):
            answer, closed, _ = rest.partition("</answer>")
            return answer.strip() if closed else None
        heading = phrase[0] == "####" and re.match(r"#|[A-Za-z][^\n]*\n", rest)
        if heading or re.match(r"(?:not|never)\b", rest):
            continue
        if display := _DISPLAY.match(rest):
            return (display[1] or display[2]).strip()
        return _CLAUSE_END.split(rest, maxsplit=1)[0].strip("*_` \t") or None
    if len(tail) <= MAX_CHARS and "\n" not in tail and not _SENTENCE.search(tail):
        form = _read(tail)[1]
        if form is not None and _kind(form) != "text":
            return tail  # the response is nothing but an answer
    tail = _NEGATION.sub(" ", tail).strip()
    numbers = list(_NUMBER.finditer(tail))
    if not numbers or _BROKEN_OFF.search(tail):
        return None
    number = numbers[-1]
    for formula in _FORMULA.finditer(tail):
        if formula.start() < number.start() < formula.end():
            return (formula[1] or formula[2]).strip()
    part = tail[: number.start()].rstrip().endswith(("^", "_", "{", "(", "\\"))
    return None if part or tail[number.end() :].startswith(("}", "^", "_", "(")) else number[0]


# ---- normalise -----------------------------------------------------------------------------------


def _table(pairs: str) -> dict[str, str]:
    """'a 1 b 2' -> {'a': '1', 'b': '2'}."""
    return dict(re.findall(r"(\S+) (\S+)", pairs))


_SYMBOLS = _table(
    r"cdot * times * ast * div / pm ± mp ± cup ∪ in ∈ le ≤ leq ≤ leqslant ≤ lt < ge ≥ geq ≥"
    r" geqslant ≥ gt > ne ≠ neq ≠ approx ≈ infty ∞ lvert | rvert | vert | lfloor ⌊ rfloor ⌋ lceil ⌈"
    r" rceil ⌉ langle ( rangle ) emptyset \{\} varnothing \{\} dfrac \frac tfrac \frac cfrac \frac"
    r" lor or land and degree ° circ ° colon :"
)
_UNICODE = str.maketrans(
    _table(r"− - – - × * · * ⋅ * ÷ / ∅ \{\} ½ \frac12 ¼ \frac14 ¾ \frac34 ′ ' ’ '")
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
# A single letter is a unit only in \text{} or at the end after a space: '6 m', but not '6m'.
_UNIT = re.compile(
    "[cmkdn]m|[km]?g|m[lL]|ft|in|yd|mi|lbs?|oz|hrs?|min|sec|[kM]?Hz|mph|k?J|[mgshLNWVAKCF]"
)
_SAME_UNITS = _table(
    "hrs h lbs lb inche in inch in foot ft feet ft meter m gram g centimeter cm millimeter mm usd $"
    " kilometer km kilogram kg hour h hr h second s sec s minute min dollar $ euro € degree °"
)


_COMMA = r"(?:,\\! ?|\{,\}|\\,|\\!,\\!|,|[\u2009\u202f])"  # between groups of three digits


def _join_thousands(match: re.Match) -> str:
    """Rule 5; but a plain comma within brackets separates members: (2,251,252) is a triple."""
    before = match.string[: match.start()]
    opened, closed = r"(?<!\\)[(\[]|\\\{", r"(?<!\\)[)\]]|\\\}"
    nested = len(re.findall(opened, before)) > len(re.findall(closed, before))
    return match[0] if nested and "\\" not in match[0] else re.sub("[^0-9]", "", match[0])


def _mark_units(match: re.Match) -> str:
    """'5 m/s' -> '5 "m"/"s"': words in quotes are units, even if they are single letters."""
    words = re.findall("[A-Za-z]+", match[0])
    units = all(map(_UNIT.fullmatch, words))
    return " " + re.sub("[A-Za-z]+", r'"\g<0>"', match[0]) if units else match[0]


def _mark_text(match: re.Match) -> str:
    """'5 \\text{ m}' -> '5 "m"'; but a choice such as \\text{(C)} stays a letter."""
    return " " + re.sub(r"(?<![\w(])[A-Za-z](?![\w)])", r'"\g<0>"', match[1]) + " "


def _mixed(match: re.Match) -> str:
    """Rule 7: '3 1/2' -> (3+1/2), if the fraction is proper."""
    proper = 0 < int(match[2]) < int(match[3])
    return f"({match[1]}+{match[2]}/{match[3]})" if proper else match[0]


_REWRITES = [
    (re.compile(pattern), to)
    for pattern, to in (
        # symbols that are written above, below or before others
        ("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: f"^{{{m[0].translate(_SUPERSCRIPTS)}}}"),
        (r"√\s*([0-9.]+)", r"\\sqrt{\1}"),
        ("√", r"\\sqrt "),
        ("π", r"\\pi "),
        ("<=|⩽", "≤"),
        (">=|⩾", "≥"),
        # thousands, currency, delimiters, spaces, sizes, fonts
        (rf"(?<![0-9.,])[0-9]{{1,3}}(?:{_COMMA}[0-9]{{3}})+(?![0-9,])", _join_thousands),
        (r"^(-?)\$(?=[0-9.][^$]*$)|\\\$", r"\1\\dollar "),
        (r"\$|(?<!\\)\\[()\[\],;:> ]|~|\\q?quad\b|\\hspace\*?\{[^{}]*\}", " "),
        (r"\\!|\\(?:left|right)\s*\.", ""),
        (r"\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])", ""),
        (r"\\(?:(?:display|text)style|math(?:bf|it)|boldsymbol)(?![a-zA-Z])", ""),
        (r"\\overline(?=\{[A-Z]+\})|\\boxed(?=\{)", ""),
        (r"\\(?:text(?:bf|it|rm)?|[mh]box|mathrm|operatorname)\s*\{([^{}]*)\}", _mark_text),
        (r"^\s+|\s*(?<!\.)\.?\s*$", ""),
        (r"\\([a-zA-Z]+)", lambda m: _SYMBOLS.get(m[1], m[0])),
        # units and words
        (r"(?<=[0-9])\s+[A-Za-z]+(?:\s*(?:\^\{?-?[0-9]\}?|/|\*|\s|[A-Za-z])+)?$", _mark_units),
        (r"\^\s*(?:°|\{\s*°\s*\})|°", "°"),
        (r"°\s*\"?([CF])\b\"?", "°"),
        (r"\\%|\b[Pp]er\s?cent\b", "%"),
        (r"\b(square|sq|cubic)\s+([a-z]+)", lambda m: f"{m[2]}^{3 if m[1] == 'cubic' else 2}"),
        (r"(?<=[a-z])\s+per\s+(?=[a-z])", "/"),
        (r"^\(([A-E])\)[ :.]+(?!.*\b(?:or|and)\b)[^(),]+$", r"\1"),  # '(B) 12' is the choice B
        (r"\s*\(?\s*\b(?:in )?base\s*([0-9]+)\)?", r"_\1"),
        (r"\((\w+)\)(?=_)", r"\1"),
        (r"^(?:(?:[Oo]ption|[Cc]hoice)\s+(?=\(?[A-Z]\b)|=)|(?<=^[A-Z])\)$", ""),
        # arguments of commands, mixed numbers, powers
        (r"\\(frac|sqrt|binom)\s*([0-9])", r"\\\1{\2}"),
        (r"\\frac(\{[0-9]+\})\s*([0-9])", r"\\frac\1{\2}"),
        (r"\{([^{}]*)\\over(?![a-z])([^{}]*)\}", r"\\frac{\1}{\2}"),
        (r"\{([^{}]*)\\choose(?![a-z])([^{}]*)\}", r"\\binom{\1}{\2}"),
        (r"(?<![\w.^*/}])([0-9]+)\s*\\frac\{([0-9]+)\}\{([0-9]+)\}", _mixed),
        (r"(?<![\w.^*/}])([0-9]+)\s+([0-9]+)\s*/\s*([0-9]+)(?![\w.^])", _mixed),
        (r"\^\s*\{?((?:\s*\\prime)+)\s*\}?", lambda m: "'" * m[1].count("prime")),
        (r"(?<=[A-Z])\s*\|\s*(?=[A-Z]\))", r"\\mid "),
        (r"\*\*", "^"),
        (r"(?<=[0-9])\s*[xX]\s*(?=10\s*\^)", "*"),
        # spaces are left only between words and numbers
        (r"(?<![0-9A-Za-z\s])\s+(?!\s)|\s+(?![0-9A-Za-z\s])", ""),
    )
]


def _normalise(text: str) -> str:
    """One spelling of what looks the same; symbols are single characters where there is one."""
    text = text.strip().translate(_UNICODE)
    for pattern, to in _REWRITES:
        text = pattern.sub(to, text)
    return text


# ---- forms ---------------------------------------------------------------------------------------

Atom = str | int | tuple  # a letter, pi or i; a prime under a root; an opaque term
Mono = frozenset  # of (atom, exponent); the exponents are integers or Fractions of either sign
Poly = dict  # Mono -> Fraction, without zeros


class Group(NamedTuple):
    """Forms that belong together. kind: the brackets as they are written, so that (1,2) is a point
    and an interval; "{}" a set or list; "∪" a union; "±" all values of a plus-minus; ":" a ratio;
    "=" an equation, or that the left side lies in the right one; "matrix"; "row"; "text"."""

    kind: str
    items: tuple


Form = Poly | Group


class Unreadable(Exception):
    """Outside the language or beyond its bounds: rule 13 applies."""


def _kind(form: Form) -> str:
    return form.kind if isinstance(form, Group) else ""


def _number(value: int | Fraction) -> Poly:
    return {Mono(): Fraction(value)} if value else {}


def _atom(*atom, power: int | Fraction = 1) -> Poly:
    return {Mono([(atom if len(atom) > 1 else atom[0], power)]): Fraction(1)}


def _rational(form: Form) -> Fraction | None:
    """The value of a form that is a rational number."""
    plain = isinstance(form, dict) and not form.keys() - {Mono()}
    return form.get(Mono(), Fraction(0)) if plain else None


def _small(*forms: Form) -> list[int]:
    """The values of forms if all are integers of 0 to 200, else nothing."""
    values = [_rational(form) for form in forms]
    return [int(v) for v in values] if all(v in range(201) for v in values) else []


def _atoms(poly: Poly) -> set[Atom]:
    return {atom for mono in poly for atom, _ in mono}


def _key(form: Form):
    """A hashable stand-in for a form inside an atom."""
    return (form.kind, *map(_key, form.items)) if _kind(form) else Mono(form.items())


def _sum(a: Poly, b: Poly, sign: int = 1) -> Poly:
    """a + sign b, within the bounds."""
    total = {mono: a.get(mono, 0) + sign * b.get(mono, 0) for mono in {**a, **b}}
    total = {mono: factor for mono, factor in total.items() if factor}
    sizes = (max(abs(f.numerator), f.denominator).bit_length() for f in total.values())
    if len(total) > MAX_TERMS or max(sizes, default=0) > MAX_BITS:
        raise Unreadable
    return total


def _product(a: Poly, b: Poly) -> Poly:
    """a b, with the powers of rule 10: i^2 = -1 and 3^(3/2) = 3 3^(1/2)."""
    if a.keys() == b.keys() == {Mono()}:
        return _sum({Mono(): a[Mono()] * b[Mono()]}, {})
    if len(a) * len(b) > 10 * MAX_TERMS:
        raise Unreadable
    total: Poly = {}
    for (m, p), (n, q) in product(a.items(), b.items()):
        powers, factor = dict(m), p * q
        for atom, exponent in n:
            powers[atom] = powers.get(atom, 0) + exponent
        for atom, exponent in powers.items():
            if atom == "i":
                factor *= 1 - 2 * (exponent // 2 % 2)
                powers[atom] = exponent % 2
            elif isinstance(atom, int):
                whole = math.floor(exponent)
                if atom.bit_length() * abs(whole) > MAX_BITS:
                    raise Unreadable
                factor *= Fraction(atom) ** whole
                powers[atom] = exponent - whole
        mono = Mono(item for item in powers.items() if item[1])
        total[mono] = total.get(mono, 0) + factor
    return _sum(total, {})


def _power(base: Poly, exponent: Poly) -> Poly:
    """base ^ exponent. Letters in exponents split: 2^(n+1) = 2 2^n, 4^n = (2^n)^2 (rule 11)."""
    k = _rational(exponent)
    if not base and not (k and k > 0):
        raise Unreadable  # 1/0, 0/0, 0^0 and 0^x are nothing
    power = _number(1)
    if not base or k == 0:
        return power if base else {}
    if len(base) > 1 and k in range(1, MAX_POWER + 1):
        for _ in range(int(k)):
            power = _product(power, base)
        return power
    for mono, factor in exponent.items():
        for atom, e in _parts(base):
            if atom == "i" and e == 2 and factor.denominator % 2 and not mono:
                e = 2 * (factor.numerator % 2) / factor  # odd roots of -1 are -1
            atom = ("power", atom, mono) if mono else atom
            power = _product(power, _atom(atom, power=e * factor))
    return power


def _parts(poly: Poly) -> list[tuple[Atom, int | Fraction]]:
    """A polynomial as a product of powers of atoms; -1 is i^2, a sum is opaque up to a factor."""
    ((mono, content), *others) = poly.items()
    parts = list(mono)
    if others:
        factors = list(poly.values())
        denominator = math.lcm(*(f.denominator for f in factors))
        content = Fraction(math.gcd(*(f.numerator for f in factors)), denominator)
        parts = [(("sum", Mono((mono, f / content) for mono, f in poly.items())), 1)]
    if content < 0:
        parts.append(("i", 2))
    for n, e in ((abs(content.numerator), 1), (content.denominator, -1)):
        if n.bit_length() > MAX_BITS // 8:
            raise Unreadable
        for p in range(2, 1000):
            while n % p == 0:
                n //= p
                parts.append((p, e))
            if p * p > n:
                break
        root = math.isqrt(n)  # of what is left: its factors are greater than 1000
        parts += [(root, 2 * e)] if root * root == n > 1 else [(n, e)] if n > 1 else []
    return parts


def _clear(poly: Poly) -> Poly:
    """poly times its denominators (negative powers of sums), with whole powers expanded."""
    for _ in range(MAX_POWER):  # each denominator may hold another one
        sums = [p for mono in poly for p in mono if isinstance(p[0], tuple) and p[0][0] == "sum"]
        powers = [(atom, e) for atom, e in sums if not 0 < e < 1]
        if not powers:
            return poly
        atom, low = min(powers, key=lambda power: power[1])
        total: Poly = {}
        for mono, factor in poly.items():
            e = dict(mono).get(atom, 0) - min(low, 0)
            term = {Mono(power for power in mono if power[0] != atom): factor}
            if e % 1:
                term = _product(term, _atom(atom, power=e % 1))
            total = _sum(total, _product(term, _power(dict(atom[1]), _number(e // 1))))
        poly = total
    raise Unreadable


def _operate(sign: str, a: Form, b: Form) -> Form:
    """a sign b for numbers and formulas, and for all values of a plus-minus."""
    if sign == "±":
        return _spread(lambda x, y: Group("±", (_operate("+", x, y), _operate("-", x, y))), a, b)
    if "±" in (_kind(a), _kind(b)):
        return _spread(lambda x, y: _operate(sign, x, y), a, b)
    infinite = not _kind(a) and not _kind(b) and "∞" in _atoms(a) | _atoms(b)
    if _kind(a) or _kind(b) or infinite and (a or sign not in "+-"):
        raise Unreadable  # infinity is the end of an interval, not a number
    x, y = _rational(a), _rational(b)
    if sign == "/" and x is not None and y:
        return _number(x / y)
    if sign == "^":
        return _power(a, b)
    if sign in "*/":
        return _product(a, b if sign == "*" else _power(b, _number(-1)))
    return _sum(a, b, 1 if sign == "+" else -1)


def _flat(kind: str, forms) -> tuple:
    """The forms, and the members of those that are groups of that kind."""
    return tuple(x for form in forms for x in (form.items if _kind(form) == kind else (form,)))


def _spread(make, *forms: Form) -> Form:
    """make(...) for each choice of values of those forms that are a plus-minus."""
    choices = list(product(*(_flat("±", [form]) for form in forms)))
    if len(choices) > 16:
        raise Unreadable
    values = _flat("±", (make(*choice) for choice in choices))
    return values[0] if len(values) == 1 else Group("±", values)


# ---- parse ---------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"[0-9]*\.[0-9]*\\(?:overline|bar|dot)\{?[0-9]+\}?"
    r"|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+(?![0-9A-Za-z^]))?"
    r"|\\(?:begin|end)\{\w+\}(?:\{[lcr|]*\})?|\\(?:d?dot|hat|bar|vec|tilde|overline)\{\w+\}"
    r'|\\[a-zA-Z]+|\\.|_\{[^{}]*\}|_[^{}]|"[^"]+"|[^\W\d_]+|\S',
    re.DOTALL,
)
_FUNCTION = re.compile(r"\\?((?:arc)?(?:sin|cos|tan)|cot|sec|csc|(?:sin|cos|tan)h|ln|log|exp)")
_COMMAND = re.compile(_FUNCTION.pattern + r"|\\?(?:pi|theta|alpha|beta|gamma|delta|omega|sqrt)")
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "dozen": 12}
_NO_NOUN = re.compile(  # words that change the number before them
    "more|less|least|most|not|than|half|thirds?|quarters?|fifths?|tenths?|squared|cubed|times|plus"
    "|minus|over|under|about|factorial|only|maximum|minimum|below|above|wrong|digits?|mod|root"
)
_BINDING = {":": 1, "∪": 2, "+": 3, "-": 3, "±": 3, "*": 4, "/": 4, "^": 5, "!": 6}
_PAIRS = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "|": "|", "⌊": "⌋", "⌈": "⌉"}
_RELATIONS = tuple("=≠≈<>≤≥∈")
_SEPARATORS = (",", ";", "and", "or")
_ENDS = {"", "&", "\\\\", *_PAIRS.values(), *_RELATIONS, *_SEPARATORS} - {"|"}
_DIGITS = tuple(".0123456789")


def _is_word(run: str) -> bool:
    """Whether letters in a row are a word; if not, they are factors, as in xyz, RC or abc."""
    if re.fullmatch("and|or|[Nn]o", run) or _UNIT.fullmatch(run) or run.lower() in _SAME_UNITS:
        return len(run) > 1
    alphabet = all(ord(b) - ord(a) == 1 for a, b in pairwise(run))
    vowel = re.search("[aeiou]", run) or not run.isascii()
    return len(run) > 2 and bool(vowel) and run[1:].islower() and not alphabet


class Parser:
    """Recursive descent by binding strength; each method moves `pos` past what it has read."""

    def __init__(self, text: str):
        self.tokens: list[str] = []
        for token in _TOKEN.findall(text):
            if token[0].isalpha() and _COMMAND.fullmatch(token):
                self.tokens.append("\\" + token)
            else:
                factors = token[0].isalpha() and not _is_word(token)
                self.tokens += token if factors else [token]
        self.tokens.append("")
        self.pos = self.depth = self.bars = 0
        self.units: set[str] = set()  # atoms that may be left out beside a number (rule 4)

    @property
    def next(self) -> str:
        return self.tokens[self.pos]

    def take(self, *wanted: str) -> str:
        """The next token if it is wanted, else ""; without arguments, any token."""
        token = self.next
        if not token or wanted and token not in wanted:
            return ""
        self.pos += 1
        return token

    def at_end(self) -> bool:
        """Whether no factor can follow."""
        return self.next in _ENDS or self.next.startswith("\\end") or self.next == "|" and self.bars

    def listing(self) -> Form:
        """One form, or the set of those between separators (rule 9)."""
        items, separators = [self.relation()], set()
        while self.next in _SEPARATORS:
            while separator := self.take(*_SEPARATORS):
                separators.add(separator)
            items.append(self.relation())
        return _collect(items, "and" in separators)

    def relation(self) -> Form:
        members, signs = [self.expression()], ""
        while sign := self.take(*_RELATIONS):
            signs += sign
            members.append(self.expression())
        return _relate(members, signs) if signs else members[0]

    def expression(self, binding: int = 0) -> Form:
        """Operands with operators that bind stronger than `binding`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable
        sign = self.take("+", "-", "±")
        left = self.expression(max(binding, 3)) if sign else self.primary()
        left = _operate(sign, _number(0), left) if sign else left
        while not self.at_end() and _BINDING.get(self.next, 4) > binding:
            sign = self.take(*_BINDING)
            behind = sign or self.tokens[self.pos - 1] in (")", "\\dollar", "€", "£")
            if self.next.startswith(_DIGITS) and not behind:
                raise Unreadable  # rule 7: a number right behind something is no factor
            if sign == "!":
                n = _small(left)
                if self.next == "!":
                    raise Unreadable
                left = _number(math.factorial(*n)) if n else _atom("!", _key(left))
                continue
            right = self.expression(_BINDING.get(sign, 4) - (sign == "^"))
            if sign in (":", "∪"):
                left = Group(sign, (*_flat(sign, [left]), right))
            else:
                left = _operate(sign or "*", left, right)
        self.depth -= 1
        return left

    def primary(self) -> Form:
        token = self.take()
        if not token or token in _BINDING or token in _ENDS:
            raise Unreadable
        if token.startswith(_DIGITS):
            return self.number(token)
        if token in _PAIRS:
            return self.bracket(token)
        if token == "\\frac":
            return _operate("/", self.primary(), self.primary())
        if token == "\\sqrt":
            degree = self.bracket("[") if self.take("[") else _number(2)
            return _operate("^", self.primary(), _operate("/", _number(1), degree))
        if token == "\\binom":
            nk = self.primary(), self.primary()
            return _number(math.comb(*_small(*nk))) if _small(*nk) else _atom("C", *map(_key, nk))
        if token.startswith("\\begin"):
            return self.matrix(token)
        if function := _FUNCTION.fullmatch(token):
            return self.function(function[1])
        return self.name(token)

    def number(self, token: str) -> Poly:
        if self.next.startswith("_"):  # rule 12: a number in a base is a name
            return _atom(token + "_" + self.take().strip("_{} "))
        if repeating := re.match(r"([0-9]*)\.([0-9]*)\\[a-z]+\{?([0-9]+)", token):
            whole, start, period = repeating.groups()  # rule 1: 0.1\overline{6} is 1/6
            ninths = Fraction(int(period), 10 ** len(period) - 1)
            return _number(int(whole or 0) + (int(start or 0) + ninths) / 10 ** len(start))
        mantissa, _, exponent = token.lower().partition("e")
        if len(token) > 100 or abs(int(exponent or 0)) > 400:
            raise Unreadable
        return _number(Fraction(mantissa) * Fraction(10) ** int(exponent or 0))

    def bracket(self, opener: str) -> Form:
        """After an opening bracket: (a), [a] and {a} are a; |a|, floor and ceiling are atoms."""
        bars, self.bars = self.bars, opener == "|"
        if opener == "\\{":
            items = () if self.next == "\\}" else _flat("{}", [self.listing()])
        else:
            items = (self.relation(),)
            while self.take(",", ";"):
                items += (self.relation(),)
        closer = self.take()
        self.bars = bars
        half_open = len(items) == 2 and opener + closer in ("(]", "[)")
        if closer != _PAIRS[opener] and not half_open:
            raise Unreadable
        kind = opener[-1] + closer[-1]
        if opener == "\\{":
            return Group(kind, items)
        if len(items) > 1 and opener in ("(", "["):
            return _spread(lambda *choice: Group(kind, choice), *items)
        if len(items) > 1:
            raise Unreadable
        if opener in ("(", "[", "{"):
            return items[0]
        value = _rational(items[0])
        if value is None:
            return _atom(kind, _key(items[0]))
        return _number({"⌊": math.floor, "⌈": math.ceil}.get(opener, abs)(value))

    def matrix(self, begin: str) -> Group:
        """Rule 12: environments do not differ, but a determinant is another thing."""
        if not re.match(r"\\begin\{(?:[pbB]?(?:small)?matrix|array)\}", begin):
            raise Unreadable
        rows: list[list[Form]] = [[]]
        while not self.next.startswith("\\end"):
            rows[-1].append(self.expression())
            if self.take("\\\\"):
                rows.append([])
            elif not self.take("&") and not self.next.startswith("\\end"):
                raise Unreadable
        self.take()
        return Group("matrix", tuple(Group("row", tuple(row)) for row in rows if row))

    def function(self, name: str) -> Form:
        """sin x, sin 2x, sin^2 x, log_2 (x): the argument ends at a sign, bracket or function."""
        if self.next.startswith("_"):
            name += "_" + self.take().strip("_{} ")
        power = self.expression(4) if self.take("^") else _number(1)
        bracketed = self.next in ("(", "{", "[")
        argument = self.primary() if bracketed else self.expression(4)
        while not (bracketed or self.at_end() or self.next in _BINDING or self.next in ("(", "|")):
            if _FUNCTION.fullmatch(self.next) or self.next.startswith(_DIGITS):
                break
            argument = _operate("*", argument, self.expression(4))
        if name == "exp":
            return _operate("^", _atom("e"), _operate("*", argument, power))
        if name in ("sin", "cos", "tan") and _rational(power) == -1:
            name, power = "arc" + name, _number(1)
        return _operate("^", _atom(name, _key(argument)), power)

    def name(self, token: str) -> Form:
        """A letter, symbol or word, with subscripts and primes, or f(x); notes units (rule 4)."""
        word = token.strip('"\\')
        if not word:
            raise Unreadable
        if word.lower() in _SCALES:
            return _number(_SCALES[word.lower()])
        noun = token[0] != "\\" and word.isalpha() and len(word) > 1
        if (
            noun
            and not _NO_NOUN.fullmatch(word)
            or token[0] == '"'
            or word in ("%", "°", "dollar", "€", "£")
        ):
            if len(word) > 1 and not _UNIT.fullmatch(word):
                word = re.sub("(?<=..)s$", "", word.lower())
            word = _SAME_UNITS.get(word, word)
            self.units.add(word)
            return _number(1) if word == "unit" else _atom(word)
        if not (word.isalnum() or word == "∞"):
            raise Unreadable
        if self.next.startswith("_"):
            word += "_" + re.sub(r'[_{}"\s]', "", self.take())
        while self.take("'"):
            word += "'"
        single = self.tokens[self.pos :][2:3] in ([")"], [","])  # I(0), d(A,B), but not n(n+1)
        if self.next == "(" and word != "pi" and (single or token in tuple("fghFGHPu")):
            return _atom(word, _key(self.primary()))
        return _atom(word)


# ---- relations and lists -------------------------------------------------------------------------

_INFINITY = _atom("∞")
_INTERVALS = ("()", "[]", "(]", "[)")


def _is_constant(form: Form) -> bool:
    atoms = {""} if _kind(form) else _atoms(form)
    return all(isinstance(atom, int) or atom in ("i", "pi") for atom in atoms)


def _is_name(form: Form) -> bool:
    """x, x_1, f(x), P(A), AB, area, (x, y): what may stand before an answer (rule 8)."""
    if _kind(form):
        return form.kind == "()" and all(map(_is_name, form.items))
    if _is_constant(form) or len(form) != 1:
        return False
    ((mono, factor),) = form.items()
    plain = all(e == 1 and (isinstance(a, str) or a[0] not in ("sum", "||")) for a, e in mono)
    capitals = all(isinstance(a, str) and (a[:1].isupper() or len(a) > 1) for a, _ in mono)
    return factor == 1 and plain and (len(mono) == 1 or capitals)


def _relate(members: list[Form], signs: str) -> Form:
    """A chain of equations, a membership, or inequalities, which are intervals (rules 8, 9)."""
    if "≈" in signs:  # what follows an exact value is rounded, and left away
        end = max(signs.index("≈"), int(_is_name(members[0])))
        members, signs = members[: end + 1], "=" * end
    left, right = members[0], members[-1]
    if set(signs) <= {"="}:
        constants = [member for member in members if _is_constant(member)]
        if not all(_same(member, constants[0]) for member in constants):
            raise Unreadable  # rule 2: 3 = 5 is no answer
        if _is_name(right) and not _is_name(left):
            left, right = right, left
        if len(members) == 1 or _is_constant(left) and _is_constant(right):
            return right
    if signs == "∈" or set(signs) == {"="}:
        return Group("=", (left, Group("{}", right.items) if _kind(right) == "±" else right))
    if set(signs) <= {">", "≥"}:
        members, signs = members[::-1], signs[::-1].translate({ord(">"): "<", ord("≥"): "≤"})
    if len(members) == 2 and set(signs) <= {"<", "≤"}:  # x < 3 is -oo < x < 3
        if _is_name(members[0]):
            members, signs = [_sum({}, _INFINITY, -1), *members], "<" + signs
        elif _is_name(members[1]):
            members, signs = [*members, _INFINITY], signs + "<"
    if len(members) != 3 or not set(signs) <= {"<", "≤"} or not _is_name(members[1]):
        return Group(signs, tuple(members))
    kind = ("(", "[")[signs[0] == "≤"] + (")", "]")[signs[1] == "≤"]
    return Group("=", (members[1], Group(kind, (members[0], members[2]))))


def _collect(items: list[Form], both: bool) -> Form:
    """A list: 'x = 1 or x = 2' and 'x = 1, 2' are x and a set; 'x < 1 or x > 2' a union."""
    first, *rest = items = _flat("±", items)
    named = [item for item in rest if _kind(item) == "="]
    if len(items) > MAX_TERMS:
        raise Unreadable
    if not rest or _kind(first) != "=":
        return Group("{}", items) if rest else first
    name, value = first.items
    if named and (len(named) < len(rest) or not all(_same(item.items[0], name) for item in named)):
        return Group("{}", items)
    values = [value, *(item.items[1] if named else item for item in rest)]
    if not (named and all(_kind(value) in _INTERVALS for value in values)):
        return Group("=", (name, Group("{}", _flat("{}", values))))
    low, high = sorted(values[:2], key=lambda v: v.items[1] != _INFINITY)
    if both and len(values) == 2 and low.items[1] == _INFINITY != high.items[1]:  # 1 < x and x < 2
        return Group("=", (name, Group(low.kind[0] + high.kind[1], (low.items[0], high.items[1]))))
    return Group("=", (name, Group("∪", tuple(values))))


# ---- compare -------------------------------------------------------------------------------------

_PLAIN = re.compile(
    r"\$?([-+]?)(?:\\[dt]?frac\{([0-9]+)\}\{([0-9]+)\}|([0-9]+(?:\.[0-9]+)?)(?:/([0-9]+))?)\$?"
)


def is_equivalent(answer: str, gold: str) -> bool:
    """Whether two answers mean the same. Symmetric, and reflexive unless blank.

    Never raises. Time is bounded: beyond MAX_CHARS only equal strings count.
    """
    answer, gold = answer.strip(), gold.strip()
    if answer == gold or max(len(answer), len(gold)) > MAX_CHARS:
        return answer == gold != ""
    numbers = _plain(answer), _plain(gold)
    if None not in numbers:  # most answers are plain numbers: they need no parser
        return numbers[0] == numbers[1]
    (text, a, units), (gold_text, b, gold_units) = _read(answer), _read(gold)
    if a is None or b is None or text == gold_text:
        return text == gold_text != ""  # rule 13
    try:
        if bool(units) == bool(gold_units) or _same(a, b):
            return _same(a, b)
        return _same(_without(units, a), _without(gold_units, b))  # rule 4
    except (Unreadable, RecursionError):
        return False


def _plain(text: str) -> int | Fraction | None:
    """The value of an integer, a decimal or a fraction: 033 is 33, 27.0 is 27, 6/8 is 3/4."""
    match = _PLAIN.fullmatch(text)
    below = int(match[3] or match[5] or 1) if match else 0
    if not below:
        return None
    number = match[1] + (match[2] or match[4])
    value = Fraction(number) if "." in number else int(number)
    return Fraction(value) / below if below > 1 else value


@lru_cache(maxsize=1024)  # the rollouts of a group share their gold
def _read(text: str) -> tuple[str, Form | None, frozenset[str]]:
    """Normalised text, form (None if it can't be read) and units of an answer. Never raises."""
    text = _normalise(text)
    words = re.findall(r"[^\W\d_]+", text)
    listed = not re.fullmatch(r"(?:[^\W\d_]|[ '])+", text) or {"and", "or"} & set(words)
    if not listed and any(_is_word(word) and not _COMMAND.fullmatch(word) for word in words):
        return text, Group("text", (text.lower(),)), frozenset()  # rule 12
    parser = Parser(text)
    try:
        form = parser.listing()
    except (Unreadable, RecursionError, ArithmeticError, ValueError):
        return text, None, frozenset()
    units = frozenset(parser.units if re.search("[0-9]", text) else ())
    return text, None if parser.next else form, units


def _same(a: Form, b: Form) -> bool:
    """Whether two forms are equal; at most quadratic in their number of members."""
    kinds = _kind(a), _kind(b)
    if kinds == ("", ""):  # rules 1, 10, 11
        if a == b or None not in (_rational(a), _rational(b)):
            return a == b
        return not _clear(_sum(a, b, -1))
    if kinds == ("=", "="):
        return _same_equation(a, b)
    if "=" in kinds:  # rule 8: 'x = 5' is 5
        (name, value), other = (a.items, b) if kinds[0] == "=" else (b.items, a)
        return _is_name(name) and _same(value, other)
    if kinds[0] != kinds[1] or kinds[0] == "text":
        return kinds[0] == kinds[1] and a == b
    if a.kind in ("{}", "∪", "±"):  # rule 9: without order, duplicates aside
        pairs = ((a, b), (b, a))
        return all(any(_same_item(x, y) for y in q.items) for p, q in pairs for x in p.items)
    if len(a.items) != len(b.items):
        return False
    if a.kind == ":":  # rule 12, up to a factor
        ratios = zip(pairwise(a.items), pairwise(b.items))
        return all(_same(_operate("*", p, s), _operate("*", q, r)) for (p, q), (r, s) in ratios)
    return all(map(_same, a.items, b.items))


def _same_item(a: Form, b: Form) -> bool:
    """In a list where the names differ, 'x = 5' is not 5."""
    return (_kind(a) == "=") == (_kind(b) == "=") and _same(a, b)


def _same_equation(a: Group, b: Group) -> bool:
    """Rule 8: up to exchanging sides, moving terms and a constant factor."""
    if any(map(_kind, a.items + b.items)):
        return all(map(_same, a.items, b.items))
    p, q = (_clear(_operate("-", *equation.items)) for equation in (a, b))
    return p.keys() == q.keys() != set() and len({p[mono] / q[mono] for mono in p}) == 1


def _without(units: frozenset[str], form: Form) -> Form:
    """The form without those units that all its terms have in common."""
    if _kind(form) == "text":
        return form
    if _kind(form):
        return Group(form.kind, tuple(_without(units, item) for item in form.items))
    parts = {Mono(power for power in mono if power[0] in units) for mono in form}
    return {mono - min(parts): f for mono, f in form.items()} if len(parts) == 1 else form
