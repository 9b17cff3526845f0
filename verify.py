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
 3. Without a box: <answer>, '####', 'the answer is', else the last number with what belongs to it.
    A box that doesn't close and a response that breaks off give no answer; nor does 'the answer is
    not 5'.
 4. A unit, currency or counted noun beside a number may be left out, but not be another one.
 5. 1,234 and 1{,}234 are numbers, '1, 234' is a pair, and a comma is never a decimal point.
 6. 50% is 50 of the unit %. It is never turned into a fraction.
 7. 3\\frac12 and '3 1/2' are mixed numbers; other numbers side by side are nothing.
 8. 'x = 5' is 5, and the last member of a chain counts; equations of curves are equal up to moving
    terms and a constant factor.
 9. Tuples are ordered; lists, sets and unions are not, and have to be complete. An inequality is an
    interval, whose ends matter.
10. Radicals, pi and i have exact powers: sqrt(12) is 2 sqrt(3), i^2 is -1.
11. Formulas are equal as quotients of polynomials; upper and lower case differ.
12. Matrices go entry by entry; 12_8 is not 12; 1:2 is not 2:1; text is equal regardless of case.
13. Anything else is equal as a normalised string or not equal. No input raises an exception.
"""

import math
import re
from collections import Counter, namedtuple
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import product

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


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased: 1 - C(n-c, k) / C(n, k), exactly, with k samples drawn without replacement."""
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass_at_k needs 0 <= c <= n and 1 <= k <= n, but {n=}, {c=}, {k=}")
    return float(1 - Fraction(math.comb(n - c, k), math.comb(n, k)))


# ---- extract -------------------------------------------------------------------------------------
# fmt: off
# A text whose braces match, 20 deep
_BRACES = reduce(lambda inner, _: rf"(?:[^{{}}\\]|\\.|\{{{inner}\}})*+", range(20), "")
_BOX = rf"\\boxed\s*\{{({_BRACES})\}}"
_BESIDE = (  # what may stand between two boxes that are offered at once
    r"(?:[\s,;.$&%/|()*~<>{}-]|\\(?:[()\[\],;:!\\ ]|q?quad|text)|[A-Za-z](?:_\w)?\s*[=)<]"
    r"|\b(?:and|or|else|also|either|maybe|perhaps|possibly|alternatively|otherwise)\b){0,80}")
_BOXES = re.compile(f"{_BOX}(?:{_BESIDE}{_BOX})*", re.DOTALL)
_SHORT = re.compile(f".{{1,{MAX_CHARS}}}")  # one line
_PHRASE = re.compile(
    r"(?:<answer>|####|\b(?:answer|ans|correct (?:option|choice))(?:\s(?:to|of|for) [^.\n]{0,60}?)?"
    r"\s*(?:\b(?:is|are|was|(?:would|will|must|should) be|equals)\b|[:=]))"
    r"(?:[\s:=]|\$\$|\\\[|\b(?:therefore|thus|simply|just|exactly|actually|equal to|given by)\b)*+"
    r"(?!#|(?-i:[A-Z])[^\n:]{0,40}:[^\n]{0,80}\n)"  # but not '#### Step 2: add'
    r"(?:(?-i:[A-Z])[^.,;:\n]{0,60}?\s(?:is|are|has|have|makes|earns|needs|costs|will be)\s)?",
    re.IGNORECASE)
_CLAUSE_END = re.compile(
    r"\n|<[/|]|\.(?=\$*(?:\s|$))|(?<!\\)!(?=\s|$)|\s\((?!mod)[a-z]{3}"
    r"|,?\s\(?(?:because|since|as|which|so|of|when|for|i\.e\.|and (?:we|this|it|the))\s")
_NEGATED = re.compile(
    r"(?<!\S)(?=\S*[0-9])\S+\s(?:is|are)\s(?:not|wrong|incorrect)\b|\b(?:(?:is\s+)?(?:not|never"
    r"|cannot|wrong|false)|\w+n't)\b(?! hard)[^.,;:\n]{0,40}?[0-9][0-9.,/]*")
