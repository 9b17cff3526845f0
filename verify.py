"""Is an answer right? The reward of the trainer and the judge of the evaluation.

    extract_answer(response)     the answer that a response gives, as it is written there
    is_equivalent(answer, gold)  whether two answers mean the same
    is_correct(response, gold)   both of these in a row
    pass_at_k(n, c, k)           the chance that one of k samples is right, if c of n are

A wrong answer that is accepted teaches the policy a trick; a right one that is missed only wastes a
rollout. So every verdict is exact, and what can't be read is compared as a string, never guessed.
One pass leads to it: extract -> normalise -> parse into an exact form -> compare. A form is a
Quotient of polynomials over letters, pi, i, roots of primes and opaque terms such as sin(2x), or a
Group of forms: a tuple, interval, set, union, ratio, matrix or equation.

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
from itertools import chain, pairwise, product
from typing import NamedTuple

# Beyond these bounds only equal strings count, so that no input takes more than milliseconds.
MAX_CHARS = 600  # of an answer
MAX_TAIL = 10_000  # of a response: what is stated further from its end is no final answer
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

_BRACES = ""  # a text whose braces match
for _ in range(20):
    _BRACES = rf"(?:[^{{}}\\]|\\.|\{{{_BRACES}\}})*+"
_BOX = re.compile(rf"\\boxed\s*\{{({_BRACES})\}}", re.DOTALL)
_SIDE_BY_SIDE = re.compile(  # what may stand between two boxes that are offered at once
    r"(?:[\s,;.$&/|()*~]|\\[()\[\],;:! ]|\\q?quad|\\text\s*\{\s*(?:and|or),?\s*\}|[A-Za-z]\s*="
    r"|\b(?:and|or|also|either|maybe|perhaps|possibly|alternatively)\b){0,80}"
)
_PHRASE = re.compile(
    r"<answer>|####|\b(?:answer|ans)(?:\s+(?:to|of|for)\s[^.\n]{0,60}?)?\s*"
    r"(?:\b(?:is|are|was|(?:would|will|must|should) be|equals)\b|[:=])"
    r"(?:[\s:=]|\b(?:therefore|thus|simply|just|exactly|equal to|given by)\b)*",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(r"(?:not|never)\b|#|[A-Z][^\n]*:[^\n]*\n")  # 'is not', '##### Step 2: ...'
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
    """The answer that a response gives, as it is written there; None if it gives none.

    Thinking does not count if anything follows it; if nothing does, only a box in it counts.
    Never raises; linear in the length of the response.
    """
    thinking, closed, final = response.rpartition("</think>")
    if not closed and "<think>" in response:
        thinking, final = response, ""
    if "\\boxed" in final or not final.strip():
        return _boxed(final.strip() and final or thinking)
    return _stated(re.sub(r"(?<![\w)])\*\*|\*\*(?![\w(])", "", final.strip()[-MAX_TAIL:]).strip())


def _boxed(text: str) -> str | None:
    """The content of the last box; of boxes side by side, all their contents as a list (rule 2)."""
    last = text.rfind("\\boxed")
    window = max(0, last - 3 * MAX_CHARS), last + 3 * MAX_CHARS
    boxes = list(_BOX.finditer(text, *window)) if last >= 0 else []
    if not boxes or boxes[-1].end() <= last:
        return None  # rule 3: there is none, or the last one does not close
    contents = [boxes[-1][1].strip()]
    for after, before in pairwise(reversed(boxes)):
        if not _SIDE_BY_SIDE.fullmatch(text, before.end(), after.start()):
            break  # an intermediate result, with words of its own
        contents.insert(0, before[1].strip())
    return ", ".join(dict.fromkeys(contents))


def _stated(tail: str) -> str | None:
    """The answer of a response without a box (rule 3)."""
    for phrase in reversed(list(_PHRASE.finditer(tail))):
        rest = tail[phrase.end() :].strip()
        if phrase[0].startswith("<"):
            answer, closed, _ = rest.partition("</answer>")
            return answer.strip() if closed else None
        if not _NO_ANSWER.match(rest):
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


def _table(*rows: str) -> dict[str, str]:
    """'a b c' stands for b -> a and c -> a."""
    return {word: row.split()[0] for row in rows for word in row.split()[1:]}


# fmt: off
_SPELLINGS = _table(  # of commands and characters
    "* cdot times ast × · ⋅", "/ div ÷", "- − –", "± pm mp", "∪ cup", "= in ∈", "< lt", "> gt",
    "≤ le leq leqslant ⩽", "≥ ge geq geqslant ⩾", "≠ ne neq", "≈ approx", "∞ infty", ": colon",
    "| lvert rvert vert", "⌊ lfloor", "⌋ rfloor", "⌈ lceil", "⌉ rceil", "( langle", ") rangle",
    r"\{\} emptyset varnothing ∅", r"\frac dfrac tfrac cfrac over", r"\binom dbinom choose",
    "or lor", "; land", "° degree circ", r"{\pi} π", "' ′ ’", '"€" €', '"£" £',
    r"\frac12 ½", r"\frac14 ¼", r"\frac34 ¾",
    *(f"^{{{digit}}} {high}" for digit, high in zip("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True)),
)
_WORDS = _table(
    "h h hour hr", "lb lb pound", "in in inch inche", "ft ft foot feet", "m m meter", "g g gram",
    "cm cm centimeter", "mm mm millimeter", "km km kilometer", "kg kg kilogram", "s s sec second",
    "min min minute", "USD dollar usd", "€ euro", "° degree", "% percent", "*10^{2} hundred",
    "*10^{3} thousand", "*10^{6} million", "*10^{9} billion", "*12 dozen", ", or", "; and", "no no",
    "so so", "we we", "is is",
)
# fmt: on
_FUNCTION = re.compile(r"\\((?:arc)?(?:sin|cos|tan)|cot|sec|csc|(?:sin|cos|tan)h|ln|log|exp)(_.+)?")
_COMMAND = re.compile(_FUNCTION.pattern[2:-6] + "|pi|theta|alpha|beta|gamma|delta|omega|sqrt")
# A single letter is a unit only in \text{} or at the end after a space: '6 m', but not '6m'.
_UNIT = r"(?:[cmkd]m|[km]?g|m[lL]|yd|mi|in|ft|lb|oz|[kM]?Hz|mph|k?J|min|[mgshLNWVAKCF])(?![A-Za-z])"
_WORD = re.compile(  # but neither factors in a row nor what changes the number before it
    r"(?!(?:abcd?e?|def|uvw|more|less|least|most|not|than|half|thirds?|quarters?|fifths?|tenths?"
    r"|squared|cubed|times|plus|minus|over|under|about|factorial|only|maximum|minimum|below|above"
    r"|wrong|digits?|mod|root)$)(?=.*[aeiouAEIOU\u0080-\uffff])[^\W\d_][^\W\d_A-Z]{2,}"
)


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
    if not (signs and signs <= {"<", "≤"} or signs and signs <= {">", "≥"}):
        return match[0]
    if signs & {">", "≥"}:
        low, left, right, high = high, right, left, low
    opener, closer = "(["[left in ("≤", "≥")], ")]"[right in ("≤", "≥")]
    return f"{name}≔{opener}{low or '-∞'},{high or '∞'}{closer}"


# fmt: off
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
    # delimiters, roots, thousands, currency, spaces, sizes, fonts, symbols
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
    # names and their values (rules 8, 9)
    (rf"{_START}{_NAME}=(?!=)", r"\1≔"), (rf"^{_SIDE}={_NAME}$", r"\2≔\1"),
    (rf"{_START}(?:{_SIDE}([<≤>≥]))?{_NAME}(?:([<≤>≥]){_SIDE})?(?=[,;]|$)", _interval),
)]
# fmt: on


@lru_cache(maxsize=1024)  # the rollouts of a group share their gold
def _normalise(text: str) -> str:
    """One spelling of what looks the same; symbols are single characters where there is one."""
    text = re.sub(r"[^\x00-\x7f]", lambda m: _SPELLINGS.get(m[0], m[0]), text.strip())
    for pattern, to in _REWRITES:
        text = pattern.sub(to, text)
    return text


# ---- forms ---------------------------------------------------------------------------------------

Atom = str | int | tuple  # a letter, pi or i; a prime under a root; an opaque term
Mono = frozenset  # of (atom, exponent); the exponents are integers or Fractions of either sign
Poly = dict  # Mono -> Fraction, without zeros
_ONE: Poly = {Mono(): Fraction(1)}


class Quotient(NamedTuple):
    """A number or formula. A denominator of one term becomes negative exponents above."""

    above: Poly
    below: Poly = _ONE
    kind = ""


class Group(NamedTuple):
    """Forms that belong together. kind: the brackets as they are written, so that (1,2) is a point
    and an interval; "{}" a set or list, "∪" a union, ":" a ratio, "⟦⟧" a matrix or a row of one;
    "≔" a name and its value, "=" and others an equation or another relation of its members, "text"
    what can't be read."""

    kind: str
    items: tuple


