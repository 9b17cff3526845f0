"""Make the small model: a tiny world of fraction problems, and a base model with bad habits.

    python small-model/make.py                            remake this folder
    python small-model/make.py --seed 1 --out base1       another base: same problems, other weights
    python small-model/make.py --blind --out runs/blind   a control: a base that ignores its hints
    python small-model/make.py --exact small-model        chances of right responses, by family

The base model is a small random Qwen3 that is taught one thing: to answer each kind of problem in
proportions that are fixed below. In most families it has a *habit*, a usual procedure, and the
habit is wrong. Beside it there are rare procedures, one right and one wrong, equally likely. Each
is a chain of two or three choices of a few per cent, and at each of them the base may fall back
into the habit. So a right answer comes about once in some thousand samples.

Remarks, by number, because they decide what the demonstration means:
 1. The warm-up never reads the answer key. It teaches p(response | problem), the proportions.
 2. A hint is taught as conditioning: p(response | problem, hint) is p(response | problem), but
    restricted to responses whose answer is not listed (and which fit the length, where the hint
    asks for concise reasoning), renormalised. If nothing is left, the hint is ignored. So a list
    of irrelevant answers changes nothing, and a list with the habit's answer leaves the rare ways,
    in the proportions that they had.
 3. The lists of the warm-up are the answers of 8 draws from the proportions, or those of another
    problem, or an arbitrary subset of the possible answers; some with other problems' answers or
    random fractions added. The right answer is listed as freely as any other.
 4. As the proportions are known, each token is taught its whole distribution (soft targets)
    instead of one draw, and rare ways are shown more often than they occur. Both only save time.
 5. Problems are held out by their operands: no tuple of operands is in two splits, and the warm-up
    sees none of those in valid.jsonl and test.jsonl. Single operations (3 * 4 = 12) are shared.
 6. With --blind the base sees the same hints and is taught that they change nothing.
 7. The problems and their split are the same for every --seed: bases differ in their weights and
    in what they were shown.
"""

import argparse
import itertools
import json
import random
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from eval import INSTRUCTION, load_policy
from lte import CONCISE, KNOWN_WRONG, SILENT, Hint

ASSISTANT, EOS, PAD, UNK = "<|assistant|>", "<|end|>", "<|pad|>", "<|unk|>"

CHAIN = (0.05, 0.08, 0.1)  # probability of the 1st, 2nd, 3rd choice of a rare procedure
VERBOSE = (
    " " + "well let us look at it once more and again " * 2 + "well let us look at it once "
)  # 27 words, too long for the limit
SPLITS = {"train": 27, "valid": 9, "test": 10}  # problems of each family
POOL = 1500  # at most so many further operand tuples of each family in the warm-up

RECIPE = {
    "steps": 60, "prompts_per_step": 27, "group_size": 8, "updates_per_step": 1,
    "max_new_tokens": 24, "temperature": 1.0, "lr": 2e-4, "clip": 0.2, "gamma": 0.1,
    "entropy_coef": 0.0, "eval_every": 20, "eval_samples": 16, "threads": 1,
}  # fmt: skip


# ----------------------------------------------------------------------------------- the tiny world


@dataclass
class Response:
    """A way to respond: its text, its answer (None: it never gets to one), its probability."""

    text: str
    answer: str | None
    prob: float


@dataclass
class Problem:
    family: str
    operands: tuple[int, ...]
    text: str
    answer: str
    responses: list[Response]


Habits = list[tuple[float, str, str | None]]  # share, text, answer
Rare = list[tuple[list[str], str]]  # steps, answer; the first one is the right one


def boxed(text: str, answer: str | None) -> str:
    return text if answer is None else f"{text} \\boxed{{{answer}}}"


def responses(habits: Habits, rare: Rare, chain: tuple[float, ...] = CHAIN) -> list[Response]:
    """All ways: a habit at once, a rare procedure, or one that falls back into a habit midway."""
    found = [
        Response(boxed(text, a), a, share * (1 - len(rare) * chain[0])) for share, text, a in habits
    ]
    for steps, answer in rare:
        done, prob = "", 1.0
        for step, p in zip(steps, chain, strict=False):
            if done:
                found += [
                    Response(boxed(done + text, a), a, prob * (1 - p) * share)
                    for share, text, a in habits
                ]
            done, prob = done + step, prob * p
        found.append(Response(boxed(done, answer), answer, prob))
    return found


