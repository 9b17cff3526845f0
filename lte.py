"""LTE: learning to reason from trial and error. The whole algorithm and its main job, in one file.

    python lte.py --model small-model                   the main job: on a CPU, in minutes
    python lte.py --model small-model --method grpo     plain GRPO, to compare
    python lte.py --model NAME --data FILE.jsonl        any Hugging Face causal language model
    python lte.py --resume runs/lte-small-model-s0      go on with a run that was stopped
    python lte.py --explain                             one step in slow motion
    python lte.py --help                                every setting

Reinforcement learning from verifiable rewards samples G responses a problem and compares them with
each other. When all G fail (a none-pass problem) there is nothing to compare and nothing to learn.
LTE (arXiv 2510.26109) then shows the model its own wrong answers as a hint, samples G more, puts
the right ones into the group in place of failed ones, and trains the model to produce them
*without* the hint, since nobody will give it one later. The file reads as the method runs:

    problem -> prompt -> G rollouts -> grade -> (none-pass?) hint -> G rollouts -> grade
            -> mix -> advantages -> loss -> step

For a first look read train_step, then the sections on groups, objective and update. The sampler, the
longest section, may come last: it returns responses with their log-probabilities.

Where the paper leaves room we chose as follows; test_lte.py has a test for each number.

 1. Hints. The wording is ours. Wrong answers stand in the order in which they were sampled, two
    spellings of one value once, at most 8, of at most 100 characters. A failed response without an
    answer adds nothing. If none of them has an answer and none was truncated, there is no hint to
    give: the group gets no extra rollouts and stays none-pass.
 2. G' = G. If every failed response were replaced, all rewards would be equal again and the rescue
    lost. One of them stays, so G' is at most G - 1.
 3. Normalisers. One token count Z for all response tokens of an update, as in LUFFY and DAPO; with
    --separate-normalisers Z counts the on-policy and Z' the off-policy ones.
 4. Advantages. std is that of the G rewards themselves (divides by G), without an epsilon: equal
    rewards are recognised by max == min.
 5. pi_old is what the sampler recorded. In float32, sampler and trainer agree within rounding. In
    bfloat16 they don't, and pi_old of on-policy responses comes from a forward pass of the trainer,
    so that ratios start at 1. logprob_gap in metrics.jsonl is the difference.
 6. Groups of equal rewards have no gradient and skip the forward pass, unless there is an entropy
    bonus; their tokens count in Z. An update that has no other groups is no optimizer step.
 7. luffy. The reference solution joins the G rollouts as number G + 1, if the checker accepts it
    and it fits the context.
 8. Dropout is off. With it, pi_theta / pi_old would not start at 1.
 9. Randomness. Each step draws from generators seeded by (seed, purpose, step). A resumed run has
    no generator state to restore, and validation can't change training.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import hashlib
import http.client
import json
import logging
import math
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import torch
import transformers
from torch import Tensor
from tqdm import tqdm
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from verify import extract_answer, is_correct, is_equivalent, pass_at_k

# --------------------------------------------------------------------------------------------------
# Settings


class UserError(Exception):
    """Something the user can mend: ends in one line and exit status 2."""


class Method(NamedTuple):
    """What a method does beyond GRPO."""

    extra: bool = False  # G extra rollouts for a none-pass group ...
    hinted: bool = False  # ... sampled under a hint, hence off-policy
    solution: bool = False  # a reference solution joins each group, off-policy with pi_old = 1


METHODS = {
    "grpo": Method(),
    "grpo-extra": Method(extra=True),
    "lte": Method(extra=True, hinted=True),
    "luffy": Method(solution=True),
}


# Tokens a forward pass. A GPU wants many; on a CPU fresh memory for large activations costs more time
# than the arithmetic, and 1024 at a time are up to twice as fast as 16,384.
FORWARD_TOKENS = 16_384 if torch.cuda.is_available() else 1024


def setting(default, text: str, **limits):
    """A field of Config with its help text and what it must be: `least`, `above` or `choices`."""
    return field(default=default, metadata={"help": text, **limits})


@dataclass
class Config:
    """Every setting, once. The command line has a flag for each, and a recipe.json beside the model
    may hold defaults that suit it."""

    model: str = setting("small-model", "a causal language model: folder or Hugging Face name")
    data: str = setting("", "problems to train on: JSONL file, or gsm8k [MODEL/train.jsonl]")
    eval_data: str = setting("", "held-out problems: file or benchmark [test.jsonl beside --data]")
    method: str = setting("lte", "what to do about none-pass groups", choices=list(METHODS))
    steps: int = setting(100, "training steps", least=1)
    rollouts: int = setting(0, "end after so many, for fair comparisons (0: don't)", least=0)
    prompts_per_step: int = setting(16, "problems a step", least=1)
    group_size: int = setting(8, "G, the rollouts a problem", least=2)
    updates_per_step: int = setting(2, "optimizer steps a step, sharing the problems", least=1)
    max_new_tokens: int = setting(1024, "length limit of a response", least=1)
    temperature: float = setting(1.0, "of sampling and of every log-probability", least=0.01)
    lr: float = setting(1e-6, "learning rate of AdamW, constant", above=0)
    clip: float = setting(0.2, "epsilon of the clipped on-policy term", least=0)
    gamma: float = setting(0.1, "gamma of f(r') = r' / (r' + gamma), the off-policy term", above=0)
    entropy_coef: float = setting(0.0, "weight of the entropy bonus (LTE\u2020)", least=0)
    separate_normalisers: bool = setting(False, "count the tokens Z, Z' apart")
    hint_answers: str = setting(
        "own", "shuffled: another problem's wrong answers, the control", choices=["own", "shuffled"]
    )
    max_grad_norm: float = setting(1.0, "the gradient is scaled down to this norm", above=0)
    system_prompt: str = setting("", "what the model is told before each problem")
    micro_tokens: int = setting(FORWARD_TOKENS, "tokens a forward-backward pass: memory", least=1)
    cache_gib: float = setting(4.0, "GiB for sampling's cache; one group always fits", above=0)
    gradient_checkpointing: bool = setting(False, "recompute activations: slower, less memory")
    eval_every: int = setting(20, "validate every so many steps, and last (0: never)", least=0)
    eval_samples: int = setting(16, "samples a held-out problem", least=1)
    save_every: int = setting(50, "save a checkpoint every so many steps and at the end", least=1)
    samples_per_step: int = setting(4, "rollouts a step that go to samples.jsonl", least=0)
    device: str = setting("cuda" if torch.cuda.is_available() else "cpu", "cpu or cuda")
    threads: int = setting(0, "CPU threads (0: as torch likes)", least=0)
    seed: int = setting(0, "seed of everything random", least=0)
    out: str = setting("", "output folder [runs/METHOD-MODEL-sSEED]")
    resume: str = setting("", "output folder of a run to go on with, under its own settings")


MAY_CHANGE_ON_RESUME = ("resume", "steps", "rollouts", "device", "threads", "save_every")
MAY_CHANGE_ON_RESUME += ("micro_tokens", "cache_gib")
MAY_CHANGE_ON_RESUME += ("gradient_checkpointing",)


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def check_config(config: Config) -> None:
    """Raise UserError for settings that make no sense."""
    for f in dataclasses.fields(Config):
        value, limits = getattr(config, f.name), f.metadata
        if "least" in limits and not limits["least"] <= value:
            raise UserError(f"{flag(f.name)} is {value}: it must be at least {limits['least']}")
        if "above" in limits and not limits["above"] < value:
            raise UserError(f"{flag(f.name)} is {value}: it must be above {limits['above']}")
        if isinstance(value, (int, float)) and value > 2**32:
            raise UserError(f"{flag(f.name)} is {value}: that is too much")
        if value not in limits.get("choices", [value]):
            raise UserError(f"{flag(f.name)} is {value}: not one of {limits['choices']}")
    if config.threads > 1024:
        raise UserError(f"--threads {config.threads}: no machine has as many")
    if config.prompts_per_step * config.group_size > 2**20:
        raise UserError("--prompts-per-step times --group-size: over a million rollouts a step")
    if config.updates_per_step > config.prompts_per_step:
        raise UserError("--updates-per-step is above --prompts-per-step: no problem for some")
    if not re.fullmatch(r"cpu|cuda(:[0-9]{1,2})?", config.device):
        raise UserError(f"--device {config.device}: use cpu, cuda or cuda:N")
    try:
        config.system_prompt.encode()
    except UnicodeEncodeError:
        raise UserError("--system-prompt holds bytes that are not UTF-8") from None
    number = torch.device(config.device).index or 0
    if config.device != "cpu" and number >= torch.cuda.device_count():
        raise UserError(f"--device {config.device}: not found here; use --device cpu")


def is_out_of_memory(error: BaseException) -> bool:
    """On a GPU, in Python, or from torch's allocator for the CPU, which has no class of its own."""
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or "can't allocate memory" in str(error)


# --------------------------------------------------------------------------------------------------
# Model and data


class Policy(NamedTuple):
    """What is trained, how it reads and writes, and the ids of the tokens that end a response."""

    model: transformers.PreTrainedModel
    tokenizer: transformers.PreTrainedTokenizerBase
    eos_ids: set[int]