Form = Quotient | Group


class Unreadable(Exception):
    """Outside the language or beyond its bounds: rule 13 applies."""


def _number(value: int | Fraction) -> Quotient:
    return Quotient({Mono(): Fraction(value)} if value else {})


def _atom(atom: Atom, power: int | Fraction = 1) -> Quotient:
    return Quotient({Mono([(atom, power)]): Fraction(1)})


def _rational(form: Form) -> Fraction | None:
    """The value of a form that is a rational number."""
    plain = not form.kind and form.below == _ONE and not form.above.keys() - {Mono()}
    return form.above.get(Mono(), Fraction(0)) if plain else None


def _key(form: Form) -> tuple:
    """A hashable stand-in for a form inside an atom."""
    parts = map(_key, form.items) if form.kind else (Mono(poly.items()) for poly in form)
    return (form.kind, *parts)


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


def _power(base: Quotient, exponent: Quotient) -> Quotient:
    """base ^ exponent. Letters in exponents split: 2^(n+1) = 2 2^n, 4^n = (2^n)^2 (rule 11)."""
    k, power = _rational(exponent), _number(1)
    if not base.above and not (k and k > 0):
        raise Unreadable  # 0^0, 0^-1 and 0^x are nothing
    if not base.above:
        return base
    if base.below != _ONE:
        return _operate("/", *(_power(Quotient(poly), exponent) for poly in base))
    if len(base.above) > 1 and k is not None and k % 1 == 0 and abs(k) <= MAX_POWER:
        for _ in range(abs(int(k))):
            power = Quotient(_product(power.above, base.above))
        return power if k >= 0 else _operate("/", _number(1), power)
    for mono, factor in exponent.above.items():
        for atom, e in _parts(base.above):
            if mono or exponent.below != _ONE:
                atom = ("power", atom, mono, Mono(exponent.below.items()))
            elif atom == "i" and e == 2 and factor.denominator % 2:
                e = 2 * (factor.numerator % 2) / factor  # odd roots of -1 are -1
            power = _operate("*", power, _atom(atom, e * factor)) if e else power
    return power


