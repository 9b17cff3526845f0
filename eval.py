"""How good is a model, and which of several runs is better? The sampler stands here, too.

    python eval.py --model runs/lte-small-model-s0/final --data small-model/test.jsonl --k 1 4 16
    python eval.py --model NAME --data math500 minerva olympiadbench amc23 aime24 aime25 gsm8k
    python eval.py --compare runs/* --figure curves.png    methods and seeds side by side, and drawn

eval.py stands on verify.py, which judges; lte.py, which learns, stands on both. The file reads
downhill: a function calls those below it, since Python looks names up only when it calls them.

 1. Pass@1 is the mean over samples, Pass@k the unbiased estimate 1 - C(n-c, k) / C(n, k) from n
    samples with c right ones; both are means over problems. The interval (95 %) comes from drawing
    the problems again with replacement: how far would the figure move with others of the kind?
 2. Prompt, sampler and checker are training's, without hints. Temperature 0 is one greedy sample.
 3. Every sample goes to a JSONL file. A data set that was finished before is taken over if
    settings, problems, code and the model's files are the same, and refused otherwise.
 4. Benchmarks are fetched once, checked and kept. Samples per problem, and k: 16, or the paper's 4.
 5. Runs are compared at their last validation, in pairs of one model and seed; intervals (95 %) of
    the first method minus another are Student's t over the pairs.
"""

import contextlib
import copy
import hashlib
import http.client
import itertools
import json
import logging
import math
import re
import sqlite3
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import transformers
from torch import Tensor
from tqdm import tqdm
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer
from transformers.hf_argparser import HfArg, HfArgumentParser

import verify
from verify import extract_answer, is_correct, pass_at_k

# --------------------------------------------------------------------------------------------------
# How good is a model?


def evaluate(config: "EvalConfig") -> None:
    """Ask a model every problem of every data set, grade the answers, print Pass@k."""
    folder = Path(config.out or f"runs/eval-{short_name(config.model)}")
    data_sets = [DataSet(name, folder, config) for name in config.data]
    if len({d.output for d in data_sets}) < len(data_sets):
        raise UserError("two data sets have one name: their samples would go to one file")
    folder.mkdir(parents=True, exist_ok=True)
    model = fingerprint(config.model)
    with lock(folder):
        finished = [d.finished(model) for d in data_sets]
        if None in finished:
            policy = sampling_policy(load_policy(config.model, config.device), config)
        print(f"{'':24}{'problems':>9}{'samples':>8}{'':62}  truncated   length")
        rates = []
        for d, rows in zip(data_sets, finished, strict=True):
            taken = "" if rows is None else " (taken over: the same model, problems and settings)"
            if rows is None:
                generator = torch.Generator().manual_seed(config.seed)
                groups = ask(policy, d.problems, d.samples, config, generator)
                rows = list(map(sample_rows, d.problems, groups))
                text = json_lines(row for group in rows for row in group)
                replace_file(d.output.with_suffix(".settings.json"), d.note(text.encode(), model))
                replace_file(d.output, text)
            rates.append(print_table(d, rows))
            print(f"{'':24}samples: {d.output}{taken}")
    if len(rates) > 1:
        names = [f"Pass@{k}" for k in sorted(set(config.k))] or ["Pass@1", "Pass@k"]
        means = map(statistics.fmean, zip(*rates, strict=True))  # of one sample, Pass@1 only
        cells = (f"{f'{name} {mean:6.1%}':31}" for name, mean in zip(names, means, strict=False))
        print(f"{'average':43}" + "".join(cells))


class DataSet:
    """One file or benchmark of an evaluation; UserError for nonsense, before a model is loaded."""

    def __init__(self, name: str, folder: Path, config: "EvalConfig"):
        path, greedy = locate(name, BENCHMARKS), config.temperature == 0
        self.name, self.problems = name, load_problems(path)
        self.samples = config.samples or (1 if greedy else PAPER_K.get(name, 16))  # per problem
        self.ks = sorted(set(config.k or [1, self.samples]))  # which Pass@k to report
        self.output = folder / f"{Path(name).stem}.jsonl"  # where the samples go
        if path.resolve() == self.output.resolve():
            raise UserError(f"the samples would overwrite {path}: choose another --out")
        if greedy and self.samples > 1:
            raise UserError("--temperature 0 is greedy: all samples would be alike")
        if self.ks[0] < 1 or self.ks[-1] > self.samples:
            raise UserError(f"--k must be between 1 and --samples, {self.samples}")
        code = b"".join(Path(module).read_bytes() for module in (__file__, verify.__file__))
        settings = ("max_new_tokens", "temperature", "seed", "system_prompt")
        # All that decides, with the model, what is sampled and how it is judged.
        self.about = {name: getattr(config, name) for name in settings}
        self.about |= {"samples": self.samples, "device": config.device.split(":")[0]}
        self.about |= {"problems": hash_of(self.problems), "code": hashlib.sha256(code).hexdigest()}

    def note(self, samples: bytes, model: str) -> str:
        """What is kept beside the file of samples: whose they are, and that all are there."""
        whose = {"model": model, "sha256 of the samples": hashlib.sha256(samples).hexdigest()}
        return json.dumps(self.about | whose, indent=1) + "\n"

    def finished(self, model: str) -> list[list[dict]] | None:
        """The rows of the samples, by problem, if they were made before; None if there is no file.

        UserError if it is of another evaluation, or was changed: nothing is overwritten.
        """
        note, n = self.output.with_suffix(".settings.json"), self.samples
        if not self.output.exists():
            return None
        samples = self.output.read_bytes()
        if not note.exists() or note.read_bytes() != self.note(samples, model).encode():
            message = f"{self.output} was changed, or is of another model or settings: "
            raise UserError(message + "choose another --out")
        rows = list(map(json.loads, samples.splitlines()))
        return [rows[i : i + n] for i in range(0, len(rows), n)]