def load_policy(
    name: str,
    device: str = "cpu",
) -> Policy:
    """Load a causal language model and its tokenizer, by Hugging Face name or folder.

    The weights are float32 whatever the checkpoint holds: most RL updates are too small for bf16
    and round to nothing. Dropout is set to 0 (choice 8). Nothing in
    the folder can run code. Raises UserError if it can't load.
    """
    trust = {"trust_remote_code": False}
    options = trust | {"dtype": torch.float32, "use_safetensors": True}
    try:
        config = transformers.AutoConfig.from_pretrained(name, **trust)
        for part in (config, config.get_text_config()):
            for key, value in vars(part).items():
                if "drop" in key and isinstance(value, float):
                    setattr(part, key, 0.0)
        model = transformers.AutoModelForCausalLM.from_pretrained(name, config=config, **options)
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **trust)
    except Exception as error:  # noqa: BLE001  whatever transformers has to say, in one line
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(f"can't load the model {name!r} (folder or hub name): {reason}") from None
    # A chat model may end its turn with another token than a document, so there can be several.
    eos_ids: set[int] = set()
    for part in (model.generation_config, config.get_text_config(), tokenizer):
        ids = getattr(part, "eos_token_id", None)
        eos_ids |= set(ids) if isinstance(ids, (list, tuple)) else {ids} - {None}
    if not eos_ids:
        raise UserError(f"the model {name!r} names no end-of-sequence token")
    policy = Policy(model.to(device).eval(), tokenizer, eos_ids)
    check_sampler(policy, name)
    return policy


def policy_for(config: Config) -> Policy:
    """The policy of a run; sets the number of CPU threads."""
    if config.threads:
        torch.set_num_threads(config.threads)
    return load_policy(config.model, config.device)


CHECKED_WINDOW = 1024  # tokens; longer windows are left to the check of a run's first update


def check_sampler(policy: Policy, name: str) -> None:
    """Raise UserError for a model that the sampler does not suit: the log-probabilities that it
    records must be those of the model's own forward pass, as far as rounding lets them.

    It looks at prompts of unlike lengths, at responses that end at different times, and beyond each
    window (or chunk) of up to 1024 tokens that the config names, since within a window all kinds of
    attention are alike. That costs at most four forward passes over 1040 tokens; for a model of 4
    billion parameters some 35 TFLOP, which takes a GPU a fraction of a second.
    """
    model, rounding = policy.model, 0.01 if policy.model.dtype == torch.float32 else 0.5
    config = model.config.get_text_config()
    named = [v for key, v in vars(config).items() if "window" in key or "chunk" in key]
    windows = [v for v in named if type(v) is int and 4 < v <= CHECKED_WINDOW]
    long = int(min(max(windows, default=8), context_length(model) - 16))
    rng = random.Random(0)
    prompts = [[rng.randrange(config.vocab_size) for _ in range(n)] for n in (1, 5, long - 4)]
    try:
        generator, quarter = torch.Generator().manual_seed(0), set(range(0, config.vocab_size, 4))
        groups = sample(model, prompts[:2], 4, 12, 1.0, quarter, generator)
        groups += sample(model, prompts[1:], 1, 12, 1.0, set(), generator)
        rollouts = [rollout for group in groups for rollout in group]
        gap = 0.0
        for rollout in rollouts:
            with torch.no_grad():
                scored = score(model, [Example(rollout, 1.0)], 1.0)[0]
            gap = max(gap, float((scored - torch.tensor(rollout.logprobs).to(scored)).abs().max()))
    except Exception as error:  # whatever a kind of model that nobody tried may raise
        if is_out_of_memory(error):
            raise
        gap = math.inf
    if not gap < rounding:
        raise UserError(
            f"{name!r} has a kind of attention or cache that the sampler can't handle (its "
            f"log-probabilities are {gap:.2g} nats off)"
        )


