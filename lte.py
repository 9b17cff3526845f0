"""LTE: learning to reason from trial and error (arXiv 2510.26109), on one GPU or a laptop.

    python lte.py --model small-model                   the main job: a minute on a CPU
    python lte.py --model NAME --data FILE.jsonl        any Hugging Face causal language model
    python lte.py --model NAME --data FILE.jsonl --probe 100        can hints help this model?
    python lte.py --resume runs/lte-small-model-s0      go on with a run that was stopped

When all G responses to a problem fail (a none-pass problem), their advantages are 0 and GRPO learns
nothing. LTE shows the model its own wrong answers as a hint, samples G more, puts the right ones in
place of failed ones, and trains the model to give them *without* the hint. train_step, right below,
is all of it; what it calls follows in the order of the calls; below the double line stands what
runs it. verify.py judges, eval.py samples. Where the paper leaves room we chose as follows; the
functions say more, and each number has a test.

 1. Hints: at most 8 wrong answers, none of which is or holds the right one. No answer, no hint.
 2. G' = G: one failed response stays, or all rewards would be equal again and the rescue lost.
 3. Normalisers: one count Z of all response tokens of an update; or Z and Z' with
    --separate-normalisers.
 4. Advantages: std divides by G, without an epsilon; equal rewards are known by max == min.
 5. pi_old is what the sampler recorded. On a GPU, where both compute in bfloat16 and round unlike,
    the trainer scores ordinary responses anew, so that their ratios start at 1.
 6. Responses of advantage 0 skip the forward pass, unless there is an entropy bonus. They count in
    Z. An update without others is no optimizer step.
 7. luffy: the reference solution joins the G rollouts, if it is right and fits the context.
 8. Dropout and router jitter are off, or pi_theta / pi_old would not start at 1.
 9. Randomness is seeded by (seed, purpose, step), so a resumed run has no generator to restore.
"""

import contextlib
import json
import math
import os
import random
import shutil
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import torch
import transformers
from torch import Tensor
from tqdm import tqdm
from transformers.hf_argparser import HfArg

# isort: off
from eval import (  # noqa: F401  some are here for those who use lte as a module
    BENCHMARKS, CIRCUMSTANCES, PLACES, TRAINING_DATA, Policy, Problem, Rollout, Settings, UserError,
    ask, bootstrap_interval, build_prompt, by_family, check_sampler, check_settings, command,
    context_length, fingerprint, flag, flags_in, grade, hash_of, is_out_of_memory, json_lines,
    load_policy, load_problems, locate, lock, read_flags, read_log, replace_file, sample,
    sample_rows, sampling_policy, short_name, summarise, temper,
)  # fmt: skip
from verify import candidates, is_correct, same_value
# isort: on


class Method(NamedTuple):
    """What a method does beyond GRPO."""

    # Makes the hint for a none-pass group from its G rollouts and the reference answer, which it
    # must not give away. An empty hint is a second try without one; None means no second try.
    hint: Callable[[list[Rollout], str], "Hint | None"] | None = None
    solution: bool = False  # a reference solution joins each group, off-policy with pi_old = 1


METHODS = {
    "grpo": Method(),
    "grpo-extra": Method(hint=lambda failed, gold: Hint("none")),  # LTE's compute, without hints
    "lte": Method(hint=lambda failed, gold: build_hint(failed, gold)),
    "luffy": Method(solution=True),
}


def train_step(
    policy: Policy, pi_old: Policy, optimizer, problems: list[Problem], config: "Config", step: int,
    lap: Callable[[str], None] = lambda stage: None,
) -> tuple[list["Group"], dict]:  # fmt: skip
    """One step of LTE, counted from 1. `pi_old` samples, and at the end is the policy again: on a
    CPU they are one model, and what pi_old was is known from the recorded log-probabilities.

    Returns the groups, as they were trained on, and metrics. `lap` is told when a stage has ended.
    """
    method = METHODS[config.method]

    # 1. Sample G responses to each problem, o_i ~ pi_old(. | q), and grade them, R_i in {0, 1}.
    sampled = ask(pi_old, problems, config.group_size, config, config.generator("sample", step))
    groups = [Group(problem, first) for problem, first in zip(problems, sampled, strict=True)]
    lap("sample")

    # 2. Hint. The problems that nobody solved have no gradient, but failures that tell something.
    none_pass = [group for group in groups if not any(r.right for r in group.rollouts)]
    for group in none_pass if method.hint else ():
        group.hint = method.hint(group.rollouts, group.problem.answer)  # H_q
    if config.hint_answers == "shuffled":
        shuffle_hints(none_pass)

    # 3. Try again: G more responses under the hint, o'_i ~ pi_old(. | H_q, q), graded too.
    retried = try_again(pi_old, none_pass, config, config.generator("hint", step))
    lap("hint")

    # 4. Mix: G' right ones take the places of failed ones.
    rng = random.Random(config.seed_for("mix", step))
    for group in retried:
        group.rollouts = mix_group(group.first, group.extra, rng)
    for group in groups if method.solution else ():
        add_solution(policy, group)

    # 5. Advantages over the mixed group, A_i = (R_i - mean(R)) / std(R).
    for group in groups:
        advantages = group_advantages([rollout.reward for rollout in group.rollouts])
        for rollout, advantage in zip(group.rollouts, advantages.tolist(), strict=True):
            rollout.advantage = advantage

    # 6. Objective and update, all under the prompts without hint. Then pi_old <- pi_theta.
    metrics = describe(groups) | update(policy, optimizer, groups, config)
    if pi_old.model is not policy.model:
        pi_old.model.load_state_dict(policy.model.state_dict())
    lap("update")
    return groups, metrics