def sample_rows(problem: "Problem", rollouts: list["Rollout"]) -> list[dict]:
    """One row per sample: what was asked, what was answered, how it was judged."""
    rows = []
    for i, rollout in enumerate(rollouts):
        row = {"problem": problem.problem, "reference": problem.answer, "sample": i}
        row |= {"response": rollout.text, "answer": rollout.answer, "reward": rollout.reward}
        row |= {"right": rollout.right, "truncated": rollout.truncated}
        rows.append(row | {"tokens": len(rollout.response_ids)})
    return rows


def summarise(groups: list[list[dict]], ks: list[int]) -> dict:
    """Of rows by problem: Pass@k of each problem, for each k; the share of problems that nobody
    solved; of samples the share that was truncated, and the mean length in tokens."""
    rows, right = [row for group in groups for row in group], lambda g: sum(r["right"] for r in g)
    return {
        "pass": [[pass_at_k(len(g), right(g), k) for g in groups] for k in ks],
        "none_pass": statistics.fmean(right(group) == 0 for group in groups),
        "truncated": statistics.fmean(row["truncated"] for row in rows),
        "response_tokens": statistics.fmean(row["tokens"] for row in rows),
    }


def by_family(problems: list["Problem"], groups: list) -> dict[str, list]:
    """Groups by the family of their problem; problems without one are left out."""
    families = defaultdict(list)
    for problem, group in zip(problems, groups, strict=True):
        families[problem.family or ""].append(group)
    return {family: families[family] for family in sorted(families) if family}


def print_table(d: DataSet, groups: list[list[dict]]) -> list[float]:
    """A line for each family of a data set, if it has any, and one for all of it: its Pass@k."""
    lines = {f"  {family}": some for family, some in by_family(d.problems, groups).items()}
    for name, some in (lines | {Path(d.name).stem: groups}).items():
        summary, cells = summarise(some, d.ks), ""
        for k, rates in zip(d.ks, summary["pass"], strict=True):
            low, high = bootstrap_interval(rates)
            mean = statistics.fmean(rates)
            cells += f"{f'Pass@{k} {mean:6.1%} ({low:.1%}-{high:.1%})':31}"
        rest = f"{summary['truncated']:>11.1%}{summary['response_tokens']:>9.1f}"
        print(f"{name:24}{len(some):>9}{len(some[0]):>8}  {cells:60}{rest}")
    return list(map(statistics.fmean, summary["pass"]))


def bootstrap_interval(values: list[float]) -> tuple[float, float]:
    """95 % interval of the mean of `values` (one per problem) under resampling of the problems."""
    values = np.asarray(values)
    drawn = np.random.default_rng(0).integers(len(values), size=(10_000, len(values)))
    return tuple(np.percentile(values[drawn].mean(1), [2.5, 97.5]).tolist())


@dataclass
class Rollout:
    """One response. It was sampled under `prompt_ids`, from which lte.mix_group takes the hint."""

    prompt_ids: list[int]
    response_ids: list[int] = field(default_factory=list)  # with the EOS, if it was sampled
    old_logprobs: list[float] = field(default_factory=list)  # log pi_old of each, as sampled
    text: str = ""
    reward: float = 0.0  # R: 1 right, 0 wrong
    truncated: bool = False  # reached the length limit without an EOS
    off_policy: bool = False  # pi_old is not the policy under prompt_ids
    advantage: float = 0.0  # A, in training

    @property
    def right(self) -> bool:
        """The one place that says which reward means a right answer."""
        return self.reward == 1

    @property
    def answer(self) -> str | None:
        return extract_answer(self.text)


def ask(
    policy: "Policy", problems: list["Problem"], size: int, config: "Settings",
    generator: torch.Generator, hints: list | None = None,
) -> list[list[Rollout]]:  # fmt: skip
    """`size` graded responses per problem, o ~ pi(. | q); with a list of hints, pi(. | H_q, q)."""
    pairs = zip(problems, hints or [None] * len(problems), strict=True)
    prompts = [build_prompt(policy.tokenizer, p.problem, h, config.system_prompt) for p, h in pairs]
    how = (config.max_new_tokens, config.temperature, policy.eos_ids, generator)
    groups = sample(policy.model, prompts, size, *how, cache_gib=config.cache_gib)
    for problem, rollouts in zip(problems, groups, strict=True):
        grade(rollouts, problem, policy.tokenizer)
    return groups


def grade(rollouts: list[Rollout], problem: "Problem", tokenizer) -> None:
    """R(o, q): 1 if the checker finds the reference answer in the response, else 0."""
    for rollout in rollouts:
        rollout.text = tokenizer.decode(rollout.response_ids, skip_special_tokens=True)
        rollout.reward = float(is_correct(rollout.text, problem.answer))


# --------------------------------------------------------------------------------------------------
# Sampling