def context_length(model) -> float:
    """Most tokens that prompt and response may have together; infinite without a limit."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None) or math.inf


class Source(NamedTuple):
    """A public data set: the address of a file at a fixed commit, and the sha256 of its bytes."""

    url: str
    sha256: str


GITHUB = "https://raw.githubusercontent.com/"
GSM8K = GITHUB + "openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c/"
QWEN = GITHUB + "QwenLM/Qwen2.5-Math/a45202bd16f1ec06f433442dc1152d0074773465/evaluation/data/"
AREAL = GITHUB + "inclusionAI/AReaL/f55fe685c661b0117d888fcae47d6f46e9a85087/evaluation/data/"
TRAINING_DATA = {
    "gsm8k": Source(GSM8K + "grade_school_math/data/train.jsonl",
        "17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465"),
}  # fmt: skip
BENCHMARKS = {
    "math500": Source(AREAL + "math_500/test.jsonl",
        "35dc41080a3680858b27fa7e0533d2d547825316fc5dafe5d316f4ccc5a06132"),
    "minerva": Source(QWEN + "minerva_math/test.jsonl",
        "0e656b430d3a0a1dab6aa853f453ba3805e28e2cabe4fc72486a897cc09d8ba2"),
    "olympiadbench": Source(QWEN + "olympiadbench/test.jsonl",
        "bb8c1e38a16ea9eacb77530315a674d883f267fbff79183effc53681b4fcc416"),
    "amc23": Source(QWEN + "amc23/test.jsonl",
        "43707e1ca784602d8479de24ee8ce36609dbebc46dd152b0b12a46611aa898a4"),
    "aime24": Source(QWEN + "aime24/test.jsonl",
        "af2b8bd2aa911b6333ad0df32f3ca05c7ae8ed10f1731f4372c8ae26990bf7ac"),
    "aime25": Source(AREAL + "aime25/test.jsonl",
        "b4e273c02d3e7fe1b74b59eae768fc8230bfb0f79539890cb56f4361caac0331"),
    "gsm8k": Source(GSM8K + "grade_school_math/data/test.jsonl",
        "3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14"),
}  # fmt: skip


def locate(name: str, sources: dict[str, Source]) -> Path:
    """The file of that name, or else the data set: fetched once, checked, kept in the user's cache.

    Raises UserError if there is neither, or if it can't be fetched or is not what it was.
    """
    if Path(name).is_file():
        return Path(name)
    if name not in sources:
        raise UserError(f"no file or data set {name} (data sets: {', '.join(sources)})")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lte"
    url, sha256 = sources[name]
    path = folder / f"{name}-{sha256[:8]}.jsonl"
    try:
        content = path.read_bytes() if path.is_file() else urlopen(url, timeout=60).read()
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"can't fetch {name} ({error}): save {url} as {path}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(f"{name} is not the file it was: delete {path}, or save {url} there")
    try:
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, content.decode("utf-8"))
    except OSError as error:
        raise UserError(f"can't write the cache {folder} ({error}): set XDG_CACHE_HOME") from None
    return path


@dataclass(frozen=True)
class Problem:
    problem: str
    answer: str
    solution: str | None = None  # a worked solution, for luffy
    family: str | None = None  # a kind of problem, for tables

    def has_right_solution(self) -> bool:
        return self.solution is not None and is_correct(self.solution, self.answer)


PROBLEM_KEYS = ("problem", "question", "prompt")
ANSWER_KEYS = ("answer", "final_answer", "ground_truth", "target")


def load_problems(path: str | Path) -> list[Problem]:
    """Read a JSONL file, one problem a line, under the common field names.

    An answer like GSM8K's, a solution that ends in '#### x', is split into solution and answer x.
    Without an answer, what is boxed in the solution is the answer.
    Raises UserError, with the line's number, for what is missing or broken.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"can't read the problems in {path}: {error}") from None
    numbered = [(i, line) for i, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise UserError(f"{path} holds no problems")
    return [parse_problem(line, f"{path}, line {i}") for i, line in numbered]


def parse_problem(line: str, where: str) -> Problem:
    """One line of JSON -> Problem; `where` names the line in errors."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise UserError(f"{where} is not a JSON object")
    problem = next((row[k] for k in PROBLEM_KEYS if row.get(k)), None)
    answer = next((row[k] for k in ANSWER_KEYS if row.get(k) not in (None, "", [])), None)
    solution = row["solution"] if isinstance(row.get("solution"), str) else ""
    if answer is None and "\\boxed" in solution:
        answer = extract_answer(solution)
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if type(answer) is int or (type(answer) is float and math.isfinite(answer)):
        answer = str(answer)
    if isinstance(answer, str) and "####" in answer:
        solution, answer = solution or answer, answer.rsplit("####", 1)[1]
    if not isinstance(problem, str) or not problem.strip():
        raise UserError(f"{where} has no problem (fields looked for: {', '.join(PROBLEM_KEYS)})")
    if not isinstance(answer, str) or not answer.strip():
        raise UserError(f"{where} has no answer (fields looked for: {', '.join(ANSWER_KEYS)})")
    # JSON can hold half of a surrogate pair, which no tokenizer takes; and families get printed.
    texts = [x.encode("utf-8", "replace").decode() for x in (problem, answer, solution)]
    family = "".join(c for c in str(row.get("family") or "") if c.isprintable())[:20]
    return Problem(texts[0].strip(), texts[1].strip(), texts[2] or None, family or None)


# --------------------------------------------------------------------------------------------------
# Precision, and all that only a GPU does


def mixed_precision(config: Config) -> bool:
    """Whether weights are float32 and computation is bfloat16, which suits a GPU."""
    return torch.device(config.device).type != "cpu"


def autocast(config: Config) -> torch.autocast:
    """The trainer's forward pass runs within it."""
    kind = torch.device(config.device).type
    return torch.autocast(kind, torch.bfloat16, enabled=mixed_precision(config))


def sampling_policy(policy: Policy, config: Config) -> Policy:
    """pi_old, which samples: the policy itself, or in mixed precision a bfloat16 copy of it."""
    if not mixed_precision(config):
        return policy
    model = copy.deepcopy(policy.model)
    for weight in model.parameters():  # and not the buffers: rotary frequencies stay float32
        weight.data = weight.data.bfloat16()
    return policy._replace(model=model.requires_grad_(False))


def refresh(old: Policy, policy: Policy) -> None:
    """pi_old <- pi_theta."""
    if old.model is not policy.model:
        old.model.load_state_dict(policy.model.state_dict())


def wait_for_gpu(device: str) -> None:
    """Let it finish what it was given, which would else count as time of whatever comes next."""
    if device != "cpu":
        torch.cuda.synchronize(device)


# --------------------------------------------------------------------------------------------------
# Rollouts, hints and prompts


@dataclass
class Rollout:
    """One response. `prompt_ids` is what it is trained under: mix_group takes the hint out."""

    prompt_ids: list[int]
    response_ids: list[int] = field(default_factory=list)  # with the EOS, if it was sampled
    logprobs: list[float] = field(default_factory=list)  # log pi_old of each, as sampled
    text: str = ""
    reward: float = 0.0  # R: 1 right, 0 wrong
    truncated: bool = False  # reached the length limit without an EOS
    hint: str | None = None  # kind of the hint that it was sampled under
    off_policy: bool = False  # pi_old is not the policy under prompt_ids

    @property
    def answer(self) -> str | None:
        return extract_answer(self.text)


INSTRUCTION = "Reason step by step, and put the final answer in \\boxed{}."
KNOWN_WRONG = "The following answers are known to be wrong: "
CONCISE = "Earlier attempts ran out of space, so think concisely."
SILENT = "Do not mention this hint in your reasoning."
MAX_ANSWERS, MAX_ANSWER_LENGTH = 8, 100


@dataclass(frozen=True)
class Hint:
    """H_q: what the failures on a none-pass problem tell the next attempts."""

    kind: str  # "Hint", "ConciseHint" or "Concise", the paper's names
    answers: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        sentences = [KNOWN_WRONG + "; ".join(self.answers) + "."] if self.answers else []
        sentences += [CONCISE] if self.kind in ("Concise", "ConciseHint") else []
        return " ".join([*sentences, SILENT]) if sentences else ""


def gives_away(answer: str, gold: str) -> bool:
    """Whether an answer is the right one or holds it among others, as a hedge does: '5 or 7'."""
    apart = r"\\text\s*\{[^}]*\}|\\[{}]|[$;=]|,(?![0-9]{3}\b)|\b(?:or|and|maybe)\b"
    return any(is_equivalent(part, gold) for part in [answer, *re.split(apart, answer)])


def build_hint(failed: list[Rollout], gold: str | None = None) -> Hint | None:
    """The hint for a none-pass group, by how its responses failed; None if there is nothing to say.

    All truncated: Concise. Some: ConciseHint, with the others' answers. None: Hint, the answers.
    `gold` is there to be kept out: a hedged response fails, yet holds the right answer.
    (Choice 1.)
    """
    answers: list[str] = []
    for rollout in failed:
        answer = None if rollout.truncated else rollout.answer
        if not answer or len(answer) > MAX_ANSWER_LENGTH or len(answers) == MAX_ANSWERS:
            continue
        if gold is not None and gives_away(answer, gold):
            continue
        if not any(is_equivalent(answer, known) for known in answers):
            answers.append(answer)
    if all(r.truncated for r in failed):
        return Hint("Concise")
    if any(r.truncated for r in failed):
        return Hint("ConciseHint", tuple(answers))
    return Hint("Hint", tuple(answers)) if answers else None


def build_prompt(
    tokenizer, problem: str, hint: Hint | None = None, system_prompt: str = ""
) -> list[int]:
    """Token ids of the prompt for q, or for (H_q, q): the tokenizer's chat template, or plain text.

    A problem that holds a token of the template is encoded apart, as plain text: its '<|im_end|>'
    is ten characters and not the end of the turn.
    """
    content = "\n\n".join(part for part in (problem, hint and hint.text, INSTRUCTION) if part)
    if not tokenizer.chat_template:
        text = f"{system_prompt}\n\n{content}\n" if system_prompt else f"{content}\n"
        ids = tokenizer(text, split_special_tokens=True)["input_ids"]
        return ids[:-1] if ids[-1:] == [tokenizer.eos_token_id] else ids  # the text is to go on
    if not any(token in content for token in tokenizer.get_added_vocab()):
        chat = in_chat(tokenizer, content, system_prompt)
        return tokenizer(chat, add_special_tokens=False)["input_ids"]
    slot = "(the question)"
    before, after = in_chat(tokenizer, slot, system_prompt).rsplit(slot, 1)
    ids = []
    for text, plain in ((before, False), (content, True), (after, False)):
        encode = {"add_special_tokens": False, "split_special_tokens": plain}
        ids += tokenizer(text, **encode)["input_ids"] if text else []
    return ids


def in_chat(tokenizer, content: str, system_prompt: str) -> str:
    """The text of a chat in which the user says `content` and the model is to answer."""
    messages = [{"role": "system", "content": system_prompt}] if system_prompt else []
    messages.append({"role": "user", "content": content})
    try:
        chat = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # noqa: BLE001  a template is a program
        raise UserError(f"the model's chat template fails: {str(error).strip()[:200]}") from None
    if system_prompt and chat == in_chat(tokenizer, content, ""):
        raise UserError("the model's chat template leaves out the --system-prompt")
    if content.strip() not in chat:
        raise UserError("the model's chat template leaves out or changes what the user says")
    return chat


# --------------------------------------------------------------------------------------------------
# Sampling


MAX_ROWS = 1024  # responses decoded at a time: bounds the logits, [rows, vocabulary]


class Progress(tqdm):
    """Responses done of all, with tokens per second; shown once the work has taken two seconds."""

    def __init__(self, total: int):
        super().__init__(total=total, desc="sampling", unit="response", delay=2, leave=False)
        self.tokens = 0

    def count(self, tokens: int, done: int) -> None:
        self.tokens += tokens
        speed = self.tokens / max(self.format_dict["elapsed"], 1e-3)
        self.set_postfix_str(f"{speed:.0f} tokens/s", refresh=False)
        self.update(done)


@torch.inference_mode()
def sample(
    model,
    prompts: list[list[int]],
    group_size: int,
    max_new_tokens: int,
    temperature: float,
    eos_ids: set[int],
    generator: torch.Generator,
    max_rows: int = MAX_ROWS,
) -> list[list[Rollout]]:
    """Sample `group_size` responses per prompt, from the full distribution at `temperature`.

    Temperature 0 is greedy. Prompts may have any lengths. At most `max_rows` responses are decoded
    at a time, which changes nothing in what is sampled: the random number for each position of each
    response is drawn before the first token, so a response does not depend on its neighbours.
    Returns the groups in the order of the prompts, with response_ids, logprobs and truncated filled
    in. Raises UserError if a prompt is empty or leaves no room in the model's context.
    """
    if not all(prompts):
        raise UserError("a prompt is empty: the tokenizer makes no tokens of its text")
    for length in map(len, prompts):
        if length + max_new_tokens > context_length(model):
            raise UserError(
                f"a prompt of {length} tokens and {max_new_tokens} new ones (--max-new-tokens) "
                f"don't fit the model's context of {context_length(model)}"
            )
    total, rollouts = len(prompts) * group_size, []
    at = {"dtype": torch.double, "device": generator.device}
    uniforms = torch.rand(total, max_new_tokens, generator=generator, **at).to(model.device)
    with eval_mode(model), Progress(total) as bar:
        for first in range(0, total, max_rows):
            last = min(first + max_rows, total)
            some = prompts[first // group_size : (last - 1) // group_size + 1]
            owner = [i // group_size - first // group_size for i in range(first, last)]
            how = uniforms[first:last], temperature, eos_ids, bar
            rollouts += decode(model, some, owner, *how)
    return [rollouts[i : i + group_size] for i in range(0, total, group_size)]


def decode(
    model, prompts: list[list[int]], owner: list[int], uniforms: Tensor, temperature, eos_ids, bar
) -> list[Rollout]:
    """Sample one response for each row; row i answers prompts[owner[i]] with uniforms[i].

    A row that is done is decoded on, unrecorded, until a quarter of the rows is done. Then these
    leave together, since each time the whole cache is copied.
    """
    n, limit = uniforms.shape
    logits, mask, cache = read_prompts(model, prompts, owner)  # [n, V], [n, T]
    position = mask.sum(-1, keepdim=True)  # [n, 1] of the token to come; padding does not count
    ids = torch.zeros(n, limit, dtype=torch.long, device=model.device)
    logprobs = torch.zeros(n, limit, device=model.device)
    lengths = torch.zeros(n, dtype=torch.long, device=model.device)
    eos = torch.tensor(sorted(eos_ids), device=model.device)
    rows = torch.arange(n, device=model.device)  # the responses that are being decoded
    done = torch.zeros_like(rows, dtype=torch.bool)
    running = n
    for t in range(limit):
        tokens, chosen = choose(logits, temperature, uniforms[rows, t])  # [rows]
        ids[rows, t], logprobs[rows, t] = tokens, chosen
        lengths[rows] += ~done  # an EOS counts: the trainer learns to stop, too
        done |= torch.isin(tokens, eos)
        still = 0 if t + 1 == limit else len(rows) - int(done.sum())
        bar.count(running, running - still)
        running = still
        if not running:
            break
        if running <= 0.75 * len(rows):
            keep = (~done).nonzero()[:, 0]
            rows, tokens, mask, position, done = (
                x[keep] for x in (rows, tokens, mask, position, done)
            )
            cache.reorder_cache(keep)
        mask = torch.cat([mask, torch.ones_like(position)], 1)
        logits = next_logits(model, tokens[:, None], mask, position, cache)
        position = position + 1
    rollouts = []
    for i, length in enumerate(lengths.tolist()):
        response, known = ids[i, :length].tolist(), logprobs[i, :length].tolist()
        cut = response[-1] not in eos_ids
        rollouts.append(Rollout(prompts[owner[i]], response, known, truncated=cut))
    return rollouts


def read_prompts(model, prompts: list[list[int]], owner: list[int]) -> tuple[Tensor, Tensor, Cache]:
    """Read each prompt once, and repeat the results for the rows: row i has prompts[owner[i]].

        prompts [5, 6, 7] and [8], owner 0, 0, 1    are read as  5 6 7   and repeated as  5 6 7
                                                                 0 0 8                    5 6 7
                                                                                          0 0 8

    Returns the logits of the first new token [n, V], the mask [n, T] (1 at a prompt's own tokens),
    and the cache. Prompts end in the same column, so that the next token is in one column for all.
    The 0s to the left are never seen: the mask keeps attention from them, positions are counted
    from a prompt's own first token, and no logits are taken at them. So padding never enters a
    log-probability; check_sampler holds each model to it.
    """
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=model.device)  # [P, T]
    padding = torch.tensor([[width - len(p)] for p in prompts], device=model.device)
    mask = (torch.arange(width, device=model.device) >= padding).long()
    cache = DynamicCache(config=model.config)
    cache.layers = [
        RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    logits = next_logits(model, ids, mask, (mask.cumsum(-1) - 1).clamp(min=0), cache)
    rows = torch.tensor(owner, device=model.device)
    cache.reorder_cache(rows)
    return logits[rows], mask[rows], cache


def next_logits(model, ids: Tensor, mask: Tensor, position: Tensor, cache: Cache) -> Tensor:
    """Feed ids [n, T] at their positions [n, T]; logits of the token that follows, [n, V].

    The mask [n, past + T] is 0 at padding; causality and sliding windows the model adds itself.
    """
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": position}
    out = model(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return out.logits[:, -1]


class RoomyLayer(DynamicLayer):
    """transformers' cache layer of full attention, in a buffer with room behind what it holds.

    DynamicLayer copies all of its keys and values to fresh memory for each new token, which takes
    longer than the model itself. With an eighth of its length as room, most tokens only copy
    themselves. More room would slow attention: it reads rows with gaps between them more slowly.
    """

    buffers: tuple[Tensor, ...] = ()

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs):
        """Append [n, heads, T, head_dim]; return everything held, [n, heads, used, head_dim]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        used, new = self.get_seq_length(), (key_states, value_states)
        total = used + key_states.shape[2]
        if not self.buffers or self.buffers[0].shape[2] < total:
            room = total + total // 8
            self.buffers = tuple(x.new_empty(*x.shape[:2], room, x.shape[3]) for x in new)
            for buffer, held in zip(self.buffers, (self.keys, self.values), strict=True):
                buffer[:, :, :used] = held if used else 0
        for buffer, states in zip(self.buffers, new, strict=True):
            buffer[:, :, used:total] = states
        self.keys, self.values = (buffer[:, :, :total] for buffer in self.buffers)
        return self.keys, self.values

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Keep these rows, in this order; rows may be repeated."""
        super().reorder_cache(beam_idx)  # makes new keys and values ...
        self.buffers = ()  # ... without room


@contextlib.contextmanager
def eval_mode(model) -> Iterator[None]:
    """In train mode sampling would use dropout and, with gradient checkpointing, lose its cache."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def temper(logits: Tensor, temperature: float) -> Tensor:
    """The one place where temperature enters, for sampler and trainer alike. [..., V], float32"""
    return logits.float() if temperature == 1 else logits.float() / temperature


def choose(logits: Tensor, temperature: float, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    """A token per row from softmax(logits / T) [n, V], by uniform numbers in [0, 1) [n].

    Returns tokens and log-probabilities [n]. The token is the first one at which the sum of the
    probabilities exceeds the number:

        probabilities 0.5, 0.2, 0.3   sums 0.5, 0.7, 1.0   the number 0.6 chooses the second token

    In float64 every token is within reach, and none of probability 0 is. T = 0 takes the likeliest,
    with its log-probability at T = 1. Overwrites the logits: on a CPU, fresh memory of that size
    costs more time than the arithmetic.
    """
    weights = temper(logits, temperature or 1.0)
    weights = weights.sub_(weights.amax(-1, keepdim=True)).exp_()  # softmax, times some factor
    sums = weights.cumsum(-1, dtype=torch.double)  # [n, V]
    total = sums[:, -1:]
    if temperature:
        tokens = torch.searchsorted(sums, uniforms[:, None] * total, right=True)
    else:
        tokens = weights.argmax(-1, keepdim=True)
    return tokens[:, 0], (weights.gather(-1, tokens) / total).log()[:, 0].float()


def right_pad(sequences: list[list[int]], device) -> tuple[Tensor, Tensor]:
    """Ids of any lengths -> [B, longest], filled up with 0 (never read), and their lengths [B]."""
    rows = [torch.tensor(s) for s in sequences]
    lengths = torch.tensor([len(s) for s in sequences], device=device)
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device), lengths


def rows_that_fit(model, width: int, gib: float) -> int:
    """Rows of `width` tokens whose cache takes so many GiB: 1 to MAX_ROWS.

    Found from caches of one and of two tokens, since layers differ: keys and values grow with each
    token, a recurrent state does not.
    """
    one, two = cache_bytes(model, 1), cache_bytes(model, 2)
    row = one + (width - 1) * (two - one)
    return max(int(min(gib * 2**30 / row, MAX_ROWS)), 1)


@torch.inference_mode()
def cache_bytes(model, length: int) -> int:
    """Bytes of the cache of one row of so many tokens."""
    cache = DynamicCache(config=model.config)
    ids = torch.zeros(1, length, dtype=torch.long, device=model.device)
    next_logits(model, ids, torch.ones_like(ids), torch.arange(length)[None].to(ids), cache)
    held = [part for layer in cache.layers for part in vars(layer).values()]
    held += [state for part in held if isinstance(part, dict) for state in part.values()]
    return sum(part.nbytes for part in held if isinstance(part, Tensor))


# --------------------------------------------------------------------------------------------------
# Groups: grading, extra rollouts, mixing, advantages


@dataclass
class Group:
    """A problem of a step, its rollouts, and what was done if none of them was right."""

    problem: Problem
    rollouts: list[Rollout]
    passed: int = 0  # right ones among the first G
    hint: Hint | None = None
    extra: list[Rollout] = field(default_factory=list)  # the G extra rollouts

    @property
    def rescued(self) -> bool:
        """Whether an extra rollout was right and has a place in the group; true after mixing."""
        return bool(self.extra) and any(r.reward == 1 for r in self.rollouts)

    @property
    def advantages(self) -> list[float]:
        return group_advantages([r.reward for r in self.rollouts]).tolist()


def prompt_for(
    policy: Policy, problem: Problem, config: Config, hint: Hint | None = None
) -> list[int]:
    """Token ids of a problem's prompt, with the run's settings."""
    return build_prompt(policy.tokenizer, problem.problem, hint, config.system_prompt)


def sample_groups(policy: Policy, problems, config: Config, generator, size=None) -> list[Group]:
    """G rollouts for each problem (or `size`): o_i ~ pi_old(. | q)."""
    prompts = [prompt_for(policy, problem, config) for problem in problems]
    groups = sample_under(policy, prompts, size or config.group_size, config, generator)
    return [Group(p, rollouts) for p, rollouts in zip(problems, groups, strict=True)]


def sample_under(
    policy: Policy, prompts: list[list[int]], group_size: int, config: Config, generator
) -> list[list[Rollout]]:
    """`group_size` rollouts for each prompt, with the run's settings."""
    width = max(map(len, prompts), default=0) + config.max_new_tokens
    sizes = (group_size, config.max_new_tokens, config.temperature)
    max_rows = rows_that_fit(policy.model, width, config.cache_gib)
    return sample(policy.model, prompts, *sizes, policy.eos_ids, generator, max_rows)


def grade(rollouts: list[Rollout], problem: Problem, tokenizer) -> None:
    """R(o, q): 1 if the checker finds the reference answer in the response, else 0."""
    for rollout in rollouts:
        rollout.text = tokenizer.decode(rollout.response_ids, skip_special_tokens=True)
        rollout.reward = float(is_correct(rollout.text, problem.answer))


def grade_groups(groups: list[Group], tokenizer) -> None:
    """Grade the first G rollouts of each group and count the right ones."""
    for group in groups:
        grade(group.rollouts, group.problem, tokenizer)
        group.passed = sum(r.reward == 1 for r in group.rollouts)


def give_hints(none_pass: list[Group], shuffled: bool) -> None:
    """Set the hint of each none-pass group. `shuffled`, the control: with the wrong answers of the
    next none-pass group that has any in place of its own."""
    own = [build_hint(g.rollouts, g.problem.answer) for g in none_pass]
    for i, (group, hint) in enumerate(zip(none_pass, own, strict=True)):
        group.hint = hint
        if shuffled and hint and hint.answers:
            others = (h.answers for h in own[i + 1 :] + own[:i] if h and h.answers)
            gold = group.problem.answer
            answers = tuple(a for a in next(others, ()) if not gives_away(a, gold))
            group.hint = Hint(hint.kind, answers) if answers or hint.kind != "Hint" else None


def sample_again(policy: Policy, groups: list[Group], config: Config, generator) -> list[Group]:
    """G extra rollouts for each none-pass group; returns the groups that got them.

    lte samples them under the hint, o'_i ~ pi_old(. | H_q, q); grpo-extra, the control of equal
    compute, without. In lte, a group without a hint, or with one that is too long, gets none.
    """
    method = METHODS[config.method]
    groups = [g for g in groups if g.passed == 0] if method.extra else []
    if method.hinted:
        give_hints(groups, config.hint_answers == "shuffled")
        groups = [g for g in groups if g.hint]
    room = context_length(policy.model) - config.max_new_tokens
    prompts = [prompt_for(policy, g.problem, config, g.hint) for g in groups]
    groups = [g for g, prompt in zip(groups, prompts, strict=True) if len(prompt) <= room]
    prompts = [prompt for prompt in prompts if len(prompt) <= room]
    extras = sample_under(policy, prompts, config.group_size, config, generator)
    for group, extra in zip(groups, extras, strict=True):
        group.extra = extra
        for rollout in extra:
            rollout.hint, rollout.off_policy = group.hint and group.hint.kind, method.hinted
    return groups


def mix_group(group: list[Rollout], hinted: list[Rollout], rng: random.Random) -> list[Rollout]:
    """Put the G' right extra rollouts in place of G' failed ones, both chosen at random.

    `hinted` are the extra rollouts, with or without a hint. One failed one stays at least
    (choice 2). The newcomers take the group's own prompt: later there will be no hint, so it is
    pi_theta(o' | q) that must rise. Their log-probabilities stay those under (H_q, q).
    """
    failed = [i for i, rollout in enumerate(group) if rollout.reward == 0]
    right = [rollout for rollout in hinted if rollout.reward == 1]
    n = max(min(len(right), len(failed) - 1), 0)  # G'
    mixed = list(group)
    for i, rollout in zip(rng.sample(failed, n), rng.sample(right, n), strict=True):
        mixed[i] = dataclasses.replace(rollout, prompt_ids=group[0].prompt_ids)
    return mixed


def add_solution(policy: Policy, group: Group) -> None:
    """luffy: the reference solution joins the group with pi_old = 1, so that r' is pi_theta."""
    tokenizer, solution = policy.tokenizer, group.problem.solution
    if not group.problem.has_right_solution():
        return
    known = tokenizer.eos_token_id in policy.eos_ids
    eos = tokenizer.eos_token_id if known else min(policy.eos_ids)
    encode = {"add_special_tokens": False, "split_special_tokens": True}
    ids = [*tokenizer(solution, **encode)["input_ids"], eos]
    prompt_ids, logprobs = group.rollouts[0].prompt_ids, [0.0] * len(ids)
    if len(prompt_ids) + len(ids) > context_length(policy.model):
        return
    reference = Rollout(prompt_ids, ids, logprobs, solution, reward=1.0, off_policy=True)
    group.rollouts = [*group.rollouts, reference]


def group_advantages(rewards) -> Tensor:
    """A_i = (R_i - mean(R)) / std(R) over the last dimension, [..., G] -> [..., G].

    0 where all rewards are equal; by max == min and not by std, since rounding can leave a tiny std
    and the noise divided by it would be an advantage. (Choice 4.)
    """
    rewards = torch.as_tensor(rewards, dtype=torch.float32)
    centred = rewards - rewards.mean(-1, keepdim=True)
    std = rewards.std(-1, correction=0, keepdim=True)
    equal = rewards.amax(-1, keepdim=True) == rewards.amin(-1, keepdim=True)
    return torch.where(equal, 0.0, centred / std.masked_fill(equal, 1.0))


# --------------------------------------------------------------------------------------------------
# The mixed-policy objective


def shape_ratio(log_ratio: Tensor, gamma: float) -> Tensor:
    """f(r') = r' / (r' + gamma), from log r'.

    As a sigmoid of log r' - log gamma it can't overflow. Its gradient with respect to log pi_theta
    is f (1 - f) = gamma r' / (r' + gamma)^2, greatest at r' = gamma: what weighs most are tokens
    that the policy finds unlikely without the hint.
    """
    return torch.sigmoid(log_ratio - math.log(gamma))


def mixed_policy_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    off_policy: Tensor,
    clip: float = 0.2,
    gamma: float = 0.1,
    tokens: tuple[float, float] | None = None,
) -> Tensor:
    """-J, a scalar to minimise:

        J = 1/Z' sum_i sum_t f(r'_it) A'_i + 1/Z sum_i sum_t min(r_it A_i, clip(r_it, 1 +- eps) A_i)

    Shapes are [B, T], or [N] for tokens end to end without padding, as accumulate_gradients has them.
    logprobs [B, T]: log pi_theta(o_t | q, o_<t), natural logarithms, always without the hint.
    old_logprobs [B, T]: as sampled; log pi_old(o_t | q, o_<t), off-policy log pi_old(o'_t | H_q, q,
    o'_<t). advantages, off_policy: [B] or [B, T]. mask [B, T]: True at response tokens.
    tokens: (Z, Z'), of the *whole update* if this is a part of it, so that the losses of the parts
    add up; None: both mask.sum().
    """
    per_row = (advantages, off_policy.bool())
    advantages, off = (x if x.dim() == mask.dim() else x.unsqueeze(-1) for x in per_row)
    mask = mask.bool()
    log_ratio = torch.where(mask, logprobs - old_logprobs, 0.0)
    # where() keeps values apart but not gradients: an overflow in the branch not taken becomes nan.
    ratio = torch.where(off, 0.0, log_ratio).exp()  # r
    clipped = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    shaped = shape_ratio(log_ratio, gamma) * advantages  # f(r') A'
    z_on, z_off = tokens or (mask.sum().clamp(min=1),) * 2
    objective = torch.where(off, shaped / z_off, clipped / z_on)
    return -torch.where(mask, objective, 0.0).sum()


# --------------------------------------------------------------------------------------------------
# The update


class Example(NamedTuple):
    """A rollout with its advantage."""

    rollout: Rollout
    advantage: float

    @property
    def length(self) -> int:
        return len(self.rollout.prompt_ids) + len(self.rollout.response_ids)


def examples_of(groups: list[Group]) -> list[Example]:
    return [e for g in groups for e in map(Example, g.rollouts, g.advantages)]


def score(
    model, examples: list[Example], temperature: float, with_entropy: bool = False
) -> tuple[Tensor, Tensor | None]:
    """log pi_theta of each response token under the prompt without hint, rows end to end [N], and,
    if asked for, the entropy of each of these distributions [N], in nats.

    Right-padded, so that positions are those of sampling and causal attention needs no mask. Only
    positions that predict a response token are projected to the vocabulary.
    """
    rollouts = [e.rollout for e in examples]
    sequences = [r.prompt_ids + r.response_ids for r in rollouts]
    ids, lengths = right_pad(sequences, model.device)  # [B, T], [B]
    first = torch.tensor([[len(r.prompt_ids) - 1] for r in rollouts], device=model.device)
    at = torch.arange(ids.shape[1], device=model.device)
    predicts = (at >= first) & (at < lengths[:, None] - 1)  # [B, T]: t predicts token t + 1
    logits = model(input_ids=ids, use_cache=False, logits_to_keep=predicts).logits
    logits = temper(logits, temperature)  # [N, V]
    targets = ids[:, 1:][predicts[:, :-1]]  # [N]
    logprobs = -torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    if not with_entropy:
        return logprobs, None
    every = logits.log_softmax(-1)
    return logprobs, -(every.exp() * every).sum(-1)


def micro_batches(examples: list[Example], budget: int) -> Iterator[list[Example]]:
    """Split into batches of at most `budget` tokens, padding included, but one example at least."""
    batch: list[Example] = []
    for example in sorted(examples, key=lambda e: -e.length):
        if batch and (len(batch) + 1) * batch[0].length > budget:
            yield batch
            batch = []
        batch.append(example)
    if batch:
        yield batch


def token_counts(examples: list[Example], separate: bool) -> tuple[int, int]:
    """(Z, Z') of an update: its response tokens, or the on- and the off-policy ones apart."""
    counts = [0, 0]
    for rollout, _ in examples:
        counts[rollout.off_policy] += len(rollout.response_ids)
    on, off = counts if separate else (sum(counts), sum(counts))
    return max(on, 1), max(off, 1)


def skip_zero_advantages(examples: list[Example], config: Config) -> list[Example]:
    """Without advantage there is no gradient, but for that of the entropy bonus. (Choice 6.)"""
    return [e for e in examples if e.advantage != 0 or config.entropy_coef]


@torch.no_grad()
def replace_old_logprobs(model, examples: list[Example], config: Config) -> float:
    """In bfloat16: log pi_old of on-policy responses anew, by the trainer's forward pass, in place.

    In the very micro-batches of the update, since other shapes round otherwise. (Choice 5.) Hinted
    ones keep the sampler's. Returns the largest difference to what the sampler recorded.
    """
    gap = 0.0
    for batch in micro_batches(skip_zero_advantages(examples, config), config.micro_tokens):
        with autocast(config):
            logprobs = score(model, batch, config.temperature)[0]
        parts = logprobs.split([len(e.rollout.response_ids) for e in batch])
        for (rollout, _), part in zip(batch, parts, strict=True):
            if not rollout.off_policy:
                change = part - torch.tensor(rollout.logprobs, device=part.device)
                gap, rollout.logprobs = max(gap, float(change.abs().max())), part.tolist()
    return gap


class Tally:
    """Sums over the tokens of a step, for metrics.jsonl."""

    def __init__(self):
        self.on = self.off = self.ratio_on = self.ratio_off = self.clipped = 0
        self.loss = self.gap = self.skipped = 0
        self.grad_norms: list[float] = []

    @torch.no_grad()
    def add(self, log_ratio, advantages, off, clip: float, first_pass: bool) -> None:
        """Count a micro-batch of tokens [N]; in a step's first update, where r should be 1, note by
        how much log r is off."""
        ratio, on = log_ratio.exp(), ~off
        stopped = torch.where(advantages > 0, ratio > 1 + clip, ratio < 1 - clip)
        self.on, self.off = self.on + int(on.sum()), self.off + int(off.sum())
        self.ratio_on += float(ratio[on].sum())
        self.ratio_off += float(ratio[off].sum())
        self.clipped += int((stopped & on).sum())
        if first_pass and on.any():
            self.gap = max(self.gap, float(log_ratio[on].abs().max()))

    def metrics(self) -> dict:
        norms = self.grad_norms
        figures = {
            "loss": self.loss,
            "ratio_on": self.ratio_on / self.on if self.on else None,
            "ratio_off": self.ratio_off / self.off if self.off else None,
            "clip_fraction": self.clipped / self.on if self.on else None,
            "logprob_gap": self.gap,
            "grad_norm": sum(norms) / len(norms) if norms else 0.0,
            "skipped_updates": self.skipped,
        }
        # JSON has no nan and no infinity.
        return {k: v if v is None or math.isfinite(v) else None for k, v in figures.items()}


def accumulate_gradients(
    model, examples: list[Example], config: Config, tally: Tally, first_pass: bool
) -> None:
    """Add up the gradient of one update over micro-batches; how they are cut does not change it."""
    z = token_counts(examples, config.separate_normalisers)
    all_tokens, _ = token_counts(examples, separate=False)
    for batch in micro_batches(skip_zero_advantages(examples, config), config.micro_tokens):
        with autocast(config):
            logprobs, entropy = score(model, batch, config.temperature, config.entropy_coef > 0)
        lengths = torch.tensor([len(e.rollout.response_ids) for e in batch], device=model.device)
        old = [logprob for e in batch for logprob in e.rollout.logprobs]
        old_logprobs = torch.tensor(old, device=model.device)
        rows = torch.tensor([[e.advantage, e.rollout.off_policy] for e in batch]).to(model.device)
        advantages, off = rows.repeat_interleave(lengths, 0).unbind(1)  # [N], no padding among them
        mask, off = torch.ones_like(off), off.bool()
        terms = (logprobs, old_logprobs, advantages, mask, off)
        loss = mixed_policy_loss(*terms, config.clip, config.gamma, tokens=z)
        if entropy is not None:
            loss = loss - config.entropy_coef * entropy.sum() / all_tokens
        loss.backward()
        tally.loss += loss.item()
        tally.add(logprobs.detach() - old_logprobs, advantages, off, config.clip, first_pass)


def check_gap(gap: float, config: Config) -> None:
    """What the sampler recorded must be what the trainer computes, or the ratios mean nothing.

    In float32 they differ by rounding, and more than 0.05 nats raise UserError, before the policy
    has moved. In bfloat16 rounding alone can be large, so there is a warning, above 1.
    """
    limit = 1.0 if mixed_precision(config) else 0.05
    if gap > limit:
        message = f"sampler and trainer disagree about this model by {gap:.2g} nats per token"
        if not mixed_precision(config):
            raise UserError(f"{message} (logprob_gap): its figures would mean nothing")
        tqdm.write(f"warning: {message}; rounding of bfloat16 rarely makes more than {limit}")


def update(policy: Policy, optimizer, groups: list[Group], config: Config) -> dict:
    """The optimizer steps of one training step, each on its share of the groups. Returns metrics.

    pi_old stays that of sampling, so from the second step on ratios leave 1 and the clip matters.
    """
    model, tally, parts = policy.model, Tally(), config.updates_per_step
    weights = list(model.parameters())
    model.train(config.gradient_checkpointing)  # it needs train mode; dropout is 0 in any mode
    bounds = [i * len(groups) // parts for i in range(parts + 1)]
    shares = [examples_of(groups[a:b]) for a, b in pairwise(bounds)]
    if mixed_precision(config):
        tally.gap = max(replace_old_logprobs(model, share, config) for share in shares)
    check_gap(tally.gap, config)
    for i, examples in enumerate(shares):
        optimizer.zero_grad(set_to_none=True)
        accumulate_gradients(model, examples, config, tally, first_pass=i == 0)
        check_gap(tally.gap, config)
        if all(weight.grad is None for weight in weights):
            continue  # nothing to learn from, so nothing moves (choice 6)
        norm = float(torch.nn.utils.clip_grad_norm_(weights, config.max_grad_norm))
        if math.isfinite(norm):
            optimizer.step()
            tally.grad_norms.append(norm)
        else:
            tally.skipped += 1
        optimizer.zero_grad(set_to_none=True)
    model.eval()
    return tally.metrics()


# --------------------------------------------------------------------------------------------------
# One training step


def seed_for(config: Config, purpose: str, step: int) -> int:
    """A seed for each purpose and step. (Choice 9.)"""
    return random.Random(f"{config.seed} {purpose} {step}").getrandbits(63)


def generator_for(config: Config, purpose: str, step: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed_for(config, purpose, step))


def draw_problems(problems: list[Problem], config: Config, step: int) -> list[Problem]:
    """The problems of a step: the next ones of the data in random order, reshuffled every epoch."""
    n, first = len(problems), (step - 1) * config.prompts_per_step
    epochs = range(first // n, (first + config.prompts_per_step - 1) // n + 1)
    orders = [random.Random(seed_for(config, "order", e)).sample(problems, n) for e in epochs]
    start = first % n
    return [p for order in orders for p in order][start : start + config.prompts_per_step]


class Stopwatch:
    """Seconds by stage."""

    def __init__(self, device: str):
        self.device, self.last = device, time.perf_counter()
        self.seconds = dict.fromkeys(("sample", "hint", "grade", "update"), 0.0)

    def lap(self, stage: str) -> None:
        wait_for_gpu(self.device)
        now = time.perf_counter()
        self.seconds[stage], self.last = self.seconds[stage] + now - self.last, now


def train_step(
    policy: Policy, old: Policy, optimizer, problems: list[Problem], config: Config, step: int
) -> tuple[list[Group], dict]:
    """One step of LTE, counted from 1. `old` is pi_old, which samples, and then the policy again.

    Returns the mixed groups and a line for metrics.jsonl.
    """
    watch, tokenizer = Stopwatch(config.device), policy.tokenizer
    groups = sample_groups(old, problems, config, generator_for(config, "sample", step))
    watch.lap("sample")
    grade_groups(groups, tokenizer)
    first = [r for g in groups for r in g.rollouts]
    watch.lap("grade")
    retried = sample_again(old, groups, config, generator_for(config, "hint", step))
    watch.lap("hint")
    rng = random.Random(seed_for(config, "mix", step))
    for group in retried:
        grade(group.extra, group.problem, tokenizer)
        group.rollouts = mix_group(group.rollouts, group.extra, rng)
    if METHODS[config.method].solution:
        for group in groups:
            add_solution(policy, group)
    watch.lap("grade")
    described = describe(groups, first, config)
    updated = update(policy, optimizer, groups, config)
    refresh(old, policy)
    watch.lap("update")
    metrics = {"step": step, **described, **updated, "seconds": watch.seconds}
    speed = metrics["sampled_tokens"] / sum(watch.seconds.values())
    return groups, metrics | {"tokens_per_second": speed, "peak_gib": peak_gib(config.device)}


def peak_gib(device: str) -> float | None:
    """Most memory so far: on a GPU what torch allocated, else the process (None: can't tell)."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated(device) / 2**30
    try:
        import resource
    except ImportError:  # Windows has none
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in KiB; on a Mac in bytes
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20


def describe(groups: list[Group], first: list[Rollout], config: Config) -> dict:
    """What a step's rollouts were like; `first` are those before any extra ones."""
    extra = [r for g in groups for r in g.extra]
    kinds = [g.hint.kind for g in groups if g.hint and g.extra]
    tokens = sum(len(r.response_ids) for r in first)
    return {
        "none_pass": sum(g.passed == 0 for g in groups),
        "some_pass": sum(0 < g.passed < config.group_size for g in groups),
        "all_pass": sum(g.passed == config.group_size for g in groups),
        "rescued": sum(g.rescued for g in groups),
        "hints": {kind: kinds.count(kind) for kind in ("Hint", "ConciseHint", "Concise")},
        "extra_reward": sum(r.reward for r in extra) / len(extra) if extra else None,
        "reward": sum(r.reward for r in first) / len(first),
        "response_tokens": tokens / len(first),
        "truncated": sum(r.truncated for r in first) / len(first),
        # Nats a token: -log pi_old of a sampled token has the entropy of its distribution as mean.
        "entropy": -sum(p for r in first for p in r.logprobs) / tokens,
        "learning_rate": config.lr,
        "sampled_rollouts": len(first) + len(extra),
        "sampled_tokens": tokens + sum(len(r.response_ids) for r in extra),
    }


# --------------------------------------------------------------------------------------------------
# Validation


def evaluate(
    policy: Policy, problems: list[Problem], samples: int, config: Config, step: int = 0
) -> list[Group]:
    """`samples` graded rollouts a problem, without hints."""
    generator = generator_for(config, "evaluate", step)
    groups = sample_groups(policy, problems, config, generator, samples)
    grade_groups(groups, policy.tokenizer)
    return groups


def pass_rate(groups: list[Group], k: int) -> float:
    """Pass@k as the mean over problems of its unbiased estimate."""
    return sum(pass_at_k(len(g.rollouts), g.passed, k) for g in groups) / len(groups)


def validate(policy: Policy, problems: list[Problem], config: Config, step: int) -> dict:
    """A line for validation.jsonl: Pass@1 and Pass@k (k: --eval-samples), in all and by family."""
    groups, k = evaluate(policy, problems, config.eval_samples, config, step), config.eval_samples
    everything = [r for g in groups for r in g.rollouts]
    families: dict[str, list[Group]] = {}
    for group in groups:
        families.setdefault(group.problem.family or "", []).append(group)
    return {
        "step": step,
        "k": k,
        "pass@1": pass_rate(groups, 1),
        "pass@k": pass_rate(groups, k),
        "none_pass": sum(g.passed == 0 for g in groups) / len(groups),
        "truncated": sum(r.truncated for r in everything) / len(everything),
        "response_tokens": sum(len(r.response_ids) for r in everything) / len(everything),
        "families": {f: [pass_rate(g, 1), pass_rate(g, k)] for f, g in sorted(families.items())},
    }


def before_after_table(before: dict, after: dict) -> str:
    """Pass@1 and Pass@k on the held-out problems at the first and the last validation."""
    lines = [f"{'held-out problems':20} {'Pass@1':>16}   {'Pass@' + str(before['k']):>16}"]
    rows = [(f, before["families"][f], after["families"][f]) for f in before["families"] if f]
    rows.append(("all", *([v["pass@1"], v["pass@k"]] for v in (before, after))))
    for name, old, new in rows:
        cells = [f"{a:6.1%} -> {b:6.1%}" for a, b in zip(old, new, strict=True)]
        lines.append(f"{name:20} {cells[0]:>16}   {cells[1]:>16}")
    return "\n".join(lines)


# --------------------------------------------------------------------------------------------------
# The run's folder


class Run:
    """A run's state, and its folder: config.json, metrics.jsonl, samples.jsonl, validation.jsonl,
    checkpoint/ and final/."""

    LOGS = ("metrics.jsonl", "samples.jsonl", "validation.jsonl")

    def __init__(self, config: Config, policy: Policy, optimizer, problems: list[Problem]):
        self.config, self.policy, self.optimizer = config, policy, optimizer
        self.problems = hashlib.sha256(repr(problems).encode()).hexdigest()
        self.old = sampling_policy(policy, config)
        self.step, self.rollouts = 0, 0  # done so far
        self.folder = Path(config.out)
        self.checkpoint = self.folder / "checkpoint" / "state.pt"
        if not config.resume:
            if any(path.suffix != ".tmp" for path in self.folder.glob("*")):
                raise UserError(f"{self.folder} is in use: --resume the run, or name another --out")
            content = {"settings": dataclasses.asdict(config), **provenance()}
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(self.folder / "config.json", json.dumps(content, indent=1) + "\n")
        self.checkpoint.parent.mkdir(exist_ok=True)
        for name in self.LOGS:
            (self.folder / name).touch()

    def log(self, name: str, *rows: dict) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(json_lines(rows))

    def rows(self, name: str) -> list[dict]:
        return read_log(self.folder / name)

    def save(self) -> None:
        """All that it takes to go on exactly; generators are seeded by step.

        Written aside, synced and renamed: there always is one whole checkpoint, after the first.
        """
        state = {"step": self.step, "rollouts": self.rollouts, "problems": self.problems}
        state |= {"model": self.policy.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        for name in self.LOGS:
            with (self.folder / name).open("a") as file:
                os.fsync(file.fileno())  # the logs, before a checkpoint that counts on them
        temporary = self.checkpoint.with_suffix(".tmp")
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.checkpoint)

    def load(self) -> None:
        """Restore the checkpoint, if there is one, and cut the logs back to it."""
        if self.checkpoint.exists():
            try:
                device = self.policy.model.device
                state = torch.load(self.checkpoint, map_location=device, weights_only=True)
                self.policy.model.load_state_dict(state["model"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.step, self.rollouts = state["step"], state["rollouts"]
                known = state["problems"]
            except Exception as error:  # broken or foreign, in any way
                if isinstance(error, OSError) or is_out_of_memory(error):
                    raise
                raise UserError(f"{self.checkpoint} can't be read: start anew") from None
            if known != self.problems:
                raise UserError(f"--resume {self.folder}: the training problems are not the run's")
        refresh(self.old, self.policy)
        for name in self.LOGS:
            kept = [row for row in self.rows(name) if row["step"] <= self.step]
            if name == "validation.jsonl":  # without one that was the end of a shorter run
                kept = [row for row in kept if row["step"] % max(self.config.eval_every, 1) == 0]
            replace_file(self.folder / name, json_lines(kept))

    def save_final(self) -> Path:
        """The trained model as an ordinary Hugging Face folder, with a recipe.json for eval.py."""
        final, temporary = self.folder / "final", self.folder / "final.tmp"
        self.policy.model.save_pretrained(temporary)
        self.policy.tokenizer.save_pretrained(temporary)
        names = ("max_new_tokens", "temperature", "system_prompt")
        sampling = {n: getattr(self.config, n) for n in names if getattr(self.config, n) != ""}
        replace_file(temporary / "recipe.json", json.dumps(sampling) + "\n")
        shutil.rmtree(final, ignore_errors=True)
        return temporary.rename(final)


def json_lines(rows: Iterable[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read_log(path: Path) -> list[dict]:
    """The lines of a log; a last one that was only half written is left out. Raises UserError."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    try:
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except ValueError as error:
        raise UserError(f"{path} is broken: {error}") from None


def replace_file(path: Path, text: str) -> None:
    """Write under another name, then rename: nobody ever sees half a file."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)


def provenance() -> dict:
    """What one needs to know to repeat a run."""
    commit = None
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        command = ["git", "-C", str(Path(__file__).resolve().parent), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    versions = {m.__name__: m.__version__ for m in (torch, transformers)}
    versions["python"] = platform.python_version()
    return {"versions": versions, "commit": commit, "command": sys.argv}


def samples_to_log(groups: list[Group], tokenizer, step: int, count: int) -> list[dict]:
    """A few rollouts for people to read: a wrong and a right one a group, rescued groups first."""
    chosen = []
    for group in sorted(groups, key=lambda g: (not g.rescued, not any(g.advantages))):
        examples = examples_of([group])
        for reward in (0, 1):
            chosen += [(group, *e) for e in examples if e.rollout.reward == reward][:1]
    return [
        {
            "step": step,
            "problem": group.problem.problem,
            "reference": group.problem.answer,
            "prompt": tokenizer.decode(rollout.prompt_ids),
            "hint": group.hint.text if rollout.hint else None,
            "response": rollout.text,
            "answer": rollout.answer,
            "reward": rollout.reward,
            "truncated": rollout.truncated,
            "off_policy": rollout.off_policy,
            "advantage": advantage,
        }
        for group, rollout, advantage in chosen[:count]
    ]


# --------------------------------------------------------------------------------------------------
# The main job


@contextlib.contextmanager
def stop_on_signals() -> Iterator[list[int]]:
    """Signals end the run after the step at hand, a second one at once; a list of those received.

    They are what Ctrl-C, kill, a closed terminal and a scheduler before its time limit send.
    """
    received: list[int] = []

    def note(number, frame) -> None:
        if received:
            sys.exit(128 + number)
        received.append(number)
        tqdm.write("stopping after this step ...")

    numbers = [getattr(signal, n, None) for n in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")]
    before = {number: signal.signal(number, note) for number in numbers if number}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def find_data(config: Config) -> tuple[Path, Path | None]:
    """Files of the training and of the held-out problems."""
    data = Path(config.model) / "train.jsonl"
    if config.data:
        data = locate(config.data, TRAINING_DATA)
    elif not data.is_file():
        raise UserError(f"no model with own problems at {config.model!r}: name a --data file")
    if config.eval_data:
        return data, locate(config.eval_data, BENCHMARKS)
    held_out = data.with_name("test.jsonl")
    return data, held_out if held_out.is_file() and held_out != data else None


def check_prompts(policy: Policy, problems: list[Problem], config: Config) -> int:
    """Tokens of the longest prompt. Raises UserError if one leaves no room for a response."""
    lengths = [len(prompt_for(policy, problem, config)) for problem in problems]
    longest = max(lengths)
    if longest + config.max_new_tokens > context_length(policy.model):
        text = problems[lengths.index(longest)].problem
        raise UserError(
            f"a prompt of {longest} tokens leaves no room for --max-new-tokens "
            f"{config.max_new_tokens} in the model's context: {text[:60]!r}"
        )
    return longest


def train(config: Config) -> int:
    """The whole run. Returns the exit status; raises UserError."""
    check_config(config)
    data, held_out_data = find_data(config)
    problems = load_problems(data)
    held_out = load_problems(held_out_data) if held_out_data and config.eval_every else []
    if METHODS[config.method].solution:
        right = sum(p.has_right_solution() for p in problems)
        if not right:
            raise UserError(f"--method {config.method}: no problem in {data} has a right solution")
        if right < len(problems):
            tqdm.write(f"{right} of {len(problems)} problems have a solution that gives the answer")
    policy = policy_for(config)
    check_prompts(policy, problems + held_out, config)
    if config.gradient_checkpointing:
        policy.model.activation_checkpointing_enable()
    weights = policy.model.parameters()
    optimizer = torch.optim.AdamW(weights, lr=config.lr, weight_decay=0.0, fused=True)
    run = Run(config, policy, optimizer, problems)
    if config.resume:
        run.load()
    with stop_on_signals() as signals:
        learn(run, problems, held_out, signals)
    run.save()
    if signals:
        tqdm.write(f"stopped; go on with: python lte.py --resume {run.folder}")
        return 128 + signals[0]
    report(run, run.save_final())
    return 0


def learn(run: Run, problems: list[Problem], held_out: list[Problem], signals: list[int]) -> None:
    """Train and validate until the end, or until a signal."""
    config, unstable = run.config, 0
    with tqdm(total=config.steps, initial=run.step, unit="step", dynamic_ncols=True) as bar:
        while run.step < config.steps and not 0 < config.rollouts <= run.rollouts:
            if held_out and run.step % config.eval_every == 0:
                validate_once(run, held_out)
                if signals:
                    return
            metrics = next_step(run, problems)
            figures = "reward {reward:.2f}, none-pass {none_pass}, rescued {rescued}"
            bar.set_postfix_str(figures.format(**metrics), refresh=False)
            bar.update()
            if run.step % config.save_every == 0:
                run.save()
            if signals:
                return
            if metrics["skipped_updates"]:
                unstable += 1
            elif metrics["grad_norm"]:
                unstable = 0
            if unstable == 3:
                run.save()
                raise UserError("no finite gradient 3 steps in a row: start anew, with less --lr")
    if held_out:
        validate_once(run, held_out)


def next_step(run: Run, problems: list[Problem]) -> dict:
    """Draw problems, take a step, log it; its metrics."""
    config, optimizer, step = run.config, run.optimizer, run.step + 1
    try:
        batch = draw_problems(problems, config, step)
        groups, metrics = train_step(run.policy, run.old, optimizer, batch, config, step)
    except UserError:
        run.save()  # nothing of this step has happened to the weights
        raise
    shown = samples_to_log(groups, run.policy.tokenizer, step, config.samples_per_step)
    run.log("samples.jsonl", *shown)
    run.log("metrics.jsonl", metrics)
    run.step, run.rollouts = step, run.rollouts + metrics["sampled_rollouts"]
    return metrics


def validate_once(run: Run, held_out: list[Problem]) -> None:
    """Validate, unless this was done before a resume. It may take long, so the state is saved."""
    if any(row["step"] == run.step for row in run.rows("validation.jsonl")):
        return
    run.save()
    v = validate(run.old, held_out, run.config, run.step)
    run.log("validation.jsonl", v)
    rates = f"Pass@1 {v['pass@1']:6.1%}   Pass@{v['k']} {v['pass@k']:6.1%}"
    tqdm.write(f"step {v['step']:4d}   {rates}   none-pass {v['none_pass']:6.1%}")


def report(run: Run, final: Path) -> None:
    """What was gained, and where everything is."""
    validations = run.rows("validation.jsonl")
    if validations:
        print("\n" + before_after_table(validations[0], validations[-1]))
    metrics = run.rows("metrics.jsonl")
    if not metrics:  # someone deleted the log of a run that had ended
        return
    hints = {kind: sum(row["hints"][kind] for row in metrics) for kind in metrics[0]["hints"]}
    given = ", ".join(f"{kind} {n}" for kind, n in hints.items())
    peak = f"; {metrics[-1]['peak_gib']:.1f} GiB of memory" if metrics[-1]["peak_gib"] else ""
    print(f"\n{len(metrics)} steps, {run.rollouts} rollouts{peak}; groups with a hint: {given}")
    print(f"model: {final}   log: {run.folder}/metrics.jsonl   to read: {run.folder}/samples.jsonl")


# --------------------------------------------------------------------------------------------------
# One step in slow motion


def explain(config: Config) -> int:
    """One step on one none-pass problem that its hint rescues, in words; trains nothing for good."""
    check_config(config)
    if not METHODS[config.method].hinted:
        raise UserError("--explain is about hints: use it with --method lte")
    if config.resume:
        raise UserError("--explain takes a --model, not a run to --resume")
    policy = policy_for(config)
    old = sampling_policy(policy, config)
    problems = load_problems(find_data(config)[0])
    check_prompts(policy, problems, config)
    for step in range(1, 11):
        batch = draw_problems(problems, config, step)
        groups = sample_groups(old, batch, config, generator_for(config, "sample", step))
        grade_groups(groups, policy.tokenizer)
        for group in sample_again(old, groups, config, generator_for(config, "hint", step)):
            grade(group.extra, group.problem, policy.tokenizer)
            if any(r.reward == 1 for r in group.extra):
                show_rescue(policy, group, config)
                return 0
    raise UserError(f"--explain: no hint rescued a none-pass problem in {step} steps")


def show_rescue(policy: Policy, group: Group, config: Config) -> None:
    """Print what happens to a none-pass group from its first rollouts to the update."""
    tokenizer, gamma = policy.tokenizer, config.gamma

    def show(rollouts: list[Rollout], advantages=()) -> None:
        for rollout, advantage in zip_longest(rollouts, advantages):
            verdict = "right" if rollout.reward else "truncated" if rollout.truncated else "wrong"
            end = "" if advantage is None else f"  A = {advantage:+.2f}"
            print(f"   {verdict:9}{end}  {' '.join(rollout.text.split())[:88]}")

    print(f"1. A problem, whose answer is {group.problem.answer}. The prompt:\n")
    print(tokenizer.decode(group.rollouts[0].prompt_ids))
    print(f"\n2. G = {len(group.rollouts)} rollouts, graded:\n")
    show(group.rollouts)
    print("\n3. None-pass: all rewards are 0, so are all advantages. GRPO learns nothing here.")
    print(f"\n4. The hint, of the kind {group.hint.kind}. The prompt with it:\n")
    print(tokenizer.decode(group.extra[0].prompt_ids))
    print(f"\n5. G = {len(group.extra)} extra rollouts under the hint, graded:\n")
    show(group.extra)
    rng = random.Random(config.seed)
    group.rollouts = mix_group(group.rollouts, group.extra, rng)
    rewards = torch.tensor([r.reward for r in group.rollouts])
    mean, std = float(rewards.mean()), float(rewards.std(correction=0))
    print("\n6. Right ones take places of failed ones. Advantages of the mixed group,")
    print(f"   A = (R - mean) / std with mean {mean:.3f} and std {std:.3f}:\n")
    show(group.rollouts, group.advantages)
    example = next(e for e in examples_of([group]) if e.rollout.off_policy)
    print("\n7. A rescued response is trained under the prompt WITHOUT the hint. For each token:")
    print("   its probability when sampled, pi_old(o' | H, q), and now, pi_theta(o' | q); their")
    print(f"   ratio r'; its weight in the gradient, gamma r' / (r' + gamma)^2, gamma = {gamma}.\n")
    before = token_probabilities(policy, example, config)
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=config.lr, weight_decay=0.0)
    update(policy, optimizer, [group], dataclasses.replace(config, updates_per_step=1))
    after = token_probabilities(policy, example, config)
    print(f"   {'token':14}{'with hint':>10}{'without':>10}{'ratio':>9}{'weight':>8}{'after':>10}")
    tokens = zip(example.rollout.response_ids, example.rollout.logprobs, before, after, strict=True)
    for token, sampled, now, later in tokens:
        ratio = now / math.exp(sampled)
        weight = gamma * ratio / (ratio + gamma) ** 2
        cells = f"{math.exp(sampled):10.4f}{now:10.4f}{ratio:9.4f}{weight:8.3f}{later:10.4f}"
        print(f"   {tokenizer.decode([token])!r:14.14}{cells}")
    chances = " and ".join(f"{math.prod(p):.2g}" for p in (before, after))
    print("\n8. The last column is pi_theta(o' | q) after one optimizer step on this group alone.")
    print(f"   Probability of the whole response without the hint, before and after: {chances}.")


@torch.no_grad()
def token_probabilities(policy: Policy, example: Example, config: Config) -> list[float]:
    """pi_theta of each token of a response, under the prompt that it is trained with."""
    with autocast(config):
        return score(policy.model, [example], config.temperature)[0].exp().tolist()


# --------------------------------------------------------------------------------------------------
# Command line


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors take one line."""

    def error(self, message: str):
        raise UserError(f"{message} (see --help)")


def build_parser() -> Parser:
    """A flag for each field of Config. Flags that were not given stay absent, for recipes' sake."""
    title = __doc__.split("\n\n")[0]
    parser = Parser("lte.py", description=title, argument_default=argparse.SUPPRESS)
    for f in dataclasses.fields(Config):
        text = f.metadata["help"]
        if isinstance(f.default, bool):
            switch = argparse.BooleanOptionalAction  # --no-... turns it off when a run is resumed
            parser.add_argument(flag(f.name), action=switch, help=text)
        else:
            text += f" [{f.default}]" if f.default != "" else ""
            kind, choices = type(f.default), f.metadata.get("choices")
            parser.add_argument(flag(f.name), type=kind, choices=choices, help=text)
    parser.add_argument("--explain", action="store_true", help="show one step in slow motion")
    return parser


NOT_FOR_RECIPES = ("model", "data", "eval_data", "out", "resume", "device")


def read_settings(path: Path, key: str | None = None) -> dict:
    """The settings in a JSON file (under `key`), checked for names and types; raises UserError."""
    kinds = {f.name: type(f.default) for f in dataclasses.fields(Config)}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        settings = dict(content[key] if key else content)
        for name, value in settings.items():
            settings[name] = float(value) if kinds[name] is float and type(value) is int else value
            if type(settings[name]) is not kinds[name]:
                raise UserError(f"{path}: {name} is {value!r}, should be {kinds[name].__name__}")
    except KeyError as error:
        raise UserError(f"{path}: no or unknown setting {error}") from None
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UserError(f"{path} can't be read: {error}") from None
    return settings


def read_recipe(model: str) -> dict:
    """The settings in recipe.json beside the model; {} without one."""
    path = Path(model) / "recipe.json"
    recipe = read_settings(path) if path.is_file() else {}
    for name in recipe:
        if name in NOT_FOR_RECIPES:
            raise UserError(f"{path}: a recipe can't set {name}")
    return recipe


def configure(given: dict) -> Config:
    """Defaults, then recipe.json, then flags; with --resume, the run's own settings."""
    if "resume" in given:
        return resumed_config(Path(given["resume"]), given)
    recipe = read_recipe(given.get("model", Config.model))
    taken = [f"{flag(name)} {value}" for name, value in recipe.items() if name not in given]
    if taken:
        print("from recipe.json: " + " ".join(taken))
    config = Config(**recipe | given)
    config.out = config.out or f"runs/{config.method}-{short_name(config.model)}-s{config.seed}"
    return config


def short_name(model: str) -> str:
    """A model's, for a folder of ours: the last part of its name, or the run's if it is its final/."""
    path = Path(model).resolve()
    return path.parent.name if path.name == "final" else path.name


def resumed_config(folder: Path, given: dict) -> Config:
    """The settings of the run in `folder`; UserError if a flag would change what matters."""
    if not (folder / "config.json").is_file():
        raise UserError(f"--resume {folder}: there is no run")
    config = Config(**read_settings(folder / "config.json", "settings"))
    for name, value in given.items():
        saved = getattr(config, name)
        if name not in MAY_CHANGE_ON_RESUME and value != saved:
            raise UserError(f"--resume {folder}: the run has {flag(name)} {saved!r}, not {value!r}")
    return dataclasses.replace(config, **given | {"out": str(folder), "resume": str(folder)})


def only_our_lines() -> None:
    """What transformers and the hub say goes: an error of theirs is one line of ours."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)


def main(argv: list[str] | None = None) -> int:
    """The command line. Returns the exit status: 2, after one line, for what the user can mend."""
    only_our_lines()
    try:
        given = vars(build_parser().parse_args(argv))
        work = explain if given.pop("explain", False) else train
        return work(configure(given))
    except KeyboardInterrupt:
        print("lte.py: stopped; a run that had begun goes on with --resume", file=sys.stderr)
        return 130
    except UserError as error:
        message = str(error)
    except OSError as error:
        message = f"can't read or write a file: {error}; a run is intact up to its checkpoint"
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        message = "out of memory: lower --cache-gib (sampling) or --micro-tokens (update); a run "
        message += "goes on from its last checkpoint with --resume, and these change no result"
    print(f"lte.py: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