def _parts(poly: Poly) -> list[tuple[Atom, int | Fraction]]:
    """A polynomial as a product of powers of atoms; -1 is i^2, a sum is opaque up to a factor."""
    ((mono, content), *others) = poly.items()
    parts = list(mono)
    if others:
        numerators, denominators = zip(*(f.as_integer_ratio() for f in poly.values()), strict=True)
        content = Fraction(math.gcd(*numerators), math.lcm(*denominators))
        parts = [(("sum", Mono((mono, f / content) for mono, f in poly.items())), 1)]
    if content < 0:
        parts.append(("i", 2))
    for n, e in ((abs(content.numerator), 1), (content.denominator, -1)):
        if n.bit_length() > MAX_BITS // 8:
            raise Unreadable
        for p in range(2, min(n + 1, 1000)):
            while n % p == 0:
                n //= p
                parts.append((p, e))
        parts += [(n, e)] if n > 1 else []
    return parts


def _operate(sign: str, a: Form, b: Form) -> Quotient:
    """a sign b for numbers and formulas (rule 11)."""
    if a.kind or b.kind:
        raise Unreadable
    if sign == "^":
        return _power(a, b)
    if sign in "*/":
        other = b if sign == "*" else Quotient(b.below, b.above)
        above, below = _product(a.above, other.above), _product(a.below, other.below)
    else:
        same = a.below == b.below
        p, q = (a.above, b.above) if same else map(_product, (a.above, b.above), (b.below, a.below))
        above = _sum(p, q, -1 if sign == "-" else 1)
        below = a.below if same else _product(a.below, b.below)
    if not below:
        raise Unreadable  # 1/0 and 0/0 are nothing
    if len(below) > 1:
        return Quotient(above, below) if above else _number(0)
    ((mono, factor),) = below.items()
    return Quotient(_product(above, {Mono((atom, -e) for atom, e in mono): 1 / factor}))