@torch.inference_mode()
def sample(
    model, prompts: list[list[int]], group_size: int, max_new_tokens: int, temperature: float,
    eos_ids: set[int], generator: torch.Generator, max_rows: int = 1024, cache_gib: float = math.inf
) -> list[list[Rollout]]:  # fmt: skip
    """Sample `group_size` responses per prompt, from the full distribution at `temperature`.

    Prompts may have any lengths; temperature 0 is greedy. At most `max_rows` responses are decoded
    at a time, and no more than have a cache of `cache_gib`. This changes what is sampled by
    rounding only: the random number for each position of each response is drawn before the first
    token, so a response does not depend on its neighbours. Returns the groups in the order of the
    prompts. Raises UserError if a prompt is empty or leaves no room in the model's context.
    """
    if not all(prompts):
        raise UserError("a prompt is empty: the tokenizer makes no tokens of its text")
    width = max(map(len, prompts), default=0) + max_new_tokens
    if prompts and width > (limit := context_length(model)):
        raise UserError(f"a prompt and --max-new-tokens are {width} tokens, the context is {limit}")
    if cache_gib < math.inf:
        max_rows = min(max_rows, rows_that_fit(model, width, cache_gib))
    total, rollouts = len(prompts) * group_size, []
    at = {"dtype": torch.double, "device": generator.device}
    uniforms = torch.rand(total, max_new_tokens, generator=generator, **at).to(model.device)
    was_training, looks = model.training, {"desc": "sampling", "unit": "response", "leave": False}
    model.eval()  # else dropout would be on, and gradient checkpointing would drop the cache
    with tqdm(total=total, delay=2, **looks) as bar:
        bar.tokens = 0
        for first in range(0, total, max_rows):
            owner = [i // group_size for i in range(first, min(first + max_rows, total))]
            some = uniforms[first : first + max_rows]
            rollouts += decode(model, prompts, owner, some, temperature, eos_ids, bar)
    model.train(was_training)
    return [rollouts[i : i + group_size] for i in range(0, total, group_size)]


def decode(model, prompts, owner, uniforms, temperature, eos_ids, bar) -> list[Rollout]:
    """One response for each row: row i answers prompts[owner[i]] with uniforms[i], [n, limit].

    Rows that are done leave when they are a quarter of all, since that copies the whole cache.
    Until then they are decoded on, and what they add is cut off by their length.
    """
    n, limit = uniforms.shape
    logits, mask, cache = read_prompts(model, prompts, owner)  # [n, V], [n, T]
    position = mask.sum(-1, keepdim=True)  # [n, 1] of the token to come
    rows = torch.arange(n, device=model.device)  # the responses that are being decoded
    lengths, done = torch.zeros_like(rows), torch.zeros_like(rows, dtype=torch.bool)
    ids, logprobs = lengths.new_zeros(n, limit), torch.zeros(n, limit, device=model.device)
    eos = torch.tensor(sorted(eos_ids), device=model.device)
    finished = 0
    for t in range(limit):
        tokens, chosen = choose(logits, temperature, uniforms[rows, t])  # [rows]
        ids[rows, t], logprobs[rows, t] = tokens, chosen
        lengths[rows] += ~done  # an EOS counts, since the policy is to learn to stop
        before, done = finished, done | torch.isin(tokens, eos)
        finished = len(rows) if t + 1 == limit else int(done.sum())
        bar.tokens += len(rows) - before
        speed = bar.tokens / max(bar.format_dict["elapsed"], 1e-3)
        bar.set_postfix_str(f"{speed:.0f} tokens/s", refresh=False)
        bar.update(finished - before)
        if finished == len(rows):
            break
        if finished >= len(rows) / 4:
            keep, finished = (~done).nonzero()[:, 0], 0
            rows, tokens, done = rows[keep], tokens[keep], done[keep]
            mask, position = mask[keep], position[keep]
            cache.reorder_cache(keep)
        mask = torch.cat([mask, torch.ones_like(position)], 1)
        logits = next_logits(model, tokens[:, None], mask, position, cache)
        position = position + 1
    if logprobs.isnan().any():
        raise UserError("the model's probabilities are nan: start anew, with less --lr")
    rollouts = []
    for p, length, row, known in zip(owner, lengths.tolist(), ids.tolist(), logprobs.tolist()):
        cut = row[length - 1] not in eos_ids
        rollouts.append(Rollout(prompts[p], row[:length], known[:length], truncated=cut))
    return rollouts


def read_prompts(model, prompts, owner) -> tuple[Tensor, Tensor, Cache]:
    """Read each prompt once, and repeat what comes of it for the rows that it owns.

        prompts [5, 6, 7], [8] and owner [0, 0, 1]    read   5 6 7    repeated   5 6 7
                                                             0 0 8               5 6 7
                                                                                 0 0 8

    Returns logits of the first new token [n, V], the mask [n, T] and the cache. Padding, to the
    left, never enters a log-probability: the mask, which is 0 there, keeps attention from it,
    positions count from a prompt's own first token, and logits are taken at the last column, where
    all prompts end. check_sampler holds each model to that.
    """
    first, some = owner[0], prompts[owner[0] : owner[-1] + 1]
    width = max(map(len, some))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in some], device=model.device)  # [P, T]
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in some]).to(ids)
    cache = DynamicCache(config=model.config)
    cache.layers = [RoomyLayer() if type(x) is DynamicLayer else x for x in cache.layers]
    logits = next_logits(model, ids, mask, (mask.cumsum(-1) - 1).clamp(min=0), cache)
    rows = torch.tensor(owner, device=model.device) - first
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
    """transformers' cache layer of full attention, in buffers with room behind what they hold.

    DynamicLayer copies all of it to fresh memory for each new token, which takes longer than the
    model itself. With an eighth as room most tokens copy only themselves; with more, attention gets
    slower, since it reads rows with gaps between them.
    """

    buffers = None

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs):
        """Append [n, heads, T, head_dim]; return all that is held, [n, heads, used, head_dim]."""
        used, new = self.get_seq_length(), (key_states, value_states)
        total = used + key_states.shape[2]
        if self.buffers is None or self.buffers[0].shape[2] < total:
            self.buffers = [x.new_empty(*x.shape[:2], total + total // 8, x.shape[3]) for x in new]
            for buffer, held in zip(self.buffers, (self.keys, self.values), strict=True):
                buffer[:, :, :used] = held if used else 0
        for buffer, states in zip(self.buffers, new, strict=True):
            buffer[:, :, used:total] = states
        self.keys, self.values = (buffer[:, :, :total] for buffer in self.buffers)
        self.is_initialized = True
        return self.keys, self.values

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Keep these rows, in this order; a row may be repeated."""
        super().reorder_cache(beam_idx)
        self.buffers = None  # what it has made has no room


def choose(logits: Tensor, temperature: float, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    """A token per row from softmax(logits / T) [n, V], by uniform numbers in [0, 1) [n].

    Returns tokens and their log-probabilities [n]; T = 0 takes the likeliest, as if T were 1.
    Chosen is the first token at which the sum of probabilities exceeds the number. In float64 every
    token is within reach, and none of probability 0 is. Overwrites the logits, to save time.

    >>> choose(torch.tensor([[0.5, 0.2, 0.3]]).log(), 1.0, torch.tensor([0.6]))  # sums 0.5 0.7 1.0
    (tensor([1]), tensor([-1.6094]))
    """
    weights = temper(logits, temperature or 1.0)
    weights = weights.sub_(weights.amax(-1, keepdim=True)).exp_()  # softmax, times some factor
    sums = weights.cumsum(-1, dtype=torch.double)  # [n, V]
    tokens = torch.searchsorted(sums, uniforms[:, None] * sums[:, -1:], right=True)
    tokens.clamp_(max=logits.shape[-1] - 1)  # where all is nan, which decode reports
    if temperature == 0:
        tokens = weights.argmax(-1, keepdim=True)
    return tokens[:, 0], (weights.gather(-1, tokens) / sums[:, -1:]).log()[:, 0].float()


# --------------------------------------------------------------------------------------------------
# A model


class Policy(NamedTuple):
    """A model, how it reads and writes, and the ids of the tokens that end a response."""

    model: transformers.PreTrainedModel
    tokenizer: transformers.PreTrainedTokenizerBase
    eos_ids: set[int]


def load_policy(name: str, device: str = "cpu") -> Policy:
    """Load a causal language model and its tokenizer, by Hugging Face name or folder.

    The weights are float32 whatever the checkpoint holds: most RL updates are too small for bf16
    and round to nothing. Dropout, and a router's jitter, are set to 0 (choice 8 of lte.py). Nothing
    in the folder can run code. Raises UserError unless every weight can be loaded.
    """
    if (Path(name) / "adapter_config.json").is_file():
        raise UserError(f"{name!r} holds an adapter: merge it into its model first, and save that")
    how = {"trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(name, **how)
        for part in (config, config.get_text_config()):
            for key, value in vars(part).items():
                if ("drop" in key or "jitter" in key) and isinstance(value, float):
                    setattr(part, key, 0.0)
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **how)
        how |= {"dtype": torch.float32, "use_safetensors": True, "output_loading_info": True}
        load = transformers.AutoModelForCausalLM.from_pretrained
        model, loading = load(name, config=config, ignore_mismatched_sizes=True, **how)
    except Exception as error:  # noqa: BLE001  whatever transformers has to say, in one line
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(f"can't load the model {name!r} (folder or hub name): {reason}") from None
    check_loaded(name, model, tokenizer, loading)
    flags_in(Path(name) / "generation_config.json")  # transformers ignores a broken one
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


def check_loaded(name: str, model, tokenizer, loading: dict) -> None:
    """UserError unless every weight came from the checkpoint, and all that belongs to the model.

    transformers only warns, and goes on. What it ties or leaves out itself is not in its report.
    """
    trouble = f"the weights of {name!r} are not those of a whole {type(model).__name__}: "
    missing, surplus = sorted(loading["missing_keys"]), sorted(loading["unexpected_keys"])
    for found, wanted in itertools.product(surplus, missing):
        if found.endswith("." + wanted):  # 'module.model.norm.weight', say
            prefix = found.removesuffix(wanted)
            raise UserError(f"{trouble}all names begin with {prefix!r}: save them without it")
    if missing:
        raise UserError(f"{trouble}{', '.join(missing[:3])} missing ({len(missing)} in all)")
    for key, found, wanted in sorted(loading["mismatched_keys"]):
        raise UserError(f"{trouble}{key} is {list(found)}, by config.json it is {list(wanted)}")
    base = model.base_model_prefix + "."  # which a file may leave out
    parts = {part.removeprefix(base) for part, _ in model.named_modules()}
    for key in surplus:  # a bias or a layer that this model lacks, but not another head
        part, old_masks = key.removeprefix(base), ("attn.bias", "attention.bias", "masked_bias")
        inside = {part.rpartition(".")[0], part.split(".")[0]} & parts
        if "lora_" in part or inside and not part.endswith(old_masks):
            raise UserError(f"{trouble}it has no place for {key}, so config.json does not fit")
    kinds = model.config.architectures or []
    if any(re.search("Classification|QuestionAnswering|Reward", kind) for kind in kinds):
        raise UserError(f"{name!r} is a {kinds[0]}, not a causal language model")
    for key, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise UserError(f"{trouble}{key} holds nan or infinity")
    if not tokenizer.tokenize(INSTRUCTION) or tokenizer.chat_template == "":
        raise UserError(f"{name!r}: its tokenizer.json or chat_template.jinja is missing or empty")
    size = model.get_input_embeddings().weight.shape[0]
    if max(tokenizer.get_vocab().values(), default=0) >= size:
        message = f"{name!r}: the tokenizer has more tokens than the {size} that the model embeds: "
        raise UserError(message + "call model.resize_token_embeddings(len(tokenizer))")


def check_sampler(policy: Policy, name: str) -> None:
    """Raise UserError for a model that the sampler does not suit: the log-probabilities that it
    records must be those of the model's own forward pass, as far as rounding lets them.

    Looked at are prompts of unlike lengths, responses that end at different times, and what lies
    beyond each window (or chunk) of up to 1024 tokens that the config names. That costs at most
    four forward passes over 1040 tokens: a GPU takes a fraction of a second for 4 billion
    parameters. A longer window is left to the check in a run's first update.
    """
    model, config = policy.model, policy.model.config.get_text_config()
    named = [v for key, v in vars(config).items() if "window" in key or "chunk" in key]
    windows = [v for v in named if type(v) is int and 4 < v <= 1024]
    longest = int(min(max(windows, default=8), context_length(model) - 12))
    generator, size = torch.Generator().manual_seed(0), config.vocab_size
    prompts = [torch.randint(size, (n,), generator=generator).tolist() for n in (1, 5, longest - 4)]
    quarter = set(range(0, size, 4))  # as EOS, so that some end early
    gap, why = 0.0, "its log-probabilities are off by {:.2g} nats"
    try:
        groups = sample(model, prompts[:2], 4, 12, 1.0, quarter, generator)
        groups += sample(model, prompts[1:], 1, 12, 1.0, set(), generator)
        for rollout in (rollout for group in groups for rollout in group):
            recorded = torch.tensor(rollout.old_logprobs, device=model.device)
            gap = max(gap, float((teacher_forced(model, rollout) - recorded).abs().max()))
    except Exception as error:  # whatever a kind of model that nobody tried may raise
        if is_out_of_memory(error):
            raise
        gap, why = math.inf, type(error).__name__
    if not gap < 0.01:
        message = f"{name!r} has a kind of attention or cache that the sampler can't handle"
        raise UserError(f"{message} ({why.format(gap)})")


@torch.no_grad()
def teacher_forced(model, rollout: Rollout) -> Tensor:
    """Log-probabilities of a response's tokens by one forward pass, without a cache, at T = 1."""
    n = len(rollout.response_ids)
    ids = torch.tensor([rollout.prompt_ids + rollout.response_ids], device=model.device)
    logits = model(input_ids=ids, use_cache=False, logits_to_keep=n + 1).logits[0, -n - 1 : -1]
    return logits.float().log_softmax(-1).gather(-1, ids[0, -n:, None])[:, 0]


def temper(logits: Tensor, temperature: float) -> Tensor:
    """The one place where temperature enters, for sampler and trainer alike. [..., V], float32"""
    return logits.float() if temperature == 1 else logits.float() / temperature


@torch.inference_mode()
def rows_that_fit(model, width: int, gib: float) -> int:
    """Rows of `width` tokens whose cache takes so many GiB, at least 1; found from caches of one
    and of two tokens, since keys and values grow with each token, but recurrent states do not."""
    sizes = []
    for length in (1, 2):
        cache = read_prompts(model, [[0] * length], [0])[2]
        held = [part for layer in cache.layers for part in vars(layer).values()]
        held += [state for part in held if isinstance(part, dict) for state in part.values()]
        sizes.append(sum(part.nbytes for part in held if isinstance(part, Tensor)))
    row = sizes[0] + (width - 1) * (sizes[1] - sizes[0])
    return max(int(gib * 2**30 / (row * 9 / 8)), 1)  # an eighth is RoomyLayer's room


def context_length(model) -> float:
    """Most tokens that prompt and response may have together; infinite without a limit."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None) or math.inf


def sampling_policy(policy: Policy, config: "Settings") -> Policy:
    """What samples: on a CPU the policy itself, on a GPU a bfloat16 copy of it."""
    if not config.bf16:
        return policy
    model = copy.deepcopy(policy.model).requires_grad_(False)
    for weight in model.parameters():  # and not the buffers: rotary frequencies stay float32
        weight.data = weight.data.bfloat16()
    return policy._replace(model=model)


def build_prompt(tokenizer, problem: str, hint=None, system_prompt: str = "") -> list[int]:
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
    rest = chat.replace(content.strip(), "")
    if rest == chat or system_prompt.strip() not in rest:
        raise UserError("the chat template leaves out or changes the problem or --system-prompt")
    return chat


def fingerprint(model: str) -> str:
    """What stands for a model: a hash of each file in its folder, or its commit on the hub."""
    folder = Path(model)
    total = hashlib.sha256(b"" if folder.is_dir() else model.encode())
    with contextlib.suppress(Exception):  # load_policy says what is wrong
        config = transformers.AutoConfig.from_pretrained(model, trust_remote_code=False)
        total.update(str(config._commit_hash).encode())
    for path in sorted(folder.glob("*")):
        if path.is_file() and path.suffix not in (".md", ".py", ".jsonl"):  # no part of a model
            total.update(path.name.encode())
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


# --------------------------------------------------------------------------------------------------
# Problems


@dataclass(frozen=True)
class Problem:
    problem: str
    answer: str
    solution: str | None = None  # a worked solution, for luffy
    family: str | None = None  # a kind of problem, for tables


def load_problems(path: str | Path) -> list[Problem]:
    """Read a file of JSON objects, one per line or as an array, under the common field names.

    An answer like GSM8K's, a solution that ends in '#### x', is split into solution and answer x.
    Without an answer, what is boxed in the solution is the answer. A prompt may be a conversation
    of one turn, as TRL and verl write it; its system message is left out (see --system-prompt).
    Raises UserError, with the number of the line or row, for what is missing or broken.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"can't read the problems in {path}: {error}") from None
    with contextlib.suppress(ValueError, RecursionError):
        if text.lstrip().startswith("[") and all(type(row) is dict for row in json.loads(text)):
            text = "\n".join(map(json.dumps, json.loads(text)))
    numbered = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
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
    if isinstance(row.get("reward_model"), dict):  # verl
        row = row["reward_model"] | row
    problem = next((row[k] for k in PROBLEM_KEYS if row.get(k)), None)
    answer = next((row[k] for k in ANSWER_KEYS if row.get(k) not in (None, "", [])), None)
    solution = row["solution"] if isinstance(row.get("solution"), str) else ""
    if isinstance(problem, list):  # a conversation, [{"role": "user", "content": ...}]
        turns = [turn if isinstance(turn, dict) else {} for turn in problem]
        said = [turn.get("content") for turn in turns if turn.get("role") == "user"]
        others = {turn.get("role") for turn in turns} - {"system", "user"}
        if len(said) != 1 or others or not isinstance(said[0], str):
            raise UserError(f"{where}: its prompt is no conversation of one turn, in text")
        problem = said[0]
    if answer is None and "\\boxed" in solution:
        answer = extract_answer(solution)
    answer = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
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
    family = "".join(c for c in str(row.get("family") or "") if c.isprintable())
    return Problem(texts[0].strip(), texts[1].strip(), texts[2] or None, family or None)


def locate(name: str, sources: dict[str, tuple[str, str]]) -> Path:
    """The file of that name, or else the data set, fetched once and checked; or else UserError."""
    if Path(name).is_file():
        return Path(name)
    if name not in sources:
        raise UserError(f"no file or data set {name} (data sets: {', '.join(sources)})")
    url, sha256 = sources[name]
    path = Path(torch.hub.get_dir()) / "lte" / f"{name}-{sha256[:8]}.jsonl"
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=False)
        if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(sha256):
            raise UserError(f"{path} is not the file it was: delete it")
    except (OSError, http.client.HTTPException, RuntimeError) as error:  # the last: another hash
        message = f"can't fetch {name}, or it is not the file it was ({error})"
        raise UserError(f"{message}: save {url} as {path}") from None
    return path