_WITH_NUMBER = (  # $x = 5$, but not '$5 or $'; \(x = 5\); a word with a digit
    r"(?:\$(?!\s)[^$]+(?<!\s)\$(?![0-9])|\\\((?:[^\\]|\\[^()]){0,600}+\\\)"
    r"|(?<!\S)(?=\S*[0-9])\S*[^\s.,;:!?*。，])")
_LAST = re.compile(  # the last number with what belongs to it: y = 2x, 3 or 5, - 7, 2 million
    r"(?:(?:\b\S{1,20}\s(?:[=<>≤≥≈≡≠]|\\neq?)|[-−±]|minus|negative|twice|half of|root of)\s)?"
    rf"{_WITH_NUMBER}(?:(?: [a-z]+(?=,? \(?or ))?[,;]? \(?(?:(?:[-+*·⋅/=<>×÷±≤≥≈≡x]|times|plus"
    rf"|minus|mod|and|or(?: [a-z]+)?) )?(?:\w [=<>≤≥] )?{_WITH_NUMBER})*"
    r"(?: (?:or (?:more|less)|squared|and a half|dozen|hundred|thousand|[mb]illion|pi|π))?")
_END = re.compile(  # of a response that doesn't break off: a full stop, or a few words
    r"(?![}^_(])(?:[\s\S]*[.!?。][-*_)$`\s]*|(?:[\s%$]|\\?[)\]]|(?!(?:is|are|equals|the|and|or|so|of|we"
    r"|to|by|then|that|gives?|get)$)[a-z]+\b){0,9})")
# fmt: on


def extract_answer(response: str) -> str | None:
    """The answer as it is written; None if there is none. Never raises; linear in the length.

    Thinking does not count if anything follows it; if nothing does, only a box in it counts.
    """
    _, closed, final = response.rpartition("</think>")
    if not final.strip() or "<think>" in response and not closed:
        return _boxed(response)
    if "\\boxed" in final:
        return _boxed(final)
    return _stated(re.sub(r"(?<![\w)])\*\*|\*\*(?![\w(])", "", final.strip()[-MAX_TAIL:]).strip())


def _boxed(text: str) -> str | None:
    """The content of the last box; of boxes side by side, all their contents as a list (rule 2)."""
    last = text.rfind("\\boxed")
    runs = list(_BOXES.finditer(text, max(0, last - 3 * MAX_CHARS), last + 3 * MAX_CHARS))
    if not runs or runs[-1].end() <= last:
        return None  # rule 3: there is none, or it does not close
    contents = [content.strip() for content in re.findall(_BOX, runs[-1][0], re.DOTALL)]
    return ", ".join(dict.fromkeys(contents)) or None  # an empty box is no answer


def _stated(tail: str) -> str | None:
    """The answer of a response without a box (rule 3)."""
    if _SHORT.fullmatch(tail) and '"' not in (text := _normalise(tail)) and _parse(text):
        return tail  # the response is nothing but an answer: it holds no words
    tail = _NEGATED.sub(" ", tail).strip()
    if phrases := list(_PHRASE.finditer(tail)):
        rest = tail[phrases[-1].end() :].strip()
        if phrases[-1][0].startswith("<"):
            return rest.rpartition("</answer>")[0].strip() or None
        return _CLAUSE_END.split(rest, maxsplit=1)[0].strip('*_`,;" \t\n') or None
    found = list(_LAST.finditer(tail))
    if not found or not _END.fullmatch(tail, found[-1].end()):
        return None
    last = re.split(r"(?<![\^_A-Za-z])[0-9)]\s*=>?|>>|->|→", found[-1][0].replace("$", ""))[-1]
    closed = len(re.findall(r"[(\[]", last)) == len(re.findall(r"[)\]]", last))
    return last.strip('*_`" ' if closed else "() ")