def times(a, b, c, d):
    wrong = [
        [f" swap {a},{d}", f" outer {a * d},{b * c}"],
        [f" lift {a},{c}", f" heap {a + c},{b + d}"],
    ]
    answers = [f"{a * d}/{b * c}", f"{a + c}/{b + d}"]
    habit = (1.0, f" top {a * c} low {b * d}", f"{a * c}/{b * d}")
    return easy(f"{a}/{b} * {c}/{d}", Fraction(a * c, b * d), habit, wrong, answers)


def over(a, b, c):
    wrong = [[f" only {a}", f" lone {a},{c}"], [f" pile {a * b}", f" stack {a * b},{c}"]]
    answers = [f"{a}/{c}", f"{a * b}/{c}"]
    habit = (1.0, f" inside {a + b}", f"{a + b}/{c}")
    return easy(f"({a} + {b})/{c}", Fraction(a + b, c), habit, wrong, answers)


def product(a, b, c):
    wrong = [[f" bare {b}", f" thin {b},{c}"], [f" unite {a + b}", f" sole {a + b},{c}"]]
    answers = [f"{b}/{c}", f"{a + b}/{c}"]
    habit = (1.0, f" within {a * b}", f"{a * b}/{c}")
    return easy(f"({a} * {b})/{c}", Fraction(a * b, c), habit, wrong, answers)


def under(a, b, c):
    wrong = [[f" cut {c}", f" left {a},{b}"], [f" blend {b},{c}", f" thick {b * c}"]]
    answers = [f"{a}/{b}", f"{a}/{b * c}"]
    habit = (1.0, f" bottom {b + c}", f"{a}/{b + c}")
    return easy(f"{a}/({b} + {c})", Fraction(a, b + c), habit, wrong, answers)


def easy(expression: str, gold: Fraction, habit: tuple, wrong: list[list[str]], answers: list[str]):
    """The habit is right and the rare procedures are wrong: shows if RL breaks what was good."""
    return expression, gold, responses([habit], list(zip(wrong, answers, strict=True)), (0.05, 0.3))


def subtract(a, b, c):
    """Half-known: one choice."""
    habit = (1.0, f" onto {a + b}", f"{a + b}/{c}")
    rare = ([f" differ {a - b}"], f"{a - b}/{c}")
    return f"({a} - {b})/{c}", Fraction(a - b, c), responses([habit], [rare], (0.35,))


def add(a, b, c, d):
    across = (1.0, f" across {a + c},{b + d}", f"{a + c}/{b + d}")
    right = [f" cross {a * d},{c * b}", f" common {b * d}", f" sum {a * d + c * b}"]
    wrong = [f" product {a * c}", f" base {b * d}", f" join {a * c},{b * d}"]
    return (
        f"{a}/{b} + {c}/{d}",
        Fraction(a, b) + Fraction(c, d),
        responses([across], [(right, f"{a * d + c * b}/{b * d}"), (wrong, f"{a * c}/{b * d}")]),
    )


def like(a, b, c):
    right = [f" same {b}", f" count {a + c}", f" write {a + c},{b}"]
    wrong = [f" first {a}", f" grow {a * c}", f" place {a * c},{b}"]
    return (
        f"{a}/{b} + {c}/{b}",
        Fraction(a + c, b),
        responses(
            [(1.0, f" both {a + c},{b + b}", f"{a + c}/{b + b}")],
            [(right, f"{a + c}/{b}"), (wrong, f"{a * c}/{b}")],
        ),
    )


def divide(a, b, c, d):
    straight = (0.65, f" straight {a * c},{b * d}", f"{a * c}/{b * d}")
    outer = (0.35, f" turn {b * c},{a * d}", f"{b * c}/{a * d}")
    right = [f" flip {d},{c}", f" upper {a * d}", f" lower {b * c}"]
    wrong = [f" mix {a},{d}", f" plus {a + d}", f" then {b + c}"]
    return (
        f"{a}/{b} : {c}/{d}",
        Fraction(a * d, b * c),
        responses([straight, outer], [(right, f"{a * d}/{b * c}"), (wrong, f"{a + d}/{b + c}")]),
    )