def hash_of(problems: list[Problem]) -> str:
    """What stands for problems: it does not matter where their file lies, or how it is written."""
    return hashlib.sha256(repr(problems).encode()).hexdigest()


# --------------------------------------------------------------------------------------------------
# Which of several runs is better?


def compare_runs(folders: list[str], figure: str) -> None:
    """Print a table of methods over models and seeds, and differences by pairs; draw curves."""
    runs = []
    for folder in folders:
        try:
            runs.append(read_run(Path(folder)))
        except UserError as error:
            print(f"left out: {error}", file=sys.stderr)
    if not runs:
        raise UserError("no folder of a run that ended")
    k = runs[0]["last"]["k"]
    if len({run["asked"] for run in runs}) > 1:
        raise UserError("different problems or --eval-samples: the runs can't be compared")
    methods = group_by_method(runs)
    width = max(map(len, methods)) + 2
    print("At the last validation, in percent: mean +- sd over runs (models x seeds)\n")
    head = "".join(f"{name:>15}" for name in ("Pass@1", f"Pass@{k}", "none-pass"))
    print(f"{'':{width}}{'runs':>5}{'steps':>7}{'rollouts':>10}{head}")
    print(f"{'before':{width}}{len(runs):>5}{0:>7}{0:>10}" + rate_cells([r["first"] for r in runs]))
    for label, some in methods.items():
        steps = statistics.fmean(len(run["metrics"]) for run in some)
        rollouts = statistics.fmean(run["rollouts"][-1] for run in some)
        print(f"{label:{width}}{len(some):>5}{steps:>7.0f}{rollouts:>10.0f}", end="")
        print(rate_cells([run["last"] for run in some]))
    print_differences(methods, k, width)
    if figure:
        draw_curves(methods, figure)


