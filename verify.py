"""Is an answer right? The reward of the trainer and the judge of the evaluation.

    extract_answer(response)     the answer that a response gives, as it is written there
    is_equivalent(answer, gold)  whether two answers mean the same
    is_correct(response, gold)   both of these in a row
    pass_at_k(n, c, k)           the chance that one of k samples is right, if c of n are

A wrong answer that is accepted teaches the policy a trick; a right one that is missed only wastes a
rollout. So every verdict is exact, and what can't be read is compared as a string, never guessed.
One pass leads to it: extract -> normalise -> parse into an exact form -> compare. The rules of
judgement, quoted by number where they are applied:
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
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import chain, pairwise, product
from typing import NamedTuple

# Beyond these bounds only equal strings count, so that no input takes more than milliseconds.
MAX_CHARS = 600  # of an answer
MAX_TAIL = 10_000  # of a response: what is stated further from its end is no final answer
MAX_TERMS = 40  # of a polynomial or a list
MAX_POWER = 12  # of a sum
MAX_BITS = 4096  # of a number
_PLAIN = re.compile(r"[-+]?[0-9]{1,99}(?:\.[0-9]{1,99}|/[0-9]{0,99}[1-9])?")  # needs no parser


def is_correct(response: str, gold: str) -> bool:
    """Whether the response answers `gold`. Never raises; linear in its length."""
    if response.strip() == gold.strip() != "":
        return True
    answer = extract_answer(response)
    return answer is not None and is_equivalent(answer, gold)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased: 1 - C(n-c, k) / C(n, k) in integers, with k samples drawn without replacement."""
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass_at_k needs 0 <= c <= n and 1 <= k <= n, but {n=}, {c=}, {k=}")
    draws = math.comb(n, k)
    return (draws - math.comb(n - c, k)) / draws


# ---- extract -------------------------------------------------------------------------------------
_BRACES = ""  # a text whose braces match
for _ in range(20):
    _BRACES = rf"(?:[^{{}}\\]|\\.|\{{{_BRACES}\}})*+"
_BOX = re.compile(rf"\\boxed\s*\{{({_BRACES})\}}", re.DOTALL)
_SIDE_BY_SIDE = re.compile(  # what may stand between two boxes that are offered at once
    r"(?:[\s,;.$&/|()*~]|\\[()\[\],;:! ]|\\q?quad|\\text\s*\{\s*(?:and|or),?\s*\}|[A-Za-z]\s*="
    r"|\b(?:and|or|also|either|maybe|perhaps|possibly|alternatively)\b){0,80}"
)
_PHRASE = re.compile(
    r"(?:<answer>|####|\b(?:answer|ans)(?:\s+(?:to|of|for)\s[^.\n]{0,60}?)?\s*"
    r"(?:\b(?:is|are|was|(?:would|will|must|should) be|equals)\b|[:=]))"
    r"(?:[\s:=]|\b(?:therefore|thus|simply|just|exactly|equal to|given by)\b)*+"
    r"(?!(?:not|never)\b|#|(?-i:[A-Z])[^\n]*:[^\n]*\n)",  # 'is not 5', '#### Step 2: ...'
    re.IGNORECASE,
)
_DISPLAY = re.compile(r"(?:\$\$|\\\[)(.+?)(?:\$\$|\\\])", re.DOTALL)
_CLAUSE_END = re.compile(r"\n|</|\.(?=\$*(?:\s|$))|,?\s(?:because|since|as|which|so|of)\s")
_NEGATION = re.compile(r"(?:\b(?:not|never|cannot)\b|n't)[^.,;\n]{0,30}?[0-9][0-9.,/]*")
_BROKEN_OFF = re.compile(
    r"(?:[-=+*/^_({\[,:<>]|\b(?:is|are|equals|the|and|or|so|of|we|to|by|then|that|gives?|get))$"
)
_LAST = re.compile(  # a formula, or a number
    r"\$[^$]+\$|\\\((?:[^\\]|\\[^()])*\\\)|(?:(?<![\w)}])[-\u2212])?(?:\\[dt]?frac\{[0-9]+\}"
    r"\{[0-9]+\}|(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?%?|\.[0-9]+)"
)