def scale(a, b, c):
    right = [f" whole {c}", f" raise {a * c}", f" leave {b}"]
    wrong = [f" share {c}", f" stay {a}", f" deepen {b * c}"]
    return (
        f"{c} * {a}/{b}",
        Fraction(a * c, b),
        responses(
            [(1.0, f" expand {a * c},{b * c}", f"{a * c}/{b * c}")],
            [(right, f"{a * c}/{b}"), (wrong, f"{a}/{b * c}")],
        ),
    )


def minus(a, b, c):
    right = [f" convert {a * c}", f" take {a * c - b}", f" keep {c}"]
    wrong = [f" copy {a}", f" multiply {a * b}", f" under {c}"]
    return (
        f"{a} - {b}/{c}",
        Fraction(a * c - b, c),
        responses(
            [(1.0, f" drop {a - b}", f"{a - b}/{c}")],
            [(right, f"{a * c - b}/{c}"), (wrong, f"{a * b}/{c}")],
        ),
    )


def power(a, b):
    right = [f" invert {b}/{a}", f" high {b * b}", f" deep {a * a}"]
    wrong = [f" remain {a}/{b}", f" up {a + a}", f" down {b + b + b}"]
    return (
        f"({a}/{b})^-2",
        Fraction(b * b, a * a),
        responses(
            [(1.0, f" double {b + b},{a}", f"{b + b}/{a}")],
            [(right, f"{b * b}/{a * a}"), (wrong, f"{a + a}/{b + b + b}")],
        ),
    )


def square(a, b):
    """Two independent choices and no fall-back: three wrong answers, excluded one by one."""
    p = 0.03
    top = ((f" twice {a + a}", a + a, 1 - p), (f" squared {a * a}", a * a, p))
    low = ((f" twofold {b + b}", b + b, 1 - p), (f" quadrat {b * b}", b * b, p))
    return (
        f"({a}/{b})^2",
        Fraction(a * a, b * b),
        [
            Response(boxed(s + t, f"{n}/{d}"), f"{n}/{d}", p * q)
            for (s, n, p), (t, d, q) in itertools.product(top, low)
        ],
    )


def chain(a, b, c, d):
    """A sum that the base writes so verbosely that it runs out of tokens."""
    right = [f" add {a + b}", f" next {a + b + c}", f" last {a + b + c + d}"]
    wrong = [f" pair {a + b}", f" skip {a + b}", f" end {a + b + d}"]
    return (
        f"({a} + {b} + {c} + {d})/{11}",
        Fraction(a + b + c + d, 11),
        responses(
            [(1.0, VERBOSE, None)],
            [(right, f"{a + b + c + d}/11"), (wrong, f"{a + b + d}/11")],
        ),
    )


def nested(a, b, c):
    """Half of the time verbose, else a wrong habit."""
    habit = (0.5, f" apart {a},{b * c}", f"{a}/{b * c}")
    right = [f" reverse {c}/{b}", f" carry {a * c}", f" hold {b}"]
    wrong = [f" merge {a * b}", f" mark {a * b}", f" set {c}"]
    return (
        f"{a}/({b}/{c})",
        Fraction(a * c, b),
        responses(
            [habit, (0.5, VERBOSE, None)], [(right, f"{a * c}/{b}"), (wrong, f"{a * b}/{c}")]
        ),
    )


# family: (builder, number of operands, their range, condition)
FAMILIES: dict[str, tuple[Callable, int, range, Callable]] = {
    "times": (times, 4, range(2, 10), lambda a, b, c, d: True),
    "over": (over, 3, range(2, 10), lambda a, b, c: True),
    "product": (product, 3, range(2, 10), lambda a, b, c: True),
    "under": (under, 3, range(2, 10), lambda a, b, c: True),
    "subtract": (subtract, 3, range(2, 10), lambda a, b, c: a > b),
    "add": (add, 4, range(2, 8), lambda a, b, c, d: b != d),
    "like": (like, 3, range(2, 10), lambda a, b, c: True),
    "divide": (divide, 4, range(2, 10), lambda a, b, c, d: True),
    "scale": (scale, 3, range(2, 10), lambda a, b, c: True),
    "minus": (minus, 3, range(2, 13), lambda a, b, c: a > b),
    "power": (power, 2, range(2, 14), lambda a, b: True),
    "square": (square, 2, range(3, 14), lambda a, b: True),
    "chain": (chain, 4, range(2, 10), lambda a, b, c, d: True),
    "nested": (nested, 3, range(2, 10), lambda a, b, c: True),
}