def read_run(folder: Path) -> dict:
    """What a run's folder says: settings, problems, metrics, first and last validation."""
    try:
        about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        metrics, validations = (read_log(folder / f"{n}.jsonl") for n in ("metrics", "validation"))
        run = about | {"folder": folder, "metrics": metrics, "validations": validations}
        run |= {"first": validations[0], "last": validations[-1]}
        run["asked"] = about["problems"], about["held_out"], validations[-1]["k"]
        run["key"] = about["model"], about["settings"]["seed"]
        run["rollouts"] = np.cumsum([row["sampled_rollouts"] for row in metrics]).tolist()
        if metrics[-1]["step"] != validations[-1]["step"] or not (folder / "final").is_dir():
            raise ValueError("no validation after its last step, or no final/")
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UserError(f"{folder} is not the folder of a run that ended: {error!r}") from None
    return run


def group_by_method(runs: list[dict]) -> dict[str, list[dict]]:
    """Runs by label: the method, and the settings that are not those of the first run."""
    first, methods = runs[0]["settings"], defaultdict(list)
    for run in runs:
        words = [run["settings"]["method"]]
        for name, value in run["settings"].items():
            if name not in ("method", "seed", *CIRCUMSTANCES) and value != first.get(name):
                words += [flag(name)] if value is True else [flag(name), str(value)]
        others = methods[" ".join(words)]
        if any(run["key"] == other["key"] for other in others):
            raise UserError(f"{run['folder']}: method, model and seed of another of the runs")
        others.append(run)
    return dict(methods)