def extract_answer(response: str) -> str | None:
    """The answer as it is written; None if there is none. Never raises; linear in the length.

    Thinking does not count if anything follows it; if nothing does, only a box in it counts.
    """
    thinking, closed, final = response.rpartition("</think>")
    if not closed and "<think>" in response:
        thinking, final = response, ""
    if "\\boxed" in final or not final.strip():
        return _boxed(final if final.strip() else thinking)
    return _stated(re.sub(r"(?<![\w)])\*\*|\*\*(?![\w(])", "", final.strip()[-MAX_TAIL:]).strip())


def _boxed(text: str) -> str | None:
    """The content of the last box; of boxes side by side, all their contents as a list (rule 2)."""
    last = text.rfind("\\boxed")
    boxes = list(_BOX.finditer(text, max(0, last - 3 * MAX_CHARS), last + 3 * MAX_CHARS))
    if not boxes or boxes[-1].end() <= last:
        return None  # rule 3: there is none, or it does not close
    contents = [boxes[-1][1].strip()]
    for after, before in pairwise(reversed(boxes)):
        if not _SIDE_BY_SIDE.fullmatch(text, before.end(), after.start()):
            break  # an intermediate result, with words of its own
        contents.insert(0, before[1].strip())
    return ", ".join(dict.fromkeys(contents)) or None  # an empty box is no answer


def _stated(tail: str) -> str | None:
    """The answer of a response without a box (rule 3)."""
    for phrase in reversed(list(_PHRASE.finditer(tail))):
        rest = tail[phrase.end() :].strip()
        if phrase[0].startswith("<"):
            answer, closed, _ = rest.partition("</answer>")
            return (answer.strip() or None) if closed else None
        display = _DISPLAY.match(rest)
        rest = display[1] if display else _CLAUSE_END.split(rest, maxsplit=1)[0]
        return rest.strip("*_` \t\n") or None
    if len(tail) <= MAX_CHARS and "\n" not in tail:
        text = _normalise(tail)
        if '"' not in text and _parse(text).kind != "text":
            return tail  # the response is nothing but an answer: it holds no words
    tail = _NEGATION.sub(" ", tail).strip()
    found = list(_LAST.finditer(tail))
    if not found or _BROKEN_OFF.search(tail):
        return None
    before, after = tail[: found[-1].start()].rstrip(), tail[found[-1].end() :]
    part = before.endswith(("^", "_", "{", "(", "\\")) or after.startswith(("}", "^", "_", "("))
    return None if part else found[-1][0].strip("$")


# ---- normalise -----------------------------------------------------------------------------------
@lru_cache(maxsize=1024)  # the rollouts of a group share their gold
def _normalise(text: str) -> str:
    """One spelling of what looks the same."""
    for pattern, to in _REWRITES:
        text = pattern.sub(to, text)
    return text


def _mark_word(match: re.Match) -> str:
    """Letters in a row: pi -> \\pi, meters -> "m"; those of xyz, RC and abc are factors."""
    run, word = match[0], re.sub("(?<=..)s$", "", match[0].lower())
    if _COMMAND.fullmatch(run):
        return f"\\{run} "
    word = run if re.fullmatch(_UNIT, run) else _WORDS.get(word, _WORD.fullmatch(run) and word)
    return run if not word else word if word[0] in "*,;" else f'"{word}"'


def _interval(match: re.Match) -> str:
    """Rule 9: '3 < x ≤ 4' -> 'x≔(3,4]' and 'x > 2' -> 'x≔(2,∞)'."""
    low, left, name, right, high = match.groups()
    signs = {left, right} - {None}
    if signs and signs <= {">", "≥"}:
        low, left, right, high = high, right, left, low
    elif not signs or not signs <= {"<", "≤"}:
        return match[0]
    opener, closer = "[" if left in ("≤", "≥") else "(", "]" if right in ("≤", "≥") else ")"
    return f"{name}≔{opener}{low or '-∞'},{high or '∞'}{closer}"


def _table(*rows: str) -> dict[str, str]:
    """'a b c' stands for b -> a and c -> a."""
    return {word: row.split()[0] for row in rows for word in row.split()[1:]}