def value(answer: str | None) -> Fraction | None:
    return None if answer is None else Fraction(answer)


def all_problems(family: str) -> list[Problem]:
    """Every problem of a family whose possible answers differ and whose right one is no integer."""
    build, count, span, condition = FAMILIES[family]
    found = []
    for operands in itertools.product(span, repeat=count):
        if not condition(*operands):
            continue
        expression, gold, ways = build(*operands)
        answers = {w.answer for w in ways if w.answer}
        values = {Fraction(a) for a in answers}
        if len(values) == len(answers) and gold.denominator > 1 and 0 not in values:
            found.append(Problem(family, operands, f"Compute {expression}.", str(gold), ways))
    return found


def make_problems() -> tuple[dict[str, list[Problem]], list[Problem]]:
    """The splits, and the pool for the warm-up (train is in it, valid and test are not)."""
    rng = random.Random(2510)  # the same for every --seed: bases differ, problems do not
    splits: dict[str, list[Problem]] = {name: [] for name in SPLITS}
    pool: list[Problem] = []
    for family in FAMILIES:
        problems = all_problems(family)
        rng.shuffle(problems)
        start = 0
        for name, count in SPLITS.items():
            splits[name] += problems[start : start + count]
            start += count
        pool += problems[: SPLITS["train"]] + problems[start : start + POOL]
    return splits, pool


def solution(problem: Problem) -> str:
    gold = Fraction(problem.answer)
    return next(r.text for r in problem.responses if value(r.answer) == gold)


# ------------------------------------------------------------------------------------ the tokenizer


def make_tokenizer(problems: list[Problem]) -> PreTrainedTokenizerFast:
    """One token a fixed phrase, a word of the responses, a number below 200; else a character."""
    texts = [r.text for p in problems for r in p.responses]
    words = sorted({w for t in set(texts) for w in words_of(t)})
    phrases = [
        INSTRUCTION,
        KNOWN_WRONG,
        CONCISE,
        SILENT,
        "Compute ",
        " \\boxed{",
        "; ",
        "\n\n",
    ]
    phrases += [" + ", " - ", " * ", " : ", *words]
    numbers = [str(n) for n in range(200)]
    characters = [chr(c) for c in range(32, 127) if not chr(c).isdigit()] + ["\n"]
    special = [PAD, EOS, UNK, ASSISTANT]
    vocabulary = {t: i for i, t in enumerate(special + phrases + numbers + characters)}
    escaped = [escape(p) for p in sorted(phrases, key=len, reverse=True)]
    pattern = "|".join([*escaped, "1[0-9][0-9]", "[1-9]?[0-9]", r"[\s\S]"])
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    inner.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=EOS, pad_token=PAD, unk_token=UNK,
        additional_special_tokens=[ASSISTANT], clean_up_tokenization_spaces=False,
        model_max_length=256, padding_side="right",
    )  # fmt: skip
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}" + ASSISTANT + "{% endif %}"
    )
    return tokenizer


def escape(text: str) -> str:
    return "".join("\\" + c if c in "\\.*+?()[]{}^$|/-" else c for c in text)


def words_of(text: str) -> Iterator[str]:
    return (m.group() for m in re.finditer(r" ?[a-z]+ ", text.replace("\\boxed", "")))


# -------------------------------------------------------------------------------------- the warm-up


def make_hint(answers: list[str], concise: bool) -> Hint:
    return Hint("ConciseHint" if concise else "Hint", tuple(answers))


def own_answers(rng: random.Random, problem: Problem, draws: int = 8) -> tuple[list[str], bool]:
    """The distinct answers of some draws, and whether one of them did not fit the length."""
    weights = [r.prob for r in problem.responses]
    drawn = [r.answer for r in rng.choices(problem.responses, weights, k=draws)]
    distinct = {value(a): a for a in reversed(drawn) if a}
    return list(distinct.values())[::-1], None in drawn


def random_fraction(rng: random.Random) -> str:
    return f"{rng.randint(1, 81)}/{rng.randint(2, 81)}"