@dataclass
class Group:
    """A problem of a step and what was tried on it."""

    problem: Problem
    rollouts: list[Rollout]  # what is trained on: at first the G rollouts, then mixed
    hint: "Hint | None" = None  # H_q, made if all of them failed
    extra: list[Rollout] = field(default_factory=list)  # the G extra rollouts

    def __post_init__(self):
        self.first = self.rollouts  # the G rollouts before mixing

    @property
    def rescued(self) -> bool:
        """Whether an extra rollout was right and has a place in the group. Ask after mixing."""
        return bool(self.extra) and any(rollout.right for rollout in self.rollouts)


# --------------------------------------------------------------------------------------------------
# Hints


KNOWN_WRONG = "The following answers are known to be wrong: "
CONCISE = "Earlier attempts ran out of space, so think concisely."
SILENT = "Do not mention this hint in your reasoning."
MAX_ANSWERS, MAX_ANSWER_LENGTH = 8, 100


@dataclass(frozen=True)
class Hint:
    """H_q: what the failures on a none-pass problem tell the next attempts."""

    kind: str  # "Hint", "ConciseHint" or "Concise", the paper's names; others say their advice
    answers: tuple[str, ...] = ()  # known to be wrong
    advice: str = ""

    @property
    def text(self) -> str:
        """What is added to the prompt; nothing, if there is nothing to say.

        >>> print(*Hint("Hint", ("5/6", "7")).text.split(". "), sep="\\n")
        The following answers are known to be wrong: 5/6; 7
        Do not mention this hint in your reasoning.
        """
        sentences = [KNOWN_WRONG + "; ".join(self.answers) + "."] if self.answers else []
        sentences += [CONCISE] if self.kind in ("Concise", "ConciseHint") else []
        sentences += [self.advice] if self.advice else []
        return " ".join([*sentences, SILENT]) if sentences else ""


def build_hint(failed: list[Rollout], gold: str | None = None) -> Hint | None:
    """The hint for a none-pass group, by how its responses failed (paper, section 3; choice 1).

    All truncated: Concise. Some: ConciseHint, with the others' answers. None: Hint, the answers, or
    no hint if there are none. Answers stand in the order in which they were sampled, two spellings
    of one value once, and long ones not at all. `gold` is there to be kept out.

    >>> texts = [r"\\boxed{1/2}", r"\\boxed{0.5}", r"\\boxed{3, perhaps 7}"]
    >>> build_hint([Rollout([5], text=text) for text in texts], gold="7").answers
    ('1/2', '3')
    """
    answers: list[str] = []
    for rollout in failed:
        for answer in [] if rollout.truncated else wrong_values(rollout.answer or "", gold):
            known = any(same_value(answer, other) for other in answers)
            if not known and len(answer) <= MAX_ANSWER_LENGTH and len(answers) < MAX_ANSWERS:
                answers.append(answer)
    if all(rollout.truncated for rollout in failed):
        return Hint("Concise")
    if any(rollout.truncated for rollout in failed):
        return Hint("ConciseHint", tuple(answers))
    return Hint("Hint", tuple(answers)) if answers else None


def wrong_values(answer: str, gold: str | None) -> list[str]:
    """What of a failed answer is wrong: all of it; of a hedge such as '3, perhaps 7', whose 7 is
    the gold, only the rest."""
    values = candidates(answer)
    if gold is None or not any(same_value(value, gold) for value in [answer, *values]):
        return [answer] if answer else []
    return [value for value in values if not same_value(value, gold)]


def shuffle_hints(none_pass: list[Group]) -> None:
    """The control --hint-answers shuffled. Each hint lists the wrong answers of another problem,
    the next that has any, in place of its own; but never what is right for its own problem."""
    own = [group.hint for group in none_pass]
    for i, group in enumerate(none_pass):
        if group.hint and group.hint.answers:
            others = [hint.answers for hint in own[i + 1 :] + own[:i] if hint and hint.answers]
            gold, listed = group.problem.answer, others[0] if others else ()
            kept = tuple(answer for answer in listed if wrong_values(answer, gold) == [answer])
            hint = replace(group.hint, answers=kept)
            group.hint = hint if hint.text else None


def try_again(pi_old: Policy, none_pass: list[Group], config: "Config", generator) -> list[Group]:
    """G extra rollouts for each group that has a hint; returns these groups.

    An empty hint leaves them on-policy; one that leaves no room for a response is not given.
    """
    groups = [g for g in none_pass if g.hint and fits(pi_old, g.problem, config, g.hint)]
    problems, hints = [group.problem for group in groups], [group.hint for group in groups]
    extras = ask(pi_old, problems, config.group_size, config, generator, hints)
    for group, extra in zip(groups, extras, strict=True):
        group.extra = [replace(rollout, off_policy=group.hint.text != "") for rollout in extra]
    return groups


def fits(policy: Policy, problem: Problem, config: "Config", hint=None) -> bool:
    """Whether a problem, with its hint, leaves room for a response in the model's context."""
    prompt = build_prompt(policy.tokenizer, problem.problem, hint, config.system_prompt)
    return len(prompt) + config.max_new_tokens <= context_length(policy.model)


# --------------------------------------------------------------------------------------------------
# Groups


def mix_group(group: list[Rollout], hinted: list[Rollout], rng: random.Random) -> list[Rollout]:
    """Put G' right extra rollouts in place of G' failed ones, both chosen at random (section 3).

    At least one failed one stays (choice 2); extra ones that failed are not used. The newcomers
    take the group's own prompt: later there will be no hint, so pi_theta(o' | q) must rise. Their
    old_logprobs stay those under (H_q, q).

    >>> failed, right = Rollout([5], reward=0.0), Rollout([5, 6, 7], reward=1.0)  # 6, 7: the hint
    >>> [(r.prompt_ids, r.reward) for r in mix_group([failed] * 2, [right] * 2, random.Random(0))]
    [([5], 0.0), ([5], 1.0)]
    """
    failed = [i for i, rollout in enumerate(group) if not rollout.right]
    right = [rollout for rollout in hinted if rollout.right]
    n = max(min(len(right), len(failed) - 1), 0)  # G'
    mixed = list(group)
    for i, rollout in zip(rng.sample(failed, n), rng.sample(right, n), strict=True):
        mixed[i] = replace(rollout, prompt_ids=group[0].prompt_ids)
    return mixed