def rate_cells(validations: list[dict]) -> str:
    """Pass@1, Pass@k and none-pass, mean +- sd (nan for one run)."""
    cells = ""
    for name in ("pass@1", "pass@k", "none_pass"):
        rates = [100 * row[name] for row in validations]
        sd = statistics.stdev(rates) if len(rates) > 1 else math.nan
        cells += f"{f'{statistics.fmean(rates):.1f} +- {sd:.1f}':>15}"
    return cells


def print_differences(methods: dict[str, list[dict]], k: int, width: int) -> None:
    """The first method minus each other one, paired by model and seed."""
    first, *others = methods
    ours = {run["key"]: run["last"] for run in methods[first]}
    if others:
        print(f"\n{first} minus the others, in points, by pairs: mean (95 % interval)\n")
    for label in others:
        pairs = [(ours[r["key"]], r["last"]) for r in methods[label] if r["key"] in ours]
        cells = []
        for name, title in (("pass@1", "Pass@1"), ("pass@k", f"Pass@{k}")) if pairs else ():
            mean, low, high = mean_interval([100 * (a[name] - b[name]) for a, b in pairs])
            cells.append(f"{title} {mean:+.1f} ({low:+.1f} to {high:+.1f})")
        print(f"{label:{width}}{len(pairs):>2} pairs   " + "   ".join(cells))