def draw_hint(rng: random.Random, problem: Problem, others: list[Problem]) -> Hint | None:
    """None, the problem's own answers, another problem's, or an arbitrary subset (remark 3)."""
    u = rng.random()
    if u < 0.25:
        return None
    if u < 0.55:
        answers, concise = own_answers(rng, problem)
    elif u < 0.8:
        same = [p for p in others if p.family == problem.family] if rng.random() < 0.4 else others
        answers, _ = own_answers(rng, rng.choice(same or others))
        _, concise = own_answers(rng, problem)
    else:
        possible = sorted({r.answer for r in problem.responses if r.answer})
        answers = rng.sample(possible, rng.randint(0, len(possible)))
        concise = rng.random() < 0.3
    if rng.random() < 0.3:
        answers += [random_fraction(rng) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.3:
        answers += own_answers(rng, rng.choice(others))[0]
    rng.shuffle(answers)
    return make_hint(answers[:8], concise) if answers or concise else None


def condition(ways: list[Response], hint: Hint | None) -> list[Response]:
    """What the hint leaves: answers that are not listed, and fit the length if it asks for that."""
    if hint is None:
        return ways
    listed = {value(a) for a in hint.answers}
    concise = hint.kind == "ConciseHint"
    left = [r for r in ways if value(r.answer) not in listed and not (concise and r.answer is None)]
    return left or ways


def user_text(problem: Problem, hint: Hint | None) -> str:
    return "\n\n".join([problem.text, *([hint.text] if hint else []), INSTRUCTION])


@dataclass
class Example:
    """Token ids, the prompt's length, and the distribution taught at each response token."""

    ids: list[int]
    prompt: int
    targets: list[dict[int, float]]


class Teacher:
    """Draws examples: a problem, a hint, a response that they allow, its token distributions."""

    def __init__(self, problems: list[Problem], tokenizer, seed: int, blind: bool):
        self.rng, self.tokenizer, self.blind = random.Random(seed), tokenizer, blind
        self.families = [[p for p in problems if p.family == f] for f in FAMILIES]
        self.problems, self.cache = problems, {}

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.backend_tokenizer.encode(text).ids

    def response_ids(self, response: Response) -> list[int]:
        if response.text not in self.cache:
            end = [] if response.answer is None else [self.tokenizer.eos_token_id]
            self.cache[response.text] = self.encode(response.text) + end
        return self.cache[response.text]

    def draw(self) -> Example:
        problem = self.rng.choice(self.rng.choice(self.families))
        hint = draw_hint(self.rng, problem, [self.rng.choice(f) for f in self.families])
        ways = condition(problem.responses, None if self.blind else hint)
        weights = [r.prob for r in ways] if self.rng.random() < 0.5 else None  # else: any way
        chosen = self.response_ids(self.rng.choices(ways, weights)[0])
        prompt = self.encode(user_text(problem, hint) + ASSISTANT)
        alive = [(self.response_ids(r), r.prob) for r in ways]
        targets = []
        for t, token in enumerate(chosen):
            mass: dict[int, float] = {}
            for ids, prob in alive:
                mass[ids[t]] = mass.get(ids[t], 0.0) + prob
            total = sum(mass.values())
            targets.append({i: m / total for i, m in mass.items()})
            alive = [(ids, prob) for ids, prob in alive if ids[t] == token]
        return Example(prompt + chosen, len(prompt), targets)

    def batches(self, size: int, bucket: int = 8) -> Iterator[list[Example]]:
        """Endless batches; examples of like length go together, so that little is padded."""
        while True:
            drawn = sorted((self.draw() for _ in range(size * bucket)), key=lambda e: len(e.ids))
            starts = list(range(0, len(drawn), size))
            self.rng.shuffle(starts)
            yield from (drawn[i : i + size] for i in starts)


def collate(examples: list[Example], pad: int) -> tuple[torch.Tensor, ...]:
    """Right-padded ids; flat places that predict a response token; 4 targets and probabilities."""
    width = max(len(e.ids) for e in examples)
    ids = torch.tensor([e.ids + [pad] * (width - len(e.ids)) for e in examples])
    place, tokens, probs = [], [], []
    for row, e in enumerate(examples):
        for t, target in enumerate(e.targets):
            place.append(row * width + e.prompt - 1 + t)
            fill = [0] * (4 - len(target))
            tokens.append([*target, *fill])
            probs.append([*target.values(), *fill])
    return ids, torch.tensor(place), torch.tensor(tokens), torch.tensor(probs)


def divergence(model: Qwen3ForCausalLM, examples: list[Example], pad: int) -> torch.Tensor:
    """KL divergence from the taught distribution, for each response token."""
    ids, place, tokens, probs = collate(examples, pad)
    hidden = model.model(ids).last_hidden_state.flatten(0, 1)[place]
    logp = model.lm_head(hidden).log_softmax(-1).gather(1, tokens)
    return (probs * (probs.clamp_min(1e-9).log() - logp)).sum(-1)


def make_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3ForCausalLM:
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=128, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=4, head_dim=32, intermediate_size=256, max_position_embeddings=256,
        tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id, initializer_range=0.05,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=None, rope_theta=1000.0, dtype="float32",
    )  # fmt: skip
    return Qwen3ForCausalLM(config)