def add_solution(policy: Policy, group: Group) -> None:
    """luffy: the reference solution joins the group with pi_old = 1, so that r' is pi_theta."""
    if not has_right_solution(group.problem):
        return
    text, eos = group.problem.solution, policy.tokenizer.eos_token_id
    encode = {"add_special_tokens": False, "split_special_tokens": True}
    ids = policy.tokenizer(text, **encode)["input_ids"]
    ids.append(eos if eos in policy.eos_ids else min(policy.eos_ids))
    prompt_ids, logprobs = group.first[0].prompt_ids, [0.0] * len(ids)
    if len(prompt_ids) + len(ids) <= context_length(policy.model):
        solution = Rollout(prompt_ids, ids, logprobs, text, reward=1.0, off_policy=True)
        group.rollouts = [*group.rollouts, solution]


def has_right_solution(problem: Problem) -> bool:
    return problem.solution is not None and is_correct(problem.solution, problem.answer)


def group_advantages(rewards) -> Tensor:
    """A_i = (R_i - mean(R)) / std(R) over the last dimension, [..., G] -> [..., G]. (Choice 4.)

    0 where all rewards are equal, by max == min: rounding can leave a tiny std and some noise.

    >>> group_advantages([[1, 0, 0, 0], [0, 0, 0, 0]])
    tensor([[ 1.7321, -0.5774, -0.5774, -0.5774],
            [ 0.0000,  0.0000,  0.0000,  0.0000]])
    """
    rewards = torch.as_tensor(rewards, dtype=torch.float32)
    centred = rewards - rewards.mean(-1, keepdim=True)
    std = rewards.std(-1, correction=0, keepdim=True)
    equal = rewards.amax(-1, keepdim=True) == rewards.amin(-1, keepdim=True)
    return torch.where(equal, 0.0, centred / std.masked_fill(equal, 1.0))


# --------------------------------------------------------------------------------------------------
# The objective


def mixed_policy_loss(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, off_policy: Tensor,
    z: Tensor | float, clip: float = 0.2, gamma: float = 0.1,
) -> Tensor:  # fmt: skip
    """-J, a scalar to minimise (paper, section 3):

        J = 1/Z' sum_i sum_t f(r'_it) A'_i + 1/Z sum_i sum_t min(r_it A_i, clip(r_it, 1 +- eps) A_i)

    Tensors have one entry per response token, rows end to end, [N]. logprobs: log pi_theta, always
    without the hint. old_logprobs: log pi_old as sampled, off-policy with it. off_policy: bool.
    z: the count Z or Z' of the *whole update*, so that losses of its parts add up; a number or [N].
    """
    log_ratio = logprobs - old_logprobs  # log r on-policy, log r' off-policy
    # where() keeps values apart but not gradients: an overflow in the branch not taken becomes nan.
    ratio = log_ratio.masked_fill(off_policy, 0.0).exp()  # r
    clipped = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    shaped = shape_ratio(log_ratio, gamma) * advantages  # f(r') A'
    return -(torch.where(off_policy, shaped, clipped) / z).sum()


def shape_ratio(log_ratio: Tensor, gamma: float) -> Tensor:
    """f(r') = r' / (r' + gamma), from log r'; as a sigmoid of log r' - log gamma it can't overflow.

    Its gradient with respect to log pi_theta is f (1 - f) = gamma r' / (r' + gamma)^2, greatest at
    r' = gamma: what weighs most are tokens that the policy finds unlikely without the hint.
    """
    return torch.sigmoid(log_ratio - math.log(gamma))


# --------------------------------------------------------------------------------------------------
# The update