def mean_interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and 95 % t interval of a few values (paired differences); nan for one."""
    # 97.5 % quantiles of Student's t for 1 to 24 degrees of freedom; beyond, the normal one.
    t = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160]
    t += [2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064]
    n, mean = len(values), statistics.fmean(values)
    t = t[n - 2] if 2 <= n <= len(t) + 1 else 1.96
    half = t * statistics.stdev(values) / math.sqrt(n) if n > 1 else math.nan
    return mean, mean - half, mean + half


def draw_curves(methods: dict[str, list[dict]], path: str) -> None:
    """None-pass share of a step's problems (smoothed over nine steps) and Pass@1 at validations,
    over sampled rollouts: means over the runs of a method."""
    if Path(path).suffix not in (".png", ".svg", ".pdf"):
        raise UserError(f"--figure {path}: its name must end in .png, .svg or .pdf")
    try:
        import matplotlib.figure
    except ImportError:
        raise UserError("a figure needs matplotlib: pip install matplotlib") from None
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    # Colours of Okabe and Ito, which colour-blind readers can tell apart; grey for light and dark.
    colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
    with matplotlib.rc_context(dict.fromkeys(names, "#808080") | {"font.size": 12}):
        figure = matplotlib.figure.Figure(figsize=(11, 4.4), layout="constrained")
        panels = figure.subplots(1, 2)
        for i, (label, runs) in enumerate(methods.items()):
            for panel, curves in zip(panels, zip(*map(curves_of, runs)), strict=True):
                grid = np.linspace(0, min(x[-1] for x, _ in curves), 200)
                y = 100 * np.mean([np.interp(grid, *points) for points in curves], 0)
                looks = {"color": colours[i % len(colours)], "linestyle": ("-", "--")[i % 2]}
                panel.plot(grid, y, label=label, linewidth=2, zorder=-i, **looks)
        for panel, title in zip(panels, ("none-pass problems [%]", "Pass@1 [%]"), strict=True):
            panel.set(xlabel="sampled rollouts", ylabel=title, ylim=(0, None))
            panel.spines[["top", "right"]].set_visible(False)
        lines = panels[0].get_legend_handles_labels()
        figure.legend(*lines, frameon=False, loc="outside upper center", ncols=3)
        figure.savefig(path, dpi=110, transparent=True)


def curves_of(run: dict) -> list[tuple]:
    """(rollouts, values) for each panel: none-pass share, Pass@1."""
    rollouts, rows = run["rollouts"], run["validations"]
    shares = [row["none_pass"] / run["settings"]["prompts_per_step"] for row in run["metrics"]]
    window = np.ones(n := min(9, len(shares))) / n
    none_pass = np.convolve(rollouts, window, "valid"), np.convolve(shares, window, "valid")
    return [none_pass, ([[0, *rollouts][r["step"]] for r in rows], [r["pass@1"] for r in rows])]


# --------------------------------------------------------------------------------------------------
# Settings, files and the command line


class UserError(Exception):
    """Something the user can mend: ends in one line and exit status 2."""


@dataclass
class Settings:
    """What both commands must know to load a model and to sample from it."""

    model: str = HfArg(default="", help="a causal language model: folder or Hugging Face name")
    max_new_tokens: int = HfArg(default=1024, help="length limit of a response")
    temperature: float = HfArg(default=1.0, help="of sampling and of every log-probability")
    system_prompt: str = HfArg(default="", help="what the model is told before each problem")
    cache_gib: float = HfArg(default=4.0, help="GiB for the cache of sampling")
    device: str = HfArg(default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    threads: int = HfArg(default=0, help="CPU threads (0: as torch likes)")
    seed: int = HfArg(default=0, help="seed of everything random")
    out: str = HfArg(default="", help="output folder, under runs/ if none is named")

    @property
    def bf16(self) -> bool:
        """On a GPU computation is bfloat16; weights and optimizer are float32 everywhere."""
        return self.device != "cpu"


@dataclass
class EvalConfig(Settings):
    data: list[str] = HfArg(default_factory=list, help="JSONL files, benchmarks")  # noqa: RUF009
    samples: int = HfArg(default=0, help="samples per problem (0: 16, benchmarks as the paper)")
    k: list[int] = HfArg(default_factory=list, help="which Pass@k to report")  # noqa: RUF009
    compare: list[str] = HfArg(default_factory=list, help="folders of runs")  # noqa: RUF009
    figure: str = HfArg(default="", help="with --compare: a file for curves (needs matplotlib)")


def check_settings(config: Settings, positive: Iterable[str]) -> None:
    """Raise UserError for settings that make no sense; sets the number of CPU threads."""
    for name, value in vars(config).items():
        if isinstance(value, (int, float)) and not 0 <= value <= 2**32:
            raise UserError(f"{flag(name)} is {value}: it must be at least 0, and not huge")
        if name in positive and value == 0:
            raise UserError(f"{flag(name)} is 0: it must be above")
    if re.search("[\ud800-\udfff]", config.system_prompt):  # what Python makes of broken bytes
        raise UserError("--system-prompt holds bytes that are not UTF-8")
    torch.set_num_threads(min(config.threads or torch.get_num_threads(), 1024))
    devices = {"cpu"} | {f"cuda:{i}" for i in range(torch.cuda.device_count())}
    if (config.device + ":0" * (config.device == "cuda")) not in devices:
        raise UserError(f"--device {config.device}: not found here; use --device cpu")


def read_flags(kind: type, flags: list[str], title: str = ""):
    """Settings from flags. Of two that set one thing the last one wins."""

    def error(message: str):
        raise UserError(f"{message} (see --help)")

    parser = HfArgumentParser(kind, description=title.split("\n\n")[0], allow_abbrev=False)
    parser.error = error
    strict = {"return_remaining_strings": True, "look_for_args_file": False}
    found, rest = parser.parse_args_into_dataclasses(flags, **strict)
    return found if not rest else error(f"unknown: {' '.join(rest)}")


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def flags_in(path: Path, names: Iterable[str] | None = None, key: str = "") -> list[str]:
    """Settings in a JSON file (under `key`) as flags: {"lr": 0.1} is ["--lr=0.1"].

    Without a file there are none; of `names`, if given, others are left out. Raises UserError.
    """
    if not path.is_file():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        settings = (content[key] if key else content).items()
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{path} can't be read: {error!r}") from None
    return [f"{flag(name)}={value}" for name, value in settings if names is None or name in names]


def short_name(model: str) -> str:
    """A model's, for a folder of ours: the last part of its name, or its run's if it is final/."""
    path = Path(model).resolve()
    return path.parent.name if path.name == "final" else path.name


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to a folder; UserError if one does.

    The lock is SQLite's, which every system has, and which ends with its process however that ends.
    """
    try:
        connection = sqlite3.connect(folder / "lock", timeout=0)
        connection.execute("PRAGMA journal_mode = MEMORY")  # no second file beside the lock
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        raise UserError(f"{folder} is in use by another process, or read-only ({error})") from None
    with contextlib.closing(connection):
        yield