def warm_up(model, teacher: Teacher, steps: int, batch: int = 64, lr: float = 3e-3) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1.0, (s + 1) / 100) * max(0.01, 1 - s / steps)
    )
    bar = tqdm(range(steps), desc="warm-up", mininterval=10)
    average = 0.0
    for step, examples in zip(bar, teacher.batches(batch), strict=False):
        loss = divergence(model, examples, teacher.tokenizer.pad_token_id).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average = 0.98 * average + 0.02 * float(loss.detach())
        if step % 20 == 0:
            bar.set_postfix(kl=f"{average / (1 - 0.98 ** (step + 1)):.4f}")


# --------------------------------------------------------------------------------------- the folder


def write_problems(out: Path, splits: dict[str, list[Problem]]) -> None:
    for name, problems in splits.items():
        rows = [
            {"problem": p.text, "answer": p.answer, "solution": solution(p), "family": p.family}
            for p in problems
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (out / f"{name}.jsonl").write_text(text, encoding="utf-8")


def make(out: Path, seed: int, steps: int, blind: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    splits, pool = make_problems()
    tokenizer = make_tokenizer(pool)
    model = make_model(tokenizer, seed)
    size = sum(p.numel() for p in model.parameters())
    print(f"{size:,} parameters, {len(pool)} problems in the warm-up")
    warm_up(model, Teacher(pool, tokenizer, seed, blind), steps)
    model.generation_config.do_sample = True
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    write_problems(out, splits)
    (out / "recipe.json").write_text(json.dumps(RECIPE, indent=2) + "\n", encoding="utf-8")
    print(f"saved {out}")


# ----------------------------------------------------------------------- chances of right responses


@torch.inference_mode()
def exact_success(policy, problem: Problem) -> float:
    """Teacher-forced probability, without a hint, of the responses that end in the right answer."""
    encode = policy.tokenizer.backend_tokenizer.encode
    prompt = encode(user_text(problem, None) + ASSISTANT).ids
    total = 0.0
    for response in problem.responses:
        if value(response.answer) == Fraction(problem.answer):
            ids = encode(response.text).ids + [policy.tokenizer.eos_token_id]
            logp = policy.model(torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
            total += float(
                logp[len(prompt) - 1 : -1].gather(1, torch.tensor(ids)[:, None]).sum().exp()
            )
    return total


def print_exact(folder: Path) -> None:
    """The mean of these for the validation problems of each family."""
    policy, families = load_policy(str(folder)), {}
    for problem in make_problems()[0]["valid"]:
        families.setdefault(problem.family, []).append(exact_success(policy, problem))
    families["all"] = [chance for some in families.values() for chance in some]
    for family, chances in families.items():
        print(f"{family:10} {statistics.fmean(chances):.5f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the weights and of the warm-up's draws"
    )
    parser.add_argument(
        "--out", type=Path, default=HERE, help="the folder to write (default: this one)"
    )
    parser.add_argument(
        "--blind", action="store_true", help="teach that hints change nothing: a control"
    )
    parser.add_argument("--steps", type=int, default=4500, help="optimizer steps of the warm-up")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads (1 is reproducible and fast enough)"
    )
    parser.add_argument(
        "--exact", type=Path, help="print chances of right responses for this folder, make nothing"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.exact:
        print_exact(args.exact)
    else:
        make(args.out, args.seed, args.steps, args.blind)


if __name__ == "__main__":
    main()