# ---- normalise -----------------------------------------------------------------------------------
# fmt: off
_ROWS = (  # spellings of commands, characters and words: * for \cdot, for \times and so on
    r"* \cdot \times × · ⋅  / \div ÷  - − –  ± \pm  = \in ∈  < \lt  > \gt  ≈ \approx  : \colon  "
    r"≤ \le \leq \leqslant ⩽  ≥ \ge \geq \geqslant ⩾  ≠ \ne \neq  , \land \lor \cup ∪ or and  "
    r"| \lvert \rvert \vert  ⌊ \lfloor  ⌋ \rfloor  ⌈ \lceil  ⌉ \rceil  ( \langle  ) \rangle  "
    r"\{\} \emptyset \varnothing ∅  \frac \dfrac \tfrac \cfrac \over  \binom \dbinom \choose  "
    r"π \pi pi  ∞ \infty infinity  \angle ∠  ° \degree \circ  ' ′ ’  ? \mp \not \neg  "
    r"α \alpha alpha  β \beta beta  γ \gamma gamma  δ \delta delta  ε \epsilon \varepsilon  "
    r"ζ \zeta  η \eta  θ \theta \vartheta theta  κ \kappa  λ \lambda lambda  μ \mu  ν \nu  ξ \xi  "
    r"ρ \rho rho  σ \sigma sigma  τ \tau  φ \phi \varphi phi  χ \chi  ψ \psi  ω \omega omega  "
    r"Γ \Gamma  Δ \Delta  Θ \Theta  Λ \Lambda  Ξ \Xi  Π \Pi  Σ \Sigma  Φ \Phi  Ψ \Psi  Ω \Omega  "
    r"ℓ \ell  ħ \hbar  \frac12 ½  \frac14 ¼  \frac34 ¾  *12 dozen  *10^{2} hundred  "
    r'*10^{3} thousand  *10^{6} million  *10^{9} billion  "€" € euro  "£" £  "USD" usd dollar  '
    r'"%" percent  "°" degree  "h" hour  "s" second  "min" minute  "in" inch inche  "lb" pound  '
    r'"ft" foot feet  "g" gram  "m" meter  "cm" cm centimeter  "mm" mm millimeter  "mph" mph  '
    r'"km" km kilometer  "cent" ¢  "kg" kg kilogram  "of" of')
_SPELLINGS = {word: row.split()[0] for row in _ROWS.split("  ") for word in row.split()[1:]}
_FUNCTION = "(?:arc)?(?:sin|cos|tan)h?|cot|sec|csc|ln|log"
_UNIT = r"(?:[cmkd]m|[km]?g|m[lL]|yd|mi|in|ft|lb|oz|[kM]?Hz|k?J|min|hr|[mgshLNWVAKCFΩ])(?![A-Za-z])"
_CHANGES = (  # words that change the number or name beside them: unreadable
    r"(?:more|less|least|most|fewer|not?|never|so|if|to|is|twice|doubled?|hal[fv]e?|times|plus"
    r"|minus|[a-z]*(?:squared|cubed)|negative|inverse|reciprocal|over|under|about|factorial|only"
    r"|wrong|m[ai][xn]imum|below|above|mod(?:ulo)?|digit|root|third|quarter|lakh|crore|one|two|three"
    r"|five|eight|nine|twelve|(?:four|six|seven|ten|eleven)(?:th)?|[a-z]+(?:teen|dred|sand|lion)th"
    r"|(?:fif|eigh|nin|twelf)th|(?:twen|thir|for|fif|six|seven|eigh|nine)t(?:y|ieth)|trillion|false)s?")
_WORD = (r"(?!(?:abcd?e?|def|uvw)$)(?=.*[aeiouAEIOU\u0080-\uffff])(?!.*(.)\1\1)"  # not factors
         r"(?:[^\W\d_][^\W\d_A-Z]{2,}|[A-Z]{4,})")
_UNITS = re.compile(r'"(?:USD|€|£)"\*|(?<=[0-9.)}\]⌝π])'  # may be left out beside a number (rule 4)
                    r'(?:[/*a]?"[^"]+"(?:\^\{?-?[0-9]\}?)?)+(?= *(?:$|[]),;=<>≤≥}⟧≈]))')