def json_lines(rows: Iterable[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read_log(path: Path) -> list[dict]:
    """The lines of a log; a last one that was only half written is left out. Raises UserError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except ValueError as error:
        raise UserError(f"{path} is broken: {error}") from None


def replace_file(path: Path, text: str) -> None:
    """Write under another name, then rename: nobody ever sees half a file."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)


def is_out_of_memory(error: BaseException) -> bool:
    """On a GPU, in Python, or from torch's allocator for the CPU, which has no class of its own."""
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or "can't allocate memory" in str(error)


def command(name: str, work: Callable[[list[str]], int], argv: list[str] | None, go_on: str) -> int:
    """Do the work of a command line; its exit status: 2, after one line, for what users can mend.

    transformers is silenced, since what decides a figure is checked here.
    """
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's has no encoding
            stream.reconfigure(errors="backslashreplace")  # for characters a terminal lacks
    try:
        return work(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        print(f"{name}: stopped; {go_on}", file=sys.stderr)
        return 130
    except UserError as error:
        message = str(error)
    except (OSError, UnicodeError) as error:
        message = f"can't read or write: {error}; {go_on}"
    except Exception as error:
        if is_out_of_memory(error):
            message = f"out of memory: lower --cache-gib (sampling) or --micro-tokens; {go_on}"
        elif "No space left" in str(error) or "inline_container" in str(error):  # torch's words
            message = f"can't write a file, the disk is full; {go_on}"
        else:
            raise
    print(f"{name}: {message}", file=sys.stderr)
    return 2


def work(argv: list[str]) -> int:
    names = {f.name for f in fields(Settings)} - {"model", "out", "device"}
    model = read_flags(EvalConfig, argv, __doc__).model
    recipe = flags_in(Path(model) / "recipe.json", names) if model else []
    config = read_flags(EvalConfig, recipe + argv)
    check_settings(config, ("max_new_tokens", "cache_gib"))
    if config.compare:
        compare_runs(config.compare, config.figure)
    elif config.model and config.data:
        evaluate(config)
    else:
        raise UserError("give --model and --data, or --compare (see --help)")
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return command("eval.py", work, argv, "data sets that are finished are not sampled again")


# --------------------------------------------------------------------------------------------------
# What the model is told, names of fields, and where the benchmarks are


INSTRUCTION = "Reason step by step, and put the final answer in \\boxed{}."
PROBLEM_KEYS = ("problem", "question", "prompt")
ANSWER_KEYS = ("answer", "final_answer", "expected_answer", "ground_truth", "target")
PLACES = ("model", "data", "eval_data", "out", "resume", "device")
# Settings that don't change what a run learns, but for rounding: --resume may change them.
CIRCUMSTANCES = (*PLACES, "steps", "rollout_budget", "threads", "save_every", "micro_tokens")
CIRCUMSTANCES += ("cache_gib", "gradient_checkpointing")
PAPER_K = {"math500": 4, "minerva": 4, "olympiadbench": 4, "gsm8k": 4}  # 16 for the others
# name: (address of a file at a fixed commit, first digits of the sha256 of its bytes)
GITHUB = "https://raw.githubusercontent.com/"
GSM8K = GITHUB + "openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c/"
QWEN = GITHUB + "QwenLM/Qwen2.5-Math/a45202bd16f1ec06f433442dc1152d0074773465/evaluation/data/"
AREAL = GITHUB + "inclusionAI/AReaL/f55fe685c661b0117d888fcae47d6f46e9a85087/evaluation/data/"
TRAINING_DATA = {"gsm8k": (GSM8K + "grade_school_math/data/train.jsonl", "17f347dc51477c50")}
BENCHMARKS = {
    "math500": (AREAL + "math_500/test.jsonl", "35dc41080a368085"),
    "minerva": (QWEN + "minerva_math/test.jsonl", "0e656b430d3a0a1d"),
    "olympiadbench": (QWEN + "olympiadbench/test.jsonl", "bb8c1e38a16ea9ea"),
    "amc23": (QWEN + "amc23/test.jsonl", "43707e1ca784602d"),
    "aime24": (QWEN + "aime24/test.jsonl", "af2b8bd2aa911b63"),
    "aime25": (AREAL + "aime25/test.jsonl", "b4e273c02d3e7fe1"),
    "gsm8k": (GSM8K + "grade_school_math/data/test.jsonl", "3730d312f6e34405"),
}


if __name__ == "__main__":
    sys.exit(main())