def update(policy: Policy, optimizer, groups: list[Group], config: "Config") -> dict:
    """The optimizer steps of one training step, each on its share of the groups. Returns metrics.

    pi_old stays that of sampling, so after the first of them ratios leave 1 and the clip matters.
    """
    model, n = policy.model, config.updates_per_step
    shares = [groups[i * len(groups) // n : (i + 1) * len(groups) // n] for i in range(n)]
    shares = [[rollout for group in share for rollout in group.rollouts] for share in shares]
    model.train(config.gradient_checkpointing)  # it needs train mode; dropout is 0 in any mode
    gap = max(replace_old_logprobs(model, share, config) for share in shares)
    loss, tokens, norms = 0.0, [], []
    for share in shares:
        optimizer.zero_grad(set_to_none=True)
        loss += accumulate_gradients(model, share, config, tokens)
        if not norms:  # no weight has moved yet
            gap = check_gap(gap, tokens, config)
        weights = [weight for weight in model.parameters() if weight.grad is not None]
        if not weights:
            continue  # nothing to learn from, so nothing moves (choice 6)
        norms.append(float(torch.nn.utils.clip_grad_norm_(weights, config.max_grad_norm)))
        if math.isfinite(norms[-1]):
            optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    model.eval()
    finite = [norm for norm in norms if math.isfinite(norm)]
    figures = {"loss": loss, "logprob_gap": gap, "grad_norm": sum(finite) / max(len(finite), 1)}
    figures |= ratio_metrics(tokens, config.clip)
    return figures | {"skipped_updates": len(norms) - len(finite)}


def accumulate_gradients(model, rollouts: list[Rollout], config: "Config", tokens: list) -> float:
    """Add up the gradient of one update over micro-batches; how they are cut does not change it,
    up to rounding. Returns the loss, and adds to `tokens` a triple per micro-batch, for metrics:
    log-ratios, advantages and whether off-policy, [N] each."""
    total, counts = 0.0, [0, 0]  # response tokens of the whole update, on- and off-policy
    for rollout in rollouts:
        counts[rollout.off_policy] += len(rollout.response_ids)
    z = counts if config.separate_normalisers else [sum(counts)] * 2  # Z and Z' (choice 3)
    for batch in micro_batches(rollouts, config):
        with config.autocast():
            logprobs, entropy = response_logprobs(model, batch, config)  # [N]
        old = [logprob for rollout in batch for logprob in rollout.old_logprobs]
        old_logprobs = torch.tensor(old, device=model.device)  # [N]
        rows = torch.tensor([[r.advantage, r.off_policy, z[r.off_policy]] for r in batch])  # [B, 3]
        rows = rows.repeat_interleave(torch.tensor([len(r.response_ids) for r in batch]), 0)
        advantages, off_policy, divisors = rows.to(model.device).unbind(1)  # [N] each
        terms = (logprobs, old_logprobs, advantages, off_policy.bool(), divisors)
        loss = mixed_policy_loss(*terms, config.clip, config.gamma)
        if entropy is not None:
            loss = loss - config.entropy_coef * entropy.sum() / sum(counts)
        loss.backward()
        total += loss.item()
        tokens.append(((logprobs - old_logprobs).detach(), advantages, off_policy.bool()))
    return total


def micro_batches(rollouts: list[Rollout], config: "Config") -> Iterator[list[Rollout]]:
    """Rollouts that have a gradient (choice 6), in batches of at most --micro-tokens tokens with
    their padding, but of one rollout at least; the longest first."""
    length = lambda rollout: len(rollout.prompt_ids) + len(rollout.response_ids)
    live = [rollout for rollout in rollouts if rollout.advantage != 0 or config.entropy_coef]
    batch: list[Rollout] = []
    for rollout in sorted(live, key=length, reverse=True):
        if batch and (len(batch) + 1) * length(batch[0]) > config.tokens_per_pass:
            yield batch
            batch = []
        batch.append(rollout)
    if batch:
        yield batch


def response_logprobs(model, rollouts: list[Rollout], config: "Config") -> tuple:
    """log pi_theta of each response token under the prompt without hint, rows end to end [N], and,
    for an entropy bonus, the entropy of each of these distributions [N], in nats (else None).

    Padded on the right, so that positions are those of sampling, and causal attention never looks
    at padding. Only positions that predict a response token are projected to the vocabulary: masks
    come from lengths, never from the values of tokens.
    """
    rows = [torch.tensor(rollout.prompt_ids + rollout.response_ids) for rollout in rollouts]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(model.device)  # [B, T]
    first = torch.tensor([[len(rollout.prompt_ids) - 1] for rollout in rollouts]).to(ids)
    last = torch.tensor([[len(row) - 2] for row in rows]).to(ids)
    at = torch.arange(ids.shape[1], device=model.device)
    predicts = (at >= first) & (at <= last)  # [B, T]: position t predicts token t + 1
    logits = model(input_ids=ids, use_cache=False, logits_to_keep=predicts).logits  # takes a mask
    logits = temper(logits, config.temperature)  # [N, V]
    targets = ids[:, 1:][predicts[:, :-1]]  # [N]
    logprobs = -torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    if not config.entropy_coef:
        return logprobs, None
    every = logits.log_softmax(-1)
    return logprobs, -(every.exp() * every).sum(-1)


@torch.no_grad()
def replace_old_logprobs(model, rollouts: list[Rollout], config: "Config") -> float:
    """In bfloat16: log pi_old of on-policy responses anew, by the trainer's own pass (choice 5).

    In the very micro-batches of the update, since other shapes round otherwise. Returns the largest
    difference to what the sampler recorded. In float32 there is nothing to do.
    """
    gap = 0.0
    for batch in micro_batches(rollouts, config) if config.bf16 else ():
        with config.autocast():
            logprobs = response_logprobs(model, batch, config)[0]
        parts = logprobs.split([len(rollout.response_ids) for rollout in batch])
        for rollout, part in zip(batch, parts, strict=True):
            if not rollout.off_policy:
                change = part - torch.tensor(rollout.old_logprobs, device=part.device)
                gap, rollout.old_logprobs = max(gap, float(change.abs().max())), part.tolist()
    return gap


def check_gap(gap: float, tokens: list[tuple[Tensor, ...]], config: "Config") -> float:
    """How far what the sampler recorded is from what the trainer computes, before any weight moves.

    In float32 more than 0.05 nats raise UserError; in bfloat16 more than 1 give a warning.
    """
    for log_ratio, _, off_policy in tokens:  # on-policy, log r should be 0
        gap = max(gap, float(log_ratio.masked_fill(off_policy, 0.0).abs().max()))
    message = f"sampler and trainer disagree about this model by {gap:.2g} nats (logprob_gap)"
    if gap > 1 and config.bf16:
        tqdm.write(f"warning: {message}; rounding of bfloat16 rarely makes as much")
    elif gap > 0.05 and not config.bf16:
        raise UserError(f"{message}: what it would learn means nothing")
    return gap


def ratio_metrics(tokens: list[tuple[Tensor, ...]], clip: float) -> dict:
    """Mean ratios of a step's tokens, and the share of on-policy ones that the clip stops."""
    if not tokens:
        return dict.fromkeys(("ratio_on", "ratio_off", "clip_fraction"))
    log_ratio, advantages, off_policy = map(torch.cat, zip(*tokens, strict=True))
    ratio, live = log_ratio.exp(), ~off_policy & (advantages != 0)
    stopped = torch.where(advantages > 0, ratio > 1 + clip, ratio < 1 - clip).float()
    mean = lambda values: float(values.mean()) if len(values) else None
    groups = {"ratio_on": ratio[~off_policy], "ratio_off": ratio[off_policy]}
    return {name: mean(some) for name, some in (groups | {"clip_fraction": stopped[live]}).items()}


# ==================================================================================================
# The method ends here. Below stands what runs it. The main job


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return command("lte.py", work, argv, "a run goes on from its last checkpoint with --resume")


def work(argv: list[str]) -> int:
    config = read_config(argv)
    return probe_hints(config) if config.probe else train(config)


def train(config: "Config") -> int:
    """The whole run. Returns the exit status; raises UserError."""
    data, held_out_data = find_data(config)
    problems = load_problems(data)
    held_out = load_problems(held_out_data) if held_out_data and config.eval_every else []
    if METHODS[config.method].solution:
        right = sum(map(has_right_solution, problems))
        if not right:
            raise UserError(f"--method {config.method}: no problem in {data} has a right solution")
        tqdm.write(f"{right} of {len(problems)} problems have a solution that gives the answer")
    policy = load_policy(config.model, config.device)
    problems = leave_out_long(policy, problems, config)
    held_out = leave_out_long(policy, held_out, config)
    about = {"model": fingerprint(config.model), "problems": hash_of(problems)}
    about["held_out"] = hash_of(held_out)
    if config.gradient_checkpointing:
        policy.model.activation_checkpointing_enable()
    weights = policy.model.parameters()
    optimizer = torch.optim.AdamW(weights, lr=config.lr, weight_decay=0.0, fused=True)
    run = Run(config, policy, optimizer, about)
    with lock(free_folder(config)), stop_on_signals() as signals:
        run.open()
        learn(run, problems, held_out, signals)
        run.save()
        if not signals:
            report(run, run.save_final())
            return 0
    tqdm.write(f"stopped; go on with: python lte.py --resume {run.folder}")
    return 128 + signals[0]


def find_data(config: "Config") -> tuple[Path, Path | None]:
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


def leave_out_long(policy: Policy, problems: list[Problem], config: "Config") -> list[Problem]:
    """The problems whose prompts leave room for a response. Others are counted, in one line."""
    kept = [problem for problem in problems if fits(policy, problem, config)]
    if len(kept) < len(problems):
        message = f"{len(problems) - len(kept)} of {len(problems)} prompts leave no room for "
        message += f"--max-new-tokens {config.max_new_tokens} in the model's context"
        if not kept:
            raise UserError(message)
        tqdm.write(f"left out: {message}")
    return kept


def free_folder(config: "Config") -> Path:
    """The run's folder; UserError if a new run would write among other files."""
    folder = Path(config.out)
    if not config.resume and any(f.suffix != ".tmp" for f in folder.glob("*") if f.name != "lock"):
        raise UserError(f"{folder} is in use: name another --out, or --resume the run in it")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")  # Windows has not all of them
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # Under nohup the run goes on when its terminal closes.
    numbers = [n for n in numbers if n.name != "SIGHUP" or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def learn(run: "Run", problems: list[Problem], held_out: list[Problem], signals: list[int]) -> None:
    """Train and validate until the end, or until a signal."""
    config, unstable = run.config, 0
    with tqdm(total=config.steps, initial=run.step, unit="step", dynamic_ncols=True) as bar:
        while run.step < config.steps and not 0 < config.rollout_budget <= run.rollouts:
            if held_out and run.step % config.eval_every == 0 and not signals:
                validate(run, held_out)
            if signals:
                return
            metrics = next_step(run, problems)
            figures = "reward {reward:.2f}, none-pass {none_pass}, rescued {rescued}"
            bar.set_postfix_str(figures.format(**metrics), refresh=False)
            bar.update()
            if run.step % config.save_every == 0:
                run.save()
            if metrics["grad_norm"] or metrics["skipped_updates"]:
                unstable = unstable + 1 if metrics["skipped_updates"] else 0
            if unstable == 3:
                run.save()
                raise UserError("no finite gradient 3 steps in a row: start anew, with less --lr")
    if held_out and not signals:
        validate(run, held_out)


def next_step(run: "Run", problems: list[Problem]) -> dict:
    """Draw problems, take a step, log it; its metrics."""
    config, step = run.config, run.step + 1
    seconds, lap = stopwatch(config.device)
    batch = draw_problems(problems, config, step)
    try:
        what = (run.policy, run.pi_old, run.optimizer, batch, config, step)
        groups, metrics = train_step(*what, lap)
    except UserError:
        run.save()  # nothing of this step has happened to the weights
        raise
    for name, value in metrics.items():
        if isinstance(value, float) and not math.isfinite(value):
            metrics[name] = None  # JSON has no nan and no infinity
    metrics = {"step": step} | metrics
    metrics |= {"learning_rate": config.lr, "seconds": seconds, "peak_gib": peak_gib(config.device)}
    metrics["tokens_per_second"] = metrics["sampled_tokens"] / sum(seconds.values())
    run.log("samples.jsonl", *samples_to_log(groups, run.policy.tokenizer, step)[:4])
    run.log("metrics.jsonl", metrics)
    run.step, run.rollouts = step, run.rollouts + metrics["sampled_rollouts"]
    return metrics


def draw_problems(problems: list[Problem], config: "Config", step: int) -> list[Problem]:
    """The problems of a step: the next ones of the data in random order, reshuffled every epoch."""
    n, first = len(problems), (step - 1) * config.prompts_per_step
    epochs = range(first // n, (first + config.prompts_per_step - 1) // n + 1)
    orders = [random.Random(config.seed_for("order", e)).sample(problems, n) for e in epochs]
    start = first % n
    return [p for order in orders for p in order][start : start + config.prompts_per_step]


def validate(run: "Run", problems: list[Problem]) -> None:
    """Pass@1 and Pass@k (k: --eval-samples) on held-out problems, in all and by family.

    Unless this was done before a resume. It may take long, so the state is saved.
    """
    if any(row["step"] == run.step for row in read_log(run.folder / "validation.jsonl")):
        return
    run.save()
    config, k = run.config, run.config.eval_samples
    sampled = ask(run.pi_old, problems, k, config, config.generator("evaluate", run.step))
    groups = list(map(sample_rows, problems, sampled))
    summary, families = summarise(groups, [1, k]), by_family(problems, groups)
    (one, many), none_pass = map(statistics.fmean, summary.pop("pass")), summary["none_pass"]
    row = {"step": run.step, "k": k, "pass@1": one, "pass@k": many, **summary}
    for name, some in families.items():
        families[name] = list(map(statistics.fmean, summarise(some, [1, k])["pass"]))
    run.log("validation.jsonl", row | {"families": families})
    rates = f"Pass@1 {one:6.1%}   Pass@{k} {many:6.1%}   none-pass {none_pass:6.1%}"
    tqdm.write(f"step {run.step:4d}   {rates}")


def report(run: "Run", final: Path) -> None:
    """What was gained from the first to the last validation, and where everything is."""
    validations, metrics = (read_log(run.folder / f"{n}.jsonl") for n in ("validation", "metrics"))
    if validations:
        before, after = validations[0], validations[-1]
        families = before["families"].items()
        rows = [(name, rates, after["families"][name]) for name, rates in families]
        rows.append(("all", *([v["pass@1"], v["pass@k"]] for v in (before, after))))
        print(f"\n{'held-out problems':20} {'Pass@1':>16}   {'Pass@' + str(before['k']):>16}")
        for name, old, new in rows:
            print(f"{name:20} " + "   ".join(f"{a:6.1%} -> {b:6.1%}" for a, b in zip(old, new)))
    hints = sum((Counter(row["hints"]) for row in metrics), Counter())
    given = ", ".join(f"{kind} {n}" for kind, n in hints.items()) or "none"
    gib = metrics[-1]["peak_gib"] if metrics else None
    peak = f"; {gib:.1f} GiB at most" if gib else ""
    print(f"\n{len(metrics)} steps, {run.rollouts} rollouts{peak}; groups with a hint: {given}")
    print(f"model: {final}   log: {run.folder}/metrics.jsonl   to read: {run.folder}/samples.jsonl")


def stopwatch(device: str) -> tuple[dict[str, float], Callable[[str], None]]:
    """Seconds by stage, and what adds the time since its last call to a stage."""
    seconds, last = dict.fromkeys(("sample", "hint", "update"), 0.0), time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal last
        if device != "cpu":
            torch.cuda.synchronize(device)  # let it finish what it was given
        now = time.perf_counter()
        seconds[stage], last = seconds[stage] + now - last, now

    return seconds, lap


def peak_gib(device: str) -> float | None:
    """Most memory so far: on a GPU what torch allocated, else the process (None: unknown)."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated(device) / 2**30
    with contextlib.suppress(ImportError):  # Windows has no such module
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in KiB; on a Mac in bytes
        return peak / 2**30 if sys.platform == "darwin" else peak / 2**20


def describe(groups: list[Group]) -> dict:
    """Metrics of a step's rollouts; reward, entropy and such are of the first G."""
    first = [rollout for group in groups for rollout in group.first]
    extra = [rollout for group in groups for rollout in group.extra]
    shares = [statistics.fmean(rollout.right for rollout in group.first) for group in groups]
    kinds = Counter(group.hint.kind for group in groups if group.extra and group.hint.text)
    tokens = sum(len(rollout.response_ids) for rollout in first)
    return {
        "none_pass": shares.count(0),
        "some_pass": sum(0 < share < 1 for share in shares),
        "all_pass": shares.count(1),
        "rescued": sum(group.rescued for group in groups),
        "hints": dict.fromkeys(("Hint", "ConciseHint", "Concise"), 0) | kinds,
        "extra_reward": statistics.fmean(rollout.reward for rollout in extra) if extra else None,
        "reward": statistics.fmean(rollout.reward for rollout in first),
        "response_tokens": tokens / len(first),
        "truncated": statistics.fmean(rollout.truncated for rollout in first),
        # Nats per token: the mean of -log pi_old of a sampled token is its distribution's entropy.
        "entropy": -sum(p for rollout in first for p in rollout.old_logprobs) / tokens,
        "sampled_rollouts": len(first) + len(extra),
        "sampled_tokens": tokens + sum(len(rollout.response_ids) for rollout in extra),
    }


def samples_to_log(groups: list[Group], tokenizer, step: int) -> list[dict]:
    """Rollouts for people to read: a wrong and a right one per group, rescued groups first."""
    rows = []
    taught = lambda group: any(rollout.advantage for rollout in group.rollouts)
    for group in sorted(groups, key=lambda group: (not group.rescued, not taught(group))):
        for right in (False, True):
            for rollout in [r for r in group.rollouts if r.right == right][:1]:
                row = {"step": step, **sample_rows(group.problem, [rollout])[0]}
                row |= {"prompt": tokenizer.decode(rollout.prompt_ids)}
                row |= {"hint": group.hint.text if group.hint and rollout.off_policy else None}
                row |= {"off_policy": rollout.off_policy, "advantage": rollout.advantage}
                rows.append(row)
    return rows


# --------------------------------------------------------------------------------------------------
# The run's folder


class Run:
    """A run's state, and its folder: config.json, metrics.jsonl, samples.jsonl, validation.jsonl,
    checkpoint/ and final/."""

    LOGS = ("metrics.jsonl", "samples.jsonl", "validation.jsonl")

    def __init__(self, config: "Config", policy: Policy, optimizer, about: dict):
        self.config, self.policy, self.optimizer = config, policy, optimizer
        self.about = about  # what stands for the model and the problems
        self.pi_old = sampling_policy(policy, config)
        self.step, self.rollouts = 0, 0  # done so far
        self.folder = Path(config.out)
        self.checkpoint = self.folder / "checkpoint" / "state.pt"

    def open(self) -> None:
        """Begin the folder of a new run, or go on with one: by its own model and problems, wherever
        these lie now."""
        path = self.folder / "config.json"
        if self.config.resume:
            known = json.loads(path.read_text(encoding="utf-8"))
            names = {"model": "--model", "problems": "--data", "held_out": "--eval-data"}
            for name, given in names.items():
                if known.get(name) != self.about[name]:
                    raise UserError(f"--resume {self.folder}: {given} is not the run's any more")
        content = {"settings": asdict(self.config) | {"resume": ""}, **self.about}
        content |= {"torch": torch.__version__, "transformers": transformers.__version__}
        replace_file(path, json.dumps(content, indent=1) + "\n")
        self.checkpoint.parent.mkdir(exist_ok=True)
        for name in self.LOGS:
            (self.folder / name).touch()
        if self.config.resume:
            self.load()

    def log(self, name: str, *rows: dict) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(json_lines(rows))

    def save(self) -> None:
        """All that it takes to go on, to the bit on the same machine with the same budgets.

        Written aside, synced and renamed: there always is one whole checkpoint, after the first.
        """
        state = {"step": self.step, "rollouts": self.rollouts}
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
            except Exception as error:  # broken or foreign, in any way
                if isinstance(error, OSError) or is_out_of_memory(error):
                    raise
                raise UserError(f"{self.checkpoint} can't be read: start anew") from None
        elif (self.folder / "final").exists():
            raise UserError(f"{self.checkpoint} is gone: the run can't go on")
        self.pi_old.model.load_state_dict(self.policy.model.state_dict())
        for name in self.LOGS:
            kept = [row for row in read_log(self.folder / name) if row["step"] <= self.step]
            if name == "validation.jsonl":  # without one that was the end of a shorter run
                kept = [row for row in kept if row["step"] % max(self.config.eval_every, 1) == 0]
            replace_file(self.folder / name, json_lines(kept))
        shutil.rmtree(self.folder / "final", ignore_errors=True)  # it would be of an earlier step

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


# --------------------------------------------------------------------------------------------------
# Can hints help this model?


def probe_hints(config: "Config") -> int:
    """Before any training: what do hints change for the problems that nobody solves?

    N problems, G responses each. Those that nobody solved, and that hints can be made for, are
    tried again with G responses each under their own hints, under hints with another problem's
    answers, and without one. Every response goes to probe.jsonl.
    """
    problems = load_problems(find_data(config)[0])
    policy = sampling_policy(load_policy(config.model, config.device), config)
    problems = leave_out_long(policy, problems, config)
    rng = random.Random(config.seed_for("probe", 0))
    problems = rng.sample(problems, min(config.probe, len(problems)))
    with lock(free_folder(config)):
        sampled = ask(policy, problems, config.group_size, config, config.generator("probe", 0))
        groups = [Group(*pair) for pair in zip(problems, sampled, strict=True)]
        rows = [row for group in groups for row in sample_rows(group.problem, group.first)]
        none_pass = [group for group in groups if not any(r.right for r in group.first)]
        stuck, tries = hints_to_try(policy, none_pass, config)
        outcomes = {}
        for name, hints in tries.items():
            for group, hint in zip(stuck, hints, strict=True):
                group.hint = hint
            try_again(policy, stuck, config, config.generator(f"probe {name}", 0))
            outcomes[name] = list(map(outcome, stuck, tries["own hints"]))
            for group in stuck:
                told = {"try": name, "hint": group.hint.text}
                rows += [row | told for row in sample_rows(group.problem, group.extra)]
        replace_file(Path(config.out) / "probe.jsonl", json_lines(rows))
    print(f"{len(none_pass)} of {len(groups)} problems are none-pass; hints for {len(stuck)}:\n")
    if stuck:
        print_probe([group.problem for group in stuck], outcomes)
    print(f"\n{verdict(outcomes)}\nresponses: {config.out}/probe.jsonl")
    return 0


def hints_to_try(policy: Policy, stuck: list[Group], config: "Config") -> tuple[list[Group], dict]:
    """The groups that have a hint of their own and a shuffled one, and the hints of each try."""
    for group in stuck:
        group.hint = METHODS[config.method].hint(group.first, group.problem.answer)
    own = [group.hint for group in stuck]
    shuffle_hints(stuck)
    shuffled = [group.hint for group in stuck]
    usable = lambda group, h: h and h.text and fits(policy, group.problem, config, h)
    found = [f for f in zip(stuck, own, shuffled) if usable(f[0], f[1]) and usable(f[0], f[2])]
    stuck, own, shuffled = zip(*found, strict=True) if found else ((), (), ())
    none = [Hint("none")] * len(stuck)
    return list(stuck), {"own hints": own, "shuffled hints": shuffled, "no hint": none}


def outcome(group: Group, own: Hint) -> tuple[float, float, float]:
    """Is an extra rollout right (0 or 1); the share of right ones; that of repeated errors."""
    again = [any(same_value(r.answer or "", a) for a in own.answers) for r in group.extra]
    right = [rollout.right for rollout in group.extra]
    return float(any(right)), statistics.fmean(right), statistics.fmean(again)


def print_probe(problems: list[Problem], outcomes: dict[str, list[tuple]]) -> None:
    """Three lines for each family and for all: means with 95 % intervals."""
    heads = ("rescued", "right responses", "repeat a wrong answer")
    print(f"{'':32}" + "".join(f"{head:>23}" for head in heads))
    parts = [[*by_family(problems, some).items(), ("all", some)] for some in outcomes.values()]
    for rows in zip(*parts, strict=True):  # one for each try
        for name, (family, some) in zip(outcomes, rows, strict=True):
            title, cells = f"{family} ({len(some)})" if name == "own hints" else "", ""
            for values in zip(*some, strict=True):
                low, high = bootstrap_interval(values)
                cells += f"{f'{statistics.fmean(values):.1%} ({low:.0%}-{high:.0%})':>23}"
            print(f"{title:16}{name:16}{cells}")


def verdict(outcomes: dict[str, list[tuple]]) -> str:
    """One sentence, from the shares of right responses, compared problem by problem."""
    own, shuffled, none = ([right for _, right, _ in some] for some in outcomes.values())
    if len(own) < 10:
        return "There are too few none-pass problems to tell whether hints help."
    by_content = bootstrap_interval([a - b for a, b in zip(own, shuffled, strict=True)])
    in_all = bootstrap_interval([a - b for a, b in zip(own, none, strict=True)])
    if by_content[0] > 0:
        return "Hints help this model by their content."
    if in_all[0] > 0:
        return "Hints help this model by being there; that their content does, does not show."
    if in_all[1] > 0.05:
        return "There are too few problems to tell whether hints help."
    return "Hints do not help this model."


# --------------------------------------------------------------------------------------------------
# Settings


@dataclass
class Config(Settings):
    """A flag for each setting; those of sampling come from eval.py. recipe.json beside a model
    holds what suits it."""

    model: str = HfArg(default="small-model", help="a causal language model: folder or hub name")
    data: str = HfArg(default="", help="problems: JSONL file, or gsm8k (MODEL/train.jsonl)")
    eval_data: str = HfArg(default="", help="held-out: file, benchmark (test.jsonl beside --data)")
    method: str = HfArg(default="lte", help="what to do about none-pass groups")
    steps: int = HfArg(default=100, help="training steps")
    rollout_budget: int = HfArg(default=0, help="end after so many rollouts (0: don't)")
    prompts_per_step: int = HfArg(default=16, help="problems per step")
    group_size: int = HfArg(default=8, help="G, the rollouts per problem")
    updates_per_step: int = HfArg(default=2, help="optimizer steps per step, sharing its problems")
    lr: float = HfArg(default=1e-6, help="learning rate of AdamW, constant")
    clip: float = HfArg(default=0.2, help="epsilon of the clipped on-policy term")
    gamma: float = HfArg(default=0.1, help="gamma of f(r') = r' / (r' + gamma), off-policy")
    entropy_coef: float = HfArg(default=0.0, help="weight of the entropy bonus (LTE\u2020)")
    separate_normalisers: bool = HfArg(default=False, help="count the tokens Z, Z' apart")
    hint_answers: str = HfArg(default="own", help="own; shuffled: another problem's, as control")
    max_grad_norm: float = HfArg(default=1.0, help="the gradient is scaled down to this norm")
    micro_tokens: int = HfArg(default=0, help="tokens per pass (0: 16384, on a CPU 1024): memory")
    gradient_checkpointing: bool = HfArg(default=False, help="less memory, but slower")
    eval_every: int = HfArg(default=20, help="validate every so many steps, and last (0: never)")
    eval_samples: int = HfArg(default=16, help="samples per held-out problem")
    save_every: int = HfArg(default=50, help="save every so many steps and at the end")
    resume: str = HfArg(default="", help="folder of a run to go on with, under its own settings")
    probe: int = HfArg(default=0, help="train nothing: do hints help this model? on N problems")

    def autocast(self) -> torch.autocast:
        """The trainer's forward pass runs within it."""
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.bf16)

    @property
    def tokens_per_pass(self) -> int:
        """A GPU wants many; on a CPU, fresh memory for large activations costs more time."""
        return self.micro_tokens or (1024 if self.device == "cpu" else 16_384)

    def seed_for(self, purpose: str, step: int) -> int:
        """A seed for each purpose and step. (Choice 9.)"""
        return random.Random(f"{self.seed} {purpose} {step}").getrandbits(63)

    def generator(self, purpose: str, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed_for(purpose, step))


ABOVE_0 = ("max_new_tokens", "cache_gib", "steps", "prompts_per_step", "updates_per_step", "lr")
ABOVE_0 += ("gamma", "max_grad_norm", "eval_samples", "save_every", "temperature")


def read_config(argv: list[str]) -> Config:
    """Defaults, then recipe.json or the run's own settings, then flags: the last one wins."""
    given = read_flags(Config, argv, __doc__)
    if given.resume:
        saved = flags_in(Path(given.resume) / "config.json", key="settings")
        if not saved or given.out and Path(given.out) != Path(given.resume):
            raise UserError(f"--resume {given.resume}: there is no run, or --out names another")
        before, config = read_flags(Config, saved), read_flags(Config, saved + argv)
        for name, old in vars(before).items():
            if name not in CIRCUMSTANCES and old != (new := getattr(config, name)):
                raise UserError(f"--resume {given.resume}: {flag(name)} was {old!r}, not {new!r}")
        config.out = config.resume
    else:
        path = Path(given.model) / "recipe.json"
        recipe = flags_in(path)
        try:
            suits = vars(read_flags(Config, recipe))
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        if any(suits[name] != getattr(Config(), name) for name in (*PLACES, "probe")):
            raise UserError(f"{path}: a recipe can't set places, nor the device")
        config = read_flags(Config, recipe + argv)
        kind = "probe" if config.probe else config.method
        config.out = config.out or f"runs/{kind}-{short_name(config.model)}-s{config.seed}"
        if recipe:
            print("from recipe.json, unless a flag says otherwise:", *recipe)
    check_config(config)
    return config


def check_config(config: Config) -> None:
    """Raise UserError for settings that make no sense."""
    check_settings(config, ABOVE_0)
    if config.group_size < 2 or config.temperature < 0.01:
        raise UserError("--group-size must be at least 2 and --temperature at least 0.01")
    for name, choices in (("method", METHODS), ("hint_answers", ("own", "shuffled"))):
        if getattr(config, name) not in choices:
            value = getattr(config, name)
            raise UserError(f"{flag(name)} {value}: it must be one of {', '.join(choices)}")
    if config.prompts_per_step * config.group_size > 2**20:
        raise UserError("--prompts-per-step times --group-size: over a million rollouts per step")
    if config.updates_per_step > config.prompts_per_step:
        raise UserError("--updates-per-step is above --prompts-per-step: no problem for some")
    if config.probe and not METHODS[config.method].hint:
        raise UserError("--probe is about hints: use it with --method lte")


if __name__ == "__main__":
    sys.exit(main())