_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_NESTED = r"(?:[^{}]|\{[^{}]*\})*"
_MATRIX = r"\{(?:[pbB]?(?:small)?matrix|array)\}(?:\{[lcr|]*\})?"
_REWRITES = [(re.compile(pattern), to) for pattern, to in (  # each sees what those before it left
    ('"', " "), ("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: f"^{{{m[0].translate(_SUPERSCRIPTS)}}}"),
    # rule 5; a plain comma within brackets separates: (2,251,252) is a triple
    ((r"(?<![0-9.,])[1-9][0-9]{0,2}(?:(?:(?:,\\! ?|\{,\}|\\[,;:]|\\!,\\!|[\u2009\u202f])[0-9]{3})+"
      r"|(?:,[0-9]{3})+(?![^(\[]*(?:[)\]]|\\\})))(?!,?[0-9])"), lambda m: re.sub(r"\D", "", m[0])),
    # currency, spaces, sizes, fonts, words, spellings
    (r"^(-?)(?:US)?\$(?=[0-9.][^$]*$)|(?:US)?\\\$", r'\1"USD"'),
    (r"(?:(?<!\\)\\(?:[()\[\],;:> ]|q?quad\b|hspace\*?\{[^{}]*\})|[$~\s])+", " "),
    ((r"\\!|\{\}|\\(?:left|right)\s*\.|\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle"
      r"|boldsymbol|math(?:bf|it)|overline(?=\{[A-Z]+\})|boxed)(?![a-zA-Z])"), ""),
    (rf"\\(?:text(?:bf|it|rm)?|[mh]box|mathrm|operatorname)\s*\{{({_NESTED})\}}",
     lambda m: re.sub(r"(?<![\w(])([mgshLNWVAKCF])(?![\w)])", r'"\1"', f" {m[1]} ")),
    (r"\s+", " "), (r"^ | ?\.? ?$", ""), (r"\\mathbb ?\{?R\}?|ℝ", "(-∞,∞)"),
    (rf"\{{({_NESTED})(\\over|\\choose)\b({_NESTED})\}}", r"\2{\1}{\3}"),
    (r"\\[a-zA-Z]+|[^\x00-\x7f√]", lambda m: _SPELLINGS.get(m[0], m[0])),
    (r"√\s*([0-9.]+)", r"\\sqrt{\1}"), ("√", r"\\sqrt "), ("<=", "≤"), (">=", "≥"), (r"\*\*", "^"),
    # degrees, percent (rule 6), choices such as '(B) 12', bases
    (r'(?:\^ ?(?:°|\{ ?° ?\})|°)(?: ?"?([CF])\b"?)?', r'"°\1"'), (r"\\?%|\b[Pp]er cent\b", '"%"'),
    (r"\b(?:sq(?:uare|\.)?|(cubic)) ([a-z]+)", lambda m: f"{m[2]}^{3 if m[1] else 2}"),
    (r"^\(?([A-E])[).:]+ (?!.*(?:\b(?:or|and|is|[A-E])\b|\. ))[^(),]{1,40}$", r"\1"),
    (r"^(?:(?:[Oo]ption|[Cc]hoice) (?=\(?[A-Z]\b)|=)|(?<=^[A-Z])\)$", ""),
    (r" ?\(? ?\b(?:in )?base ?([0-9]+)\)?", r"_{\1}"), (r"(?<![\w}])[({](\w+)[)}](?=_)", r"\1"),
    # fractions, mixed numbers (rule 7), 0.1(6) as (16-1)/90, powers of ten, primes
    (r"\\(frac|sqrt|binom) ?([0-9])", r"\\\1{\2}"), (r"\\frac({[^{}]*}) ?([0-9])", r"\\frac\1{\2}"),
    ((r"(?<![\w.^*/}])([0-9]+)(?: ?\\frac{([0-9]+)}{([0-9]+)}| ([0-9]+) ?/ ?([0-9]+)(?![\w.^]))"),
     r"(\1+\2\4/\3\5)"),
    (r"(?<![0-9])([0-9]*)\.([0-9]*)\\(?:overline|bar|dot)\{?([0-9]+)\}?",
     lambda m: f"(({m[1]}{m[2]}{m[3]}-0{m[1]}{m[2]})/{'9' * len(m[3])}{'0' * len(m[2])})"),
    (r"(?<![0-9.])([0-9]+\.?[0-9]*|\.[0-9]+)[eE]\+?(-?[0-9]+)(?![0-9A-Za-z^])", r"(\1*10^{\2})"),
    (r"(?<=[0-9]) ?[xX] ?(?=10 ?\^)", "*"),
    (r"\^ ?\{?((?: ?\\prime)+) ?\}?", lambda m: "'" * m[1].count("prime")),
    # single letters are units only here, behind a number and a space: '6 m', but not '6m'
    ((r"(?:(?<=[0-9)])(?<![A-Za-z][\^_][0-9])|10\^\{-?[0-9]+\}) "
      rf"{_UNIT}(?:\^\{{?-?[0-9]\}}?|/|\*| |{_UNIT})*$"),
     lambda m: re.sub("[A-Za-zΩ]+", r'"\g<0>"', m[0])),
    # rule 12: environments do not differ, but a determinant is another thing
    (rf"\\begin{_MATRIX}", "⟦⟦"), (rf"(?:\\\\)? ?\\end{_MATRIX}", "⟧⟧"),
    (r"\\\\(?:\[\w+\])?", "⟧,⟦"), ("&", ","),
    # \angle ABC, P(A | B) and \gcd(m, n) are names; {x | x > 2} is an inequality, |x| an absolute
    # value; π ≈ 3.14 is π
    (r"(?:(?:m ?)?\\angle ?[\w{} ]+|(?:\\?gcd|\\mathbb\{P\}|\\Pr|P) ?\([^()=<>]+\))(?= ?=)",
     lambda m: '"' + re.sub(r"[\s{}]", "", m[0]) + '"'),
    (r"\\\{([a-z])(?: ?= ?\(-∞,∞\))? ?(?:\\mid|\||:)(.*[=<>≤≥].*)\\\}", r"\2"),
    (r"\|([^|]+)\|", r"⌜\1⌝"), (r"(?<=[0-9})π]) ?≈ ?-?[0-9]*\.[0-9]+", ""), ("≈", "="),
    # words; spaces are left only between words and numbers
    (r'(?<![^\W\d_])(?<![\\"])[^\W\d_]{2,}', lambda m: _mark_word(m[0])),
    (r"(?<![0-9A-Za-z.\s])\s+(?!\s)|\s+(?![0-9A-Za-z.\s])", ""),
    (r'("(?:USD|€|£)"|\))(?=[0-9.])', r"\1*"), (r",(?=[,;])", ""),
    (r"\\exp\b", "e^"), (r"\\(sin|cos|tan)\^\{?-1\}?", r"\\arc\1 "),
)]
# fmt: on


@lru_cache(maxsize=1024)  # the rollouts of a group share their gold
def _normalise(text: str) -> str:
    """One spelling of what looks the same."""
    for pattern, to in _REWRITES:
        text = pattern.sub(to, text)
    return text


def _mark_word(run: str) -> str:
    """Letters in a row: sin -> \\sin, meters -> "m"; those of xyz, RC and abc are factors."""
    word = re.sub("(?<=..)s$", "", run.lower())
    if re.fullmatch(rf"{_FUNCTION}|exp|sqrt", run):
        return f"\\{run} "
    if re.fullmatch(_CHANGES, run.lower()):
        return f"?{word}"
    if word in _SPELLINGS:
        return _SPELLINGS[word]
    return f'"{word}"' if re.fullmatch(_WORD, run) else run


# ---- parse: forms --------------------------------------------------------------------------------
# Outside the language or beyond its bounds: rule 13 applies. math.factorial(-1) raises it as well.
Unreadable = ValueError


class Sum(frozenset):
    """A number or formula: pairs (monomial, Fraction), a monomial a frozenset of (atom, exponent).

    Atoms are letters and words; -1 and primes, with exponents from 0 to 1; functions, ("\\sin", x)
    for sin x and ("^", 2, n) for 2^n; and sums in a denominator, under a root or to a high power.
    """

    kind = ""


class Form(namedtuple("Form", "kind items")):
    """Sums or forms that belong together.

    kind: the brackets as they are written, so that (1,2) is a point and an interval; "{}" a set,
    list or union, "⟦⟧" a matrix or a row of one, "=", ":" and others a relation, with an interval
    in place of an inequality. "," is a list that is still being read. items: a tuple of them.
    """


def _term(number: Fraction | int, powers: dict | tuple = ()) -> Sum:
    """number * atom^exponent * ..., where whole powers are multiplied out (rule 10)."""
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
    """p + sign q of sums or other pairs of monomial and number."""
    total = Counter(dict(p))
    total.update({mono: sign * number for mono, number in q})
    terms = Sum(term for term in total.items() if term[1])
    if len(terms) > MAX_TERMS:
        raise Unreadable
    return terms


def _multiply(p: Sum, q: Sum) -> Sum:
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
    """
    powers = Counter()
    for (atom, e), (mono, times) in product(_factors(base).items(), exponent):
        if times % 1 and e not in (0, 1) and (atom == -1 or _is_constant(atom)):
            raise Unreadable  # the root of a power may have another sign
        if atom == -1 and times.denominator % 2:
            times = times.numerator  # odd roots of -1 are -1
        powers[("^", atom, mono) if mono else atom] += e * times
    return _term(1, powers)


def _factors(total: Sum) -> Counter:
    """A sum as powers of -1, primes (up to 1000, and what is left) and other atoms.

    0 is Unreadable: 0^0, 0^-1 and 0^x are nothing, and nobody writes 0^2.
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
    """The terms of a sum, times all denominators, and theirs in turn (rule 11)."""
    below = Counter()
    for mono, _ in total:
        below |= Counter({atom: -e for atom, e in mono if isinstance(atom, Sum)})
    if not below:
        return dict(total)
    return _cleared(_multiply(total, Sum({(frozenset(below.items()), Fraction(1))})))


def _operate(sign: str, a: Sum | Form, b: Sum | Form) -> Sum:
    """a sign b for numbers and formulas."""
    if a.kind or b.kind:
        raise Unreadable
    if sign == "^":
        return _power(a, b)
    if sign in "+-":
        return _add(a, b, -1 if sign == "-" else 1)
    return _multiply(a, _power(b, _term(-1)) if sign == "/" else b)


# ---- parse: recursive descent --------------------------------------------------------------------
# fmt: off
_LETTER = (r'(?:\\(?:d?dot|hat|bar|vec|tilde)\s*(?:\{\\?\w+\}|\\\w+|\w)'
           rf'|\\(?:{_FUNCTION})(?![a-z])|[A-Z]{{3,}}(?![\w^])|[^\W\d_]'
           r"""|"[^"]+")(?:_\s*(?:\{[^{}]*\}|[\w∞]))?'*""")
_TOKEN = re.compile(r"[0-9]+_(?:\{[0-9]+\}|[0-9])|[0-9][0-9A-F]*_\{1[1-6]\}"
                    r"|[0-9]+(?:\.(?!\()[0-9]*)?"
                    rf"|\.[0-9]+|[-+]?∞|!!+|{_LETTER}|\\(?:[a-zA-Z]+|.)|\S")
# fmt: on
_IS_FUNCTION = re.compile(rf"\\(?:{_FUNCTION})(?:_.+)?")
_BINDING = {s: n for n, row in enumerate((",;", "=≠<>≤≥:", "+-", "*/", "^", "!"), 1) for s in row}
_OPENERS, _CLOSERS = {*"([{⌜⌊⌈⟦", r"\{"}, {*")]}⌝⌋⌉⟧", r"\}", ""}
_DIGITS = tuple(".0123456789")
_VALUES = {"!": math.factorial, "\\binom": math.comb, "⌊⌋": math.floor, "⌈⌉": math.ceil, "⌜⌝": abs}
# Each function pops its own tokens from a stack t whose last one is empty.


@lru_cache(maxsize=1024)
def _parse(text: str) -> Sum | Form | None:
    """The form of a normalised text, and of all values of a plus-minus; None if unreadable."""
    if "±" in text and len(text) << text.count("±") > 3 * MAX_CHARS:
        return None
    one_by_one = map("".join, product(*(char.replace("±", "+-") for char in text)))
    tokens = ["", *reversed(_TOKEN.findall(",".join(one_by_one)))]
    try:
        form = _expression(tokens)
        if form.kind == ",":  # a list is the set of its members, and of those of sets among them
            form = Form("{}", sum((i.items if i.kind == "{}" else (i,) for i in form.items), ()))
        return form if len(tokens) == 1 else None
    except (Unreadable, RecursionError, ArithmeticError, TypeError):
        return None


def _expression(t: list[str], binding: int = 0) -> Sum | Form:
    """Operands with operators that bind stronger than `binding`."""
    signed = t[-1] in ("+", "-")
    left = _operate(t.pop(), _term(0), _expression(t, max(binding, 3))) if signed else _primary(t)
    while t[-1] not in _CLOSERS and (level := _BINDING.get(t[-1], 4)) > binding:
        sign = t.pop() if t[-1] in _BINDING else ""
        if not sign and t[-1].startswith(_DIGITS) and (t[-2] != "^" or _is_constant(left)):
            raise Unreadable  # rule 7: a number behind something is no factor, but n2^n is n * 2^n
        if not sign and re.match('"[a-z°]', t[-1]) and not _is_constant(left):
            raise Unreadable  # words stand beside numbers only: 'A beats B' is not 'B beats A'
        if sign == "!":
            left = _apply(sign, left)
        elif level > 2:
            left = _operate(sign or "*", left, _expression(t, level - (sign == "^")))
        else:
            members, signs = [left, _expression(t, level)], sign
            while _BINDING.get(t[-1]) == level:
                signs += t.pop()
                members.append(_expression(t, level))
            if len(members) > MAX_TERMS:
                raise Unreadable
            left = _relation(members, signs) if level == 2 else Form(",", tuple(members))
    return left


def _relation(members: list, signs: str) -> Sum | Form:
    """A chain of equations (rule 8), of inequalities (rule 9) or of something else."""
    first, last = members[0], members[-1]
    if set(signs) == {"="}:
        numbers = [member for member in members if _is_constant(member)]
        if not all(_same(number, last) for number in numbers[:-1]):
            raise Unreadable  # rule 2: 3 = 5 is no answer
        if len(members) == 2 and _is_name(last) and not _is_name(first):
            first, last = last, first
        return last if len(numbers) == len(members) else Form("=", (first, last))
    if set(signs) <= {*">≥"}:
        members, signs = members[::-1], signs[::-1].translate(str.maketrans(">≥", "<≤"))
    if set(signs) <= {*"<≤"} and len(members) == 2:  # x < 3 is (-∞,3)
        below = _is_name(members[0])
        members = [Form("-∞", ()), *members] if below else [*members, Form("∞", ())]
        signs = "<" + signs if below else signs + "<"
    if set(signs) <= {*"<≤"} and len(members) == 3 and _is_name(members[1]):
        ends = "(["[signs[0] == "≤"] + ")]"[signs[1] == "≤"]
        return Form("=", (members[1], Form(ends, (members[0], members[2]))))
    return Form(signs, tuple(members))


def _is_constant(form: Sum | Form) -> bool:
    """Whether this is a number or formula without letters."""
    atoms = {atom for mono, _ in form for atom, _ in mono} if isinstance(form, Sum) else {""}
    return all(isinstance(a, int) or isinstance(a, Sum) and _is_constant(a) for a in atoms - {"π"})


def _is_name(form: Sum | Form) -> bool:
    """What may stand before an answer (rule 8): x, f(x), AB, m + n, p/q, (x, y), but not x + y."""
    if form.kind:
        return form.kind == "()" and all(map(_is_name, form.items))
    atoms = [item for mono, _ in form for item in mono]
    heads = [a[0] for a, e in atoms if isinstance(a, str | tuple) and a != "π" and e in (1, -1)]
    # no roots, no sin x; 1 r but not 2 r, p/q but not 1/q; x y and x + y are curves
    plain = all(re.match(r"\\|[^\W\d_]", h) and not _IS_FUNCTION.fullmatch(h) for h in heads)
    whole = all(number == 1 and 1 in dict(mono).values() for mono, number in form)
    curve = len(atoms) > 1 and {a for a, _ in atoms} & {*"xyz"}
    return plain and whole and not curve and len(heads) == len(atoms) > 0


def _primary(t: list[str]) -> Sum | Form:
    token = t.pop()
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
        degree = _bracket(t, t.pop()) if t[-1] == "[" else _term(2)
        return _operate("^", _primary(t), _operate("/", _term(1), degree))
    name = re.sub(r'(?<=.)\\|[{}"\s]', "", token)
    if _IS_FUNCTION.fullmatch(token):
        return _function(t, name)
    if not re.fullmatch(rf"[0-9].*|{_LETTER}", token):
        raise Unreadable  # \subset, \partial and the like are no letters
    one_token = t[-3:-2] in ([")"], [","])  # I(0), d(A,B), but not n(n+1)
    if t[-1] == "(" and name != "π" and (one_token or token in {*"fgFGP"}):
        return _apply(name, _primary(t))
    return _term(1, {-1: Fraction(1, 2)} if name == "i" else {name: 1})


def _apply(name: str, *arguments: Sum | Form) -> Sum | Form:
    """A function of forms: its value if it is known, else an atom."""
    numbers = [sum(n for _, n in a) for a in arguments if not a.kind and not any(m for m, _ in a)]
    if name in _VALUES and len(numbers) == len(arguments) and max(map(abs, numbers)) <= 1000:
        return _term(_VALUES[name](*(int(n) if n == int(n) else n for n in numbers)))
    return _term(1, {(name, *arguments): 1})


def _bracket(t: list[str], opener: str) -> Sum | Form:
    """After an opening bracket: (a), [a] and {a} are a; |a|, floor and ceiling are functions."""
    form = Form(",", ()) if t[-1] == r"\}" else _expression(t)
    kind, items = opener + t.pop(), form.items if form.kind == "," else (form,)
    if len(items) == 1 and kind in ("()", "[]", "{}"):
        return form
    kind = kind.replace("\\", "")  # (5) is 5, but \{5\} is a set
    if kind in ("()", "[]", "{}", "⟦⟧") or kind in ("(]", "[)") and len(items) == 2:
        return Form(kind, items)
    if kind not in _VALUES or len(items) != 1:
        raise Unreadable
    return _apply(kind, form)


def _function(t: list[str], name: str) -> Sum | Form:
    """sin x, sin 2x, sin^2 x, log_2 (x): the argument ends at a sign, bracket or function."""
    power = _expression(t, 4) if t[-1] == "^" and t.pop() else _term(1)
    if t[-1] in _OPENERS:
        return _operate("^", _apply(name, _primary(t)), power)
    argument = _expression(t, 4)
    while t[-1] not in _CLOSERS | _OPENERS | _BINDING.keys() and not _IS_FUNCTION.fullmatch(t[-1]):
        argument = _operate("*", argument, _expression(t, 4))
    return _operate("^", _apply(name, argument), power)


# ---- compare -------------------------------------------------------------------------------------
_PLAIN = re.compile(r"[-+]?[0-9]{1,99}(?:\.[0-9]{1,99}|/[0-9]{0,99}[1-9])?")  # needs no parser


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
    if answer == gold:
        return answer != ""
    bare, bare_gold = _UNITS.sub(" ", answer), _UNITS.sub(" ", gold)
    one_unit = (bare == answer) != (bare_gold == gold)  # rule 4
    try:
        same = _same(_parse(answer), _parse(gold))
        return same or one_unit and _same(_parse(bare), _parse(bare_gold))
    except (Unreadable, RecursionError):
        return False


@lru_cache(maxsize=1024)  # nested sets ask for the same pairs again and again
def _same(a: Sum | Form | None, b: Sum | Form | None) -> bool:
    """Whether two forms are equal; at most quadratic in their number of members."""
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