# fmt: off
_SPELLINGS = _table(  # of commands and characters
    "* cdot times × · ⋅", "/ div ÷", "- − –", "± pm mp", "∪ cup", "= in ∈", "< lt", "> gt",
    "≤ le leq leqslant ⩽", "≥ ge geq geqslant ⩾", "≠ ne neq", "≈ approx", "∞ infty", ": colon",
    "| lvert rvert vert", "⌊ lfloor", "⌋ rfloor", "⌈ lceil", "⌉ rceil", "( langle", ") rangle",
    r"\{\} emptyset varnothing ∅", r"\frac dfrac tfrac cfrac over", r"\binom dbinom choose",
    "or lor", "; land", "° degree circ", r"{\pi} π", "' ′ ’", '"€" €', '"£" £',
    r"\frac12 ½", r"\frac14 ¼", r"\frac34 ¾",
    *(f"^{{{digit}}} {high}" for digit, high in zip("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True)),
)
_WORDS = _table(
    "h hour hr", "s sec second", "min minute", "in inch inche", "ft foot feet", "lb pound",
    "m meter", "cm centimeter", "mm millimeter", "km kilometer", "g gram", "kg kilogram",
    "USD dollar usd", "€ euro", "° degree", "% percent", "*12 dozen", "*10^{2} hundred",
    "*10^{3} thousand", "*10^{6} million", "*10^{9} billion", ", or", "; and", "no no", "so so",
)
_FUNCTIONS = "(?:arc)?(?:sin|cos|tan)|cot|sec|csc|(?:sin|cos|tan)h|ln|log"
_FUNCTION = re.compile(rf"\\(?:{_FUNCTIONS})(?:_.+)?")
_COMMAND = re.compile(rf"{_FUNCTIONS}|exp|sqrt|pi|theta|alpha|beta|gamma|delta|omega")
# A single letter is a unit only in \text{} or at the end after a space: '6 m', but not '6m'.
_UNIT = r"(?:[cmkd]m|[km]?g|m[lL]|yd|mi|in|ft|lb|oz|[kM]?Hz|mph|k?J|min|[mgshLNWVAKCF])(?![A-Za-z])"
_WORD = re.compile(  # but neither factors in a row nor what changes the number before it
    r"(?!(?:abcd?e?|def|uvw|more|less|least|most|not|than|half|thirds?|quarters?|fifths?|tenths?"
    r"|squared|cubed|times|plus|minus|over|under|about|factorial|only|maximum|minimum|below|above"
    r"|wrong|digits?|mod|root)$)(?=.*[aeiouAEIOU\u0080-\uffff])[^\W\d_][^\W\d_A-Z]{2,}"
)
_THOUSANDS = (  # rule 5; a plain comma within brackets separates: (2,251,252) is a triple
    r"(?<![0-9.,])[0-9]{1,3}(?:(?:(?:,\\! ?|\{,\}|\\,|\\!,\\!|[\u2009\u202f])[0-9]{3})+"
    r"|(?:,[0-9]{3})+(?![^(\[]*(?:[)\]]|\\\})))(?![0-9,])")
_TEXT = r"\\(?:text(?:bf|it|rm)?|[mh]box|mathrm|operatorname)\s*\{([^{}]*)\}"
_MATRIX = r"\{(?:[pbB]?(?:small)?matrix|array)\}(?:\{[lcr|]*\})?"
_FRACTION, _SLASHED = r"\s*\\frac\{([0-9]+)\}\{([0-9]+)\}", r"\s+([0-9]+)\s*/\s*([0-9]+)(?![\w.^])"
_LETTER = (r'(?:\\(?:d?dot|hat|bar|vec|tilde)\{\\?\w+\}|\\[a-zA-Z]+|[^\W\d_]|"[^"]+")'
           r"(?:_\{[^{}]*\}|_\w)?'*")
# What may stand before an answer (rule 8): x, x_1, f(x), P(A|B), AB, area, (x, y), |AB|
_NAME = (rf"((?!\\pi\b|i\b)(?:{_LETTER}(?:\([^()+*/^-]*\))?|(?:[A-Z]|\\[a-z]+ )+|⌜[A-Z]+⌝"
         rf"|\({_LETTER}(?:,{_LETTER})+\)))")
_START, _SIDE = r"(?:^|(?<=[,;]))", r"([^,;=<>≤≥≠]+)"
# What may be left out beside a number (rule 4)
_UNITS = re.compile(
    r'(?:(?<=[0-9.)}\]⌝])|(?<=pi))(?:[/*]?"[^"]+"(?:\^\{?-?[0-9]\}?)?)+|"(?:USD|€|£)"\*')
_REWRITES = [(re.compile(pattern), to) for pattern, to in (
    # characters, delimiters, roots, thousands, currency, spaces, sizes, fonts, symbols
    (r"[^\x00-\x7f]", lambda m: _SPELLINGS.get(m[0], m[0])),
    (r"(?<=\^\{[-0-9])\}\^\{|(?<!\\)\\[()\[\]]", ""), (r"(\s)\s+", r"\1"),
    (r"√\s*([0-9.]+)", r"\\sqrt{\1}"), ("√", r"\\sqrt "),
    (_THOUSANDS, lambda m: re.sub("[^0-9]", "", m[0])),
    (r"^(-?)\$(?=[0-9.][^$]*$)|\\\$", r'\1"USD"'),
    (r"\$|(?<!\\)\\[,;:> ]|~|\\q?quad\b|\\hspace\*?\{[^{}]*\}", " "), (r"(\s)\s+", r"\1"),
    (r"\\!|\\(?:left|right)\s*\.|\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])", ""),
    (r"\\(?:(?:display|text)style|math(?:bf|it)|boldsymbol)(?![a-zA-Z])", ""),
    (r"\\overline(?=\{[A-Z]+\})|\\boxed(?=\{)", ""),
    (_TEXT, lambda m: re.sub(r"(?<![\w(])([A-Za-z])(?![\w)])", r'"\1"', f" {m[1]} ")),
    (r"^\s+|\s*(?<!\.)\.?\s*$", ""), (r"\{([^{}]*)\\(over|choose)\b([^{}]*)\}", r"\\\2{\1}{\3}"),
    (r"\\([a-zA-Z]+)", lambda m: _SPELLINGS.get(m[1], m[0])), ("<=", "≤"), (">=", "≥"),
    # units, choices, bases
    (rf"(?<=[0-9])\s+{_UNIT}(?:\^\{{?-?[0-9]\}}?|/|\*|\s|{_UNIT})*$",
     lambda m: re.sub("[A-Za-z]+", r'"\g<0>"', m[0])),
    (r'(?:\^\s*(?:°|\{\s*°\s*\})|°)(?:\s*"?[CF]\b"?)?', '"°"'),
    (r"\\?%|\b[Pp]er\s?cent\b", '"%"'),  # rule 6
    (r"(?<=[a-z])\s+per\s+(?=[a-z])", "/"),
    (r"\b(?:sq(?:uare)?|(cubic))\s+([a-z]+)", lambda m: f"{m[2]}^{3 if m[1] else 2}"),
    (r"^\(([A-E])\)[ :.]+(?!.*\b(?:or|and)\b)[^(),]+$", r"\1"),  # '(B) 12' is the choice B
    (r"^(?:(?:[Oo]ption|[Cc]hoice)\s+(?=\(?[A-Z]\b)|=)|(?<=^[A-Z])\)$", ""),
    (r"\s*\(?\s*\b(?:in )?base\s*([0-9]+)\)?", r"_\1"), (r"\((\w+)\)(?=_)", r"\1"),
    # fractions, powers, matrices, bars, approximations
    (r"\\(frac|sqrt|binom)\s*([0-9])", r"\\\1{\2}"),
    (r"\\frac(\{[^{}]*\})\s*([0-9])", r"\\frac\1{\2}"),
    (rf"(?<![\w.^*/}}])([0-9]+)(?:{_FRACTION}|{_SLASHED})", r"(\1+\2\4/\3\5)"),  # rule 7
    (r"(?<![0-9])([0-9]*)\.([0-9]*)\\(?:overline|bar|dot)\{?([0-9]+)\}?",  # 0.1(6) is (16-1)/90
     lambda m: f"(({m[1]}{m[2]}{m[3]}-0{m[1]}{m[2]})/{'9' * len(m[3])}{'0' * len(m[2])})"),
    (r"(?<![0-9.])([0-9]+\.?[0-9]*|\.[0-9]+)[eE]\+?(-?[0-9]+)(?![0-9A-Za-z^])", r"(\1*10^{\2})"),
    (r"(?<=[0-9])\s*[xX]\s*(?=10\s*\^)", "*"), (r"\*\*", "^"),
    (r"\^\s*\{?((?:\s*\\prime)+)\s*\}?", lambda m: "'" * m[1].count("prime")),
    # rule 12: environments do not differ, but a determinant is another thing
    (rf"\\begin{_MATRIX}", "⟦⟦"), (rf"(?:\\\\)?\s*\\end{_MATRIX}", "⟧⟧"),
    (r"\\\\", "⟧,⟦"), ("&", ","),
    (r"(?<=[A-Z])\s*\|\s*(?=[A-Z]\))", r"\\mid "), (r"\|([^|]+)\|", r"⌜\1⌝"),
    (r"(?<=[0-9})])\s*≈.*", ""), ("≈", "="),  # what follows an exact value is rounded
    # words; spaces are left only between words and numbers
    (r'(?<![^\W\d_])(?<![\\"])[^\W\d_]{2,}', _mark_word), (r'(?<=\w)"\s+"(?=\w)', " "),
    (r"(?<![0-9A-Za-z\s])\s+(?!\s)|\s+(?![0-9A-Za-z\s])", ""),
    (r'("(?:USD|€|£)"|\))(?=[0-9.])', r"\1*"),
    (r",(?=[,;])", ""), (r"\\exp\b", "e^"), (r"\\(sin|cos|tan)\^\{?-1\}?", r"\\arc\1"),
    # names and their values (rules 8, 9)
    (rf"{_START}{_NAME}=(?!=)", r"\1≔"), (rf"^{_SIDE}={_NAME}$", r"\2≔\1"),
    (rf"{_START}(?:{_SIDE}([<≤>≥]))?{_NAME}(?:([<≤>≥]){_SIDE})?(?=[,;]|$)", _interval),
)]
# fmt: on

# ---- forms ---------------------------------------------------------------------------------------
Atom = (
    "str | int | tuple | Poly"  # a letter or pi; -1 or a prime; an opaque term, as sin(2x); a sum
)
Mono = frozenset  # of (atom, exponent); the exponents are integers or Fractions of either sign
Form = "Poly | Group"
_PRIMES = [p for p in range(2, 1000) if all(p % q for q in range(2, p))]


class Poly(dict):
    """A number or formula: Mono -> Fraction, without zeros. A sum is an atom where it is divided
    by or under a root: x/(x+1) has the monomial x^1 (x+1)^-1. Never changed, hence hashable."""

    kind = ""

    def __hash__(self):
        return hash(frozenset(self.items()))


class Group(NamedTuple):
    """Forms that belong together. kind: the brackets as they are written, so that (1,2) is a point
    and an interval; "{}" a set or list, "∪" a union, ":" a ratio, "⟦⟧" a matrix or a row of one,
    "≔" a name and its value, "=" and others a relation, "text" what can't be read."""

    kind: str
    items: tuple


class Unreadable(Exception):
    """Outside the language or beyond its bounds: rule 13 applies."""


def _term(factor: int | Fraction, *powers: tuple[Atom, int | Fraction]) -> Poly:
    return Poly({Mono(powers): Fraction(factor)} if factor else {})


def _rational(form: Form) -> Fraction | None:
    """The value of a form that is a rational number."""
    return None if form.kind or form.keys() - {Mono()} else form.get(Mono(), Fraction(0))


def _sum(a: Poly, b: Poly, sign: int = 1) -> Poly:
    """a + sign b, within the bounds."""
    total = {mono: a.get(mono, 0) + sign * b.get(mono, 0) for mono in {**a, **b}}
    total = Poly((mono, factor) for mono, factor in total.items() if factor)
    sizes = (max(abs(f.numerator), f.denominator).bit_length() for f in total.values())
    if len(total) > MAX_TERMS or max(sizes, default=0) > MAX_BITS:
        raise Unreadable
    return total


def _product(a: Poly, b: Poly) -> Poly:
    """a b, with the powers of rule 10: 3^(3/2) = 3 3^(1/2), and i = (-1)^(1/2)."""
    if len(a) * len(b) > 10 * MAX_TERMS:
        raise Unreadable
    total = {}
    for (m, p), (n, q) in product(a.items(), b.items()):
        powers, factor = dict(m), p * q
        for atom, exponent in n:
            powers[atom] = powers.get(atom, 0) + exponent
        for atom, exponent in powers.items():
            if isinstance(atom, int):
                whole = math.floor(exponent)
                if (abs(atom) - 1).bit_length() * abs(whole) > MAX_BITS:
                    raise Unreadable
                factor *= Fraction(atom) ** whole
                powers[atom] = exponent - whole
        mono = Mono(item for item in powers.items() if item[1])
        total[mono] = total.get(mono, 0) + factor
    return _sum(total, {})


@lru_cache(maxsize=1024)  # nested fractions repeat their denominators
def _power(base: Poly, exponent: Poly) -> Poly:
    """base ^ exponent. Letters in exponents split: 2^(n+1) = 2 2^n, 4^n = (2^n)^2 (rule 11)."""
    k, power = _rational(exponent), _term(1)
    above, factors = _cleared(base)
    if not above and not (k and k > 0):
        raise Unreadable  # 0^0, 0^-1 and 0^x are nothing
    if not above:
        return _term(0)
    if len(base) > 1 and k in range(MAX_POWER + 1):
        for _ in range(int(k)):
            power = _product(power, base)
        return power
    factors.update(_factors(above))
    for mono, factor in exponent.items():
        for atom, e in factors.items():
            if mono:
                atom = ("power", atom, mono)
            elif atom == -1 and e == 1 and factor.denominator % 2:
                e = (factor.numerator % 2) / factor  # odd roots of -1 are -1
            power = _product(power, _term(1, (atom, e * factor))) if e else power
    return power


def _factors(poly: Poly) -> Counter:
    """A polynomial as powers of atoms; a sum is opaque up to a rational factor."""
    numerators, denominators = zip(*(f.as_integer_ratio() for f in poly.values()), strict=True)
    above, below = math.gcd(*numerators), math.lcm(*denominators)
    if len(poly) > 1:
        factors = Counter([Poly({mono: f * below / above for mono, f in poly.items()})])
    else:
        factors = Counter(dict(*poly))
        factors[-1] += int(numerators[0] < 0)
    for n, e in ((above, 1), (below, -1)):
        for p in _PRIMES:
            while n % p == 0:
                n //= p
                factors[p] += e
        if n > 1:
            factors[n] += e
    return factors


def _cleared(poly: Poly) -> tuple[Poly, Counter]:
    """A polynomial without the sums that divide in it (zero just if it is), and their powers."""
    divisors, whole = Counter(), range(1, MAX_POWER + 1)
    atoms = [item for mono in poly for item in mono]
    while found := [a for a, e in atoms if isinstance(a, Poly) and (e < 0 or e in whole)]:
        powers = {mono: dict(mono).get(found[0], 0) for mono in poly}
        lowest = min(0, *powers.values())
        divisors[found[0]] += lowest
        total = Poly()
        for mono, factor in poly.items():
            others = _term(factor, *(item for item in mono if item[0] != found[0]))
            power = _power(found[0], _term(powers[mono] - lowest))
            total = _sum(total, _product(others, power))
        poly, atoms = total, [item for mono in total for item in mono]
    return poly, divisors


def _operate(sign: str, a: Form, b: Form) -> Poly:
    """a sign b for numbers and formulas (rule 11)."""
    if a.kind or b.kind:
        raise Unreadable
    if sign == "^":
        return _power(a, b)
    if sign == "/":
        b = _power(b, _term(-1))
    return _product(a, b) if sign in "*/" else _sum(a, b, -1 if sign == "-" else 1)


# ---- parse ---------------------------------------------------------------------------------------
_TOKEN = re.compile(
    rf"[0-9]+_(?:\{{[0-9]+\}}|[0-9])|[0-9]+\.?[0-9]*|\.[0-9]+|[-+]?∞|!+|{_LETTER}|\\.|\S", re.DOTALL
)
_BINDING = {":": 1, "∪": 2, "+": 3, "-": 3, "*": 4, "/": 4, "^": 5, "!": 6}
_OPENERS = {*"([{⌜⌊⌈⟦", r"\{"}
_RELATIONS = {*"≔=≠<>≤≥"}
_ENDS = {*")]}⌝⌋⌉⟧", r"\}", "", ",", ";"} | _RELATIONS
_DIGITS = tuple(".0123456789")
# Recursive descent: each function pops its own tokens from a stack whose last one is empty.


@lru_cache(maxsize=1024)
def _parse(text: str) -> Form:
    """The form of a normalised text, and of all values of a plus-minus. Never raises."""
    try:
        if text.count("±") > 5:
            raise Unreadable
        one_by_one = map("".join, product(*(char.replace("±", "+-") for char in text)))
        tokens = ["", *reversed(_TOKEN.findall(",".join(one_by_one)))]
        form = _collect(*_chain(tokens, {",", ";"}, _relation))
        if len(tokens) > 1:
            raise Unreadable
        return form
    except (Unreadable, RecursionError, ArithmeticError, ValueError):
        return Group("text", (text,))


def _group(kind: str, forms) -> Group:
    """A group of forms, and of the members of those that are groups of that kind."""
    items = (form.items if form.kind == kind else [form] for form in forms)
    return Group(kind, tuple(chain.from_iterable(items)))


def _chain(t: list[str], signs: set, operand: Callable) -> tuple[list[Form], str]:
    """Operands and the signs between them."""
    operands, found = [operand(t)], ""
    while t[-1] in signs:
        found += t.pop()
        operands.append(operand(t))
    return operands, found


def _collect(items: list[Form], separators: str = "") -> Form:
    """Rule 9: 'x = 1 or x = 2' and 'x = 1, 2' are x and a set; 'x < 1 or x > 2' a union."""
    if len(items) == 1:
        return items[0]
    if len(items) > MAX_TERMS:
        raise Unreadable
    names = [item.items[0] for item in items if item.kind == "≔"]
    if items[0].kind != "≔" or not all(_same(name, names[0]) for name in names):
        return _group("{}", items)
    values = [item.items[1] if item.kind == "≔" else item for item in items]
    union = len(names) == len(items) and all(v.kind in ("()", "[]", "(]", "[)") for v in values)
    kind = "∪" if union and ";" not in separators else "{}"
    return Group("≔", (names[0], _group(kind, values)))


def _relation(t: list[str]) -> Form:
    """An expression, or a chain of equations (rule 8) or others."""
    members, signs = _chain(t, _RELATIONS, _expression)
    if not set(signs) <= {"=", "≔"}:
        return Group(signs, tuple(members))
    constants = list(filter(_is_constant, members))
    if not all(_same(constant, constants[0]) for constant in constants):
        raise Unreadable  # rule 2: 3 = 5 is no answer
    if len(constants) == len(members) or not signs:
        return members[0]
    return Group(signs[0], (members[0], members[-1]))


def _is_constant(form: Form) -> bool:
    if not isinstance(form, Poly):
        return isinstance(form, int) or form == "pi"
    return all(_is_constant(atom) for mono in form for atom, _ in mono)


def _expression(t: list[str], binding: int = 0) -> Form:
    """Operands with operators that bind stronger than `binding`."""
    if t[-1] in ("+", "-"):
        left = _operate(t.pop(), _term(0), _expression(t, max(binding, 3)))
    else:
        left = _primary(t)
    while t[-1] not in _ENDS and _BINDING.get(t[-1], 4) > binding:
        sign = t.pop() if t[-1] in _BINDING else ""
        if not sign and t[-1].startswith(_DIGITS):
            raise Unreadable  # rule 7: a number right behind something is no factor
        if sign == "!":
            n = _rational(left)
            left = _term(math.factorial(int(n))) if n in range(201) else _term(1, (("!", left), 1))
            continue
        right = _expression(t, _BINDING.get(sign, 4) - (sign == "^"))
        group = sign in (":", "∪")
        left = _group(sign, [left, right]) if group else _operate(sign or "*", left, right)
    return left


def _primary(t: list[str]) -> Form:
    token = t.pop()
    word = re.sub(r'[{}_"\s\\]', "", token)
    if "∞" in token:  # the end of an interval, not a number
        return Group(token.strip("+"), ())
    if token.startswith(_DIGITS) and "_" not in token:
        return _term(Fraction(token))
    if token in _OPENERS:
        return _bracket(t, token)
    if token == "\\frac":
        return _operate("/", _primary(t), _primary(t))
    if token == "\\sqrt":
        degree = _bracket(t, t.pop()) if t[-1] == "[" else _term(2)
        return _operate("^", _primary(t), _operate("/", _term(1), degree))
    if token == "\\binom":
        nk = _primary(t), _primary(t)
        values = [int(v) for v in map(_rational, nk) if v in range(201)]
        return _term(math.comb(*values)) if len(values) == 2 else _term(1, (("C", *nk), 1))
    if _FUNCTION.fullmatch(token):
        return _function(t, word)
    if not (word.replace("'", "").isalnum() or word in ("%", "°", "€", "£")):
        raise Unreadable
    single = t[-3:-2] in ([")"], [","])  # I(0), d(A,B), but not n(n+1)
    if t[-1] == "(" and word != "pi" and (single or token in {*"fghFGHPu"}):
        return _term(1, ((word, _primary(t)), 1))
    return _term(1, (-1, Fraction(1, 2)) if word == "i" else (word, 1))


def _bracket(t: list[str], opener: str) -> Form:
    """After an opening bracket: (a), [a] and {a} are a; |a|, floor and ceiling are atoms."""
    items = [] if t[-1] == r"\}" else _chain(t, {",", ";"}, _relation)[0]
    kind = opener + t.pop()
    if kind == r"\{\}":
        return _group("{}", items)
    if len(items) == 1 and kind in ("()", "[]", "{}"):
        return items[0]
    if kind in ("()", "[]", "⟦⟧") or kind in ("(]", "[)") and len(items) == 2:
        return Group(kind, tuple(items))
    if kind not in ("⌜⌝", "⌊⌋", "⌈⌉") or len(items) > 1:
        raise Unreadable
    value = _rational(items[0])
    if value is None:
        return _term(1, ((kind, items[0]), 1))
    return _term({"⌊": math.floor, "⌈": math.ceil}.get(opener, abs)(value))


def _function(t: list[str], name: str) -> Form:
    """sin x, sin 2x, sin^2 x, log_2 (x): the argument ends at a sign, bracket or function."""
    power = _expression(t, 4) if t[-1] == "^" and t.pop() else _term(1)
    bracketed = t[-1] in _OPENERS
    argument = _primary(t) if bracketed else _expression(t, 4)
    while not (bracketed or t[-1] in _ENDS | _OPENERS | _BINDING.keys()):
        if _FUNCTION.fullmatch(t[-1]) or t[-1].startswith(_DIGITS):
            break
        argument = _operate("*", argument, _expression(t, 4))
    return _operate("^", _term(1, ((name, argument), 1)), power)


# ---- compare -------------------------------------------------------------------------------------
def is_equivalent(answer: str, gold: str) -> bool:
    """Whether two answers mean the same: symmetric, and reflexive unless blank.

    Never raises, in bounded time: beyond MAX_CHARS only equal strings count.
    """
    answer, gold = sorted((answer.strip(), gold.strip()))  # so that their order can't matter
    if answer == gold or len(answer) > MAX_CHARS or len(gold) > MAX_CHARS:
        return answer == gold != ""
    if _PLAIN.fullmatch(answer) and _PLAIN.fullmatch(gold):  # most answers are plain
        return Fraction(answer) == Fraction(gold)
    answer, gold = _normalise(answer), _normalise(gold)
    if answer == gold or not (answer and gold):
        return answer == gold != ""
    bare, bare_gold = _UNITS.sub(" ", answer), _UNITS.sub(" ", gold)
    one_unit = (bare == answer) != (bare_gold == gold)  # rule 4
    try:
        same = _same(_parse(answer), _parse(gold))
        return same or one_unit and _same(_parse(bare), _parse(bare_gold))
    except (Unreadable, RecursionError):
        return False


@lru_cache(maxsize=1024)  # nested sets ask for the same pairs again and again
def _same(a: Form, b: Form) -> bool:
    """Whether two forms are equal; at most quadratic in their number of members."""
    kinds = {a.kind, b.kind}
    if "text" in kinds:
        return a == b  # rule 13
    if kinds == {""}:  # rules 1, 10, 11
        return a == b or not _cleared(_sum(a, b, -1))[0]
    if kinds <= {"=", "≔"} and not any(x.kind for x in a.items + b.items):
        # rule 8: up to exchanging sides, moving terms and a constant factor
        p, q = (_cleared(_sum(*equation.items, -1))[0] for equation in (a, b))
        return p.keys() == q.keys() != set() and len({p[mono] / q[mono] for mono in p}) == 1
    if len(kinds) > 1:  # rule 8: 'x = 5' is 5
        named, other = (a, b) if a.kind == "≔" else (b, a)
        return named.kind == "≔" and _same(named.items[1], other)
    if a.kind in ("{}", "∪"):  # rule 9: without order, duplicates aside
        members = [(x, q.items) for p, q in ((a, b), (b, a)) for x in p.items]
        return all(any(x.kind == y.kind and _same(x, y) for y in others) for x, others in members)
    if a.kind == ":":  # rule 12, up to a factor
        a, b = (Group("", [_operate("/", x, g.items[0]) for x in g.items]) for g in (a, b))
    return len(a.items) == len(b.items) and all(map(_same, a.items, b.items))