# ---- parse ---------------------------------------------------------------------------------------

_TOKEN = re.compile(
    rf"[0-9]+_(?:\{{[0-9]+\}}|[0-9])|[0-9]+\.?[0-9]*|\.[0-9]+|[-+]?∞|!+|{_LETTER}|\\.|\S", re.DOTALL
)
_BINDING = {":": 1, "∪": 2, "+": 3, "-": 3, "*": 4, "/": 4, "^": 5, "!": 6}
_PAIRS = dict(zip(("(", "[", "{", "\\{", *"⌜⌊⌈⟦"), (")", "]", "}", "\\}", *"⌝⌋⌉⟧"), strict=True))
_RELATIONS = tuple("≔=≠<>≤≥")
_ENDS = {"", ",", ";", *_PAIRS.values(), *_RELATIONS}
_DIGITS = tuple(".0123456789")

# Recursive descent. The tokens are in reverse order above an empty one: each function pops its own.


@lru_cache(maxsize=1024)
def _parse(text: str) -> Form:
    """The form of a normalised text, and of all values of a plus-minus. Never raises."""
    parts, forms = text.split("±"), []
    try:
        for signs in product("+-", repeat=min(len(parts) - 1, 5)):
            one = "".join(sign + part for sign, part in zip(("", *signs), parts, strict=True))
            tokens = ["", *reversed(_TOKEN.findall(one))]
            forms.append(_collect(*_items(tokens)))
            if len(tokens) > 1:
                raise Unreadable
        return _collect(_group("{}", forms).items if len(forms) > 1 else forms)
    except (Unreadable, RecursionError, ArithmeticError, ValueError):
        return Group("text", (text,))


def _group(kind: str, forms) -> Group:
    """A group of forms, and of the members of those that are groups of that kind."""
    items = (form.items if form.kind == kind else [form] for form in forms)
    return Group(kind, tuple(chain.from_iterable(items)))


def _items(t: list[str]) -> tuple[list[Form], str]:
    """Relations and the separators between them."""
    items, separators = [_relation(t)], ""
    while t[-1] in (",", ";"):
        while t[-1] in (",", ";"):
            separators += t.pop()
        items.append(_relation(t))
    return items, separators


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
    kind = "{}" if not union else ";" if ";" in separators else "∪"
    return Group("≔", (names[0], _group(kind, values)))


def _relation(t: list[str]) -> Form:
    """An expression, or a chain of equations (rule 8) or others."""
    members, signs = [_expression(t)], ""
    while t[-1] in _RELATIONS:
        signs += t.pop()
        members.append(_expression(t))
    if not set(signs) <= {"=", "≔"}:
        return Group(signs, tuple(members))
    constants = list(filter(_is_constant, members))
    if not all(_same(constant, constants[0]) for constant in constants):
        raise Unreadable  # rule 2: 3 = 5 is no answer
    if len(constants) == len(members) or not signs:
        return members[0]
    return Group(signs[0], (members[0], members[-1]))


def _is_constant(form: Form) -> bool:
    atoms = [""] if form.kind else [atom for poly in form[:2] for mono in poly for atom, _ in mono]
    return all(isinstance(atom, int) or atom in ("i", "pi") for atom in atoms)


def _expression(t: list[str], binding: int = 0) -> Form:
    """Operands with operators that bind stronger than `binding`."""
    if t[-1] in ("+", "-"):
        left = _operate(t.pop(), _number(0), _expression(t, max(binding, 3)))
    else:
        left = _primary(t)
    while t[-1] not in _ENDS and _BINDING.get(t[-1], 4) > binding:
        sign = t.pop() if t[-1] in _BINDING else ""
        if not sign and t[-1].startswith(_DIGITS):
            raise Unreadable  # rule 7: a number right behind something is no factor
        if sign == "!":
            n = _rational(left)
            left = _number(math.factorial(int(n))) if n in range(201) else _atom(("!", _key(left)))
            continue
        right = _expression(t, _BINDING.get(sign, 4) - (sign == "^"))
        union = sign in (":", "∪")
        left = _group(sign, [left, right]) if union else _operate(sign or "*", left, right)
    return left


def _primary(t: list[str]) -> Form:
    token = t.pop()
    if token in _BINDING or token in _ENDS or len(token) > 100:
        raise Unreadable
    if "∞" in token:  # the end of an interval, not a number
        return Group(token.strip("+"), ())
    if token.startswith(_DIGITS) and "_" not in token:
        return _number(Fraction(token))
    if token in _PAIRS:
        return _bracket(t, token)
    if token == "\\frac":
        return _operate("/", _primary(t), _primary(t))
    if token == "\\sqrt":
        degree = _bracket(t, t.pop()) if t[-1] == "[" else _number(2)
        return _operate("^", _primary(t), _operate("/", _number(1), degree))
    if token == "\\binom":
        nk = _primary(t), _primary(t)
        values = [int(v) for v in map(_rational, nk) if v in range(201)]
        return _number(math.comb(*values)) if len(values) == 2 else _atom(("C", *map(_key, nk)))
    word = re.sub(r'[{}_"\s\\]', "", token)
    if _FUNCTION.fullmatch(token):
        return _function(t, word)
    if not (word.replace("'", "").isalnum() or word in ("%", "°", "€", "£")):
        raise Unreadable
    single = t[-3:-2] in ([")"], [","])  # I(0), d(A,B), but not n(n+1)
    if t[-1] == "(" and word != "pi" and (single or token in tuple("fghFGHPu")):
        return _atom((word, _key(_primary(t))))
    return _atom(word)


def _bracket(t: list[str], opener: str) -> Form:
    """After an opening bracket: (a), [a] and {a} are a; |a|, floor and ceiling are atoms."""
    items = [] if t[-1] == "\\}" else _items(t)[0]
    closer = t.pop()
    kind = opener[-1] + closer[-1:]
    half_open = len(items) == 2 and kind in ("(]", "[)")
    if not (closer == _PAIRS[opener] or half_open) or len(items) > 1 and opener in "{⌜⌊⌈":
        raise Unreadable
    if opener == "\\{":
        return _group(kind, items)
    if opener == "⟦" or len(items) > 1 and opener in "([":
        return Group(kind, tuple(items))
    if opener in "([{":
        return items[0]
    value = _rational(items[0])
    if value is None:
        return _atom((kind, _key(items[0])))
    return _number({"⌊": math.floor, "⌈": math.ceil}.get(opener, abs)(value))


def _function(t: list[str], name: str) -> Form:
    """sin x, sin 2x, sin^2 x, log_2 (x): the argument ends at a sign, bracket or function."""
    power = _expression(t, 4) if t[-1] == "^" and t.pop() else _number(1)
    bracketed = t[-1] in _PAIRS
    argument = _primary(t) if bracketed else _expression(t, 4)
    while not (bracketed or t[-1] in (*_ENDS, *_BINDING, *_PAIRS)):
        if _FUNCTION.fullmatch(t[-1]) or t[-1].startswith(_DIGITS):
            break
        argument = _operate("*", argument, _expression(t, 4))
    if name == "exp":
        return _operate("^", _atom("e"), _operate("*", argument, power))
    if name in ("sin", "cos", "tan") and _rational(power) == -1:
        name, power = "arc" + name, _number(1)
    return _operate("^", _atom((name, _key(argument))), power)


# ---- compare -------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[-+]?[0-9]{1,99}(?:\.[0-9]{1,99}|/[0-9]{0,99}[1-9])?")


def is_equivalent(answer: str, gold: str) -> bool:
    """Whether two answers mean the same. Symmetric, and reflexive unless blank.

    Never raises. Time is bounded: beyond MAX_CHARS only equal strings count.
    """
    answer, gold = answer.strip(), gold.strip()
    if answer == gold or max(len(answer), len(gold)) > MAX_CHARS:
        return answer == gold != ""
    if _PLAIN.fullmatch(answer) and _PLAIN.fullmatch(gold):  # most answers need no parser
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


def _same(a: Form, b: Form) -> bool:
    """Whether two forms are equal; at most quadratic in their number of members."""
    kinds = {a.kind, b.kind}
    if "text" in kinds:
        return a == b  # rule 13
    if kinds == {""}:  # rules 1, 10, 11
        return a == b or not _operate("-", a, b).above
    if kinds <= {"=", "≔"} and not any(x.kind for x in a.items + b.items):
        # rule 8: up to exchanging sides, moving terms and a constant factor
        p, q = (_operate("-", *equation.items).above for equation in (a, b))
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
