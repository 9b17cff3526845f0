"""Tests of lte.py, eval.py and verify.py: some minutes on a CPU, nothing to download.

pytest test_lte.py                  everything
pytest test_lte.py -k equations     the formulas of the paper, by value and by gradient
pytest test_lte.py -k choice        one test (or more) for each numbered choice of lte.py
pytest test_lte.py -k gpu           what needs a GPU; skipped without one

The order is that of a first reading: the equations, one step from hint to update, what runs it,
then the sampler, models and problems, evaluation, the judge, and the repository itself.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import doctest
import gc
import hashlib
import itertools
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pytest
import safetensors.torch
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

import eval as evaluation
import lte
import verify
from verify import extract_answer, is_correct, is_equivalent, pass_at_k, same_value

HERE = Path(__file__).resolve().parent
SMALL = HERE / "small-model"
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


# --------------------------------------------------------------------------------------------------
# The equations, by value and by gradient


def loss_and_gradient(log_ratio, advantage, off_policy, z=1.0, **more):
    """Loss of tokens at the given log-ratios, and its gradient w.r.t. log pi_theta, [N]."""
    old = torch.full((len(log_ratio),), -2.0, dtype=torch.float64)
    logprobs = (old + torch.tensor(log_ratio, dtype=torch.float64)).requires_grad_()
    advantages = torch.full_like(old, advantage)
    off = torch.full_like(old, off_policy, dtype=torch.bool)
    loss = lte.mixed_policy_loss(logprobs, old, advantages, off, z, **more)
    loss.backward()
    return loss.item(), logprobs.grad


@pytest.mark.parametrize("gamma", [0.1, 1.0])
@pytest.mark.parametrize("advantage", [1.5, -0.7])
def test_equations_off_policy_term(gamma, advantage):
    """f(r') = r'/(r'+gamma), and d f/d log pi = gamma r'/(r'+gamma)^2, for ratios far and near."""
    for r in (1e-6, 0.01, gamma, 0.5, 1.0, 20.0):
        loss, grad = loss_and_gradient([math.log(r)], advantage, True, gamma=gamma)
        assert loss == pytest.approx(-advantage * r / (r + gamma))
        assert float(grad) == pytest.approx(-advantage * gamma * r / (r + gamma) ** 2)


def test_equations_off_policy_gradient_is_greatest_at_gamma():
    ratios = torch.logspace(-4, 2, 601, dtype=torch.float64)
    _, grad = loss_and_gradient(ratios.log().tolist(), 1.0, True, gamma=0.1)
    assert ratios[grad.abs().argmax()] == pytest.approx(0.1)
    assert float(grad.abs().max()) == pytest.approx(0.25)


def test_equations_on_policy_term_and_clip_quadrants():
    """min(r A, clip(r) A): no gradient just where A > 0 and r > 1+eps, or A < 0 and r < 1-eps."""
    for advantage in (2.0, -2.0):
        for r in (0.5, 0.79, 0.81, 1.0, 1.19, 1.21, 3.0):
            loss, grad = loss_and_gradient([math.log(r)], advantage, False, clip=0.2)
            stopped = r > 1.2 if advantage > 0 else r < 0.8
            clipped = min(max(r, 0.8), 1.2)
            assert loss == pytest.approx(-min(r * advantage, clipped * advantage))
            assert float(grad) == pytest.approx(0.0 if stopped else -r * advantage)


def test_equations_sum_over_tokens():
    """Terms of both kinds add up, divided by one count or by one for each token."""
    torch.manual_seed(0)
    logprobs, old = -torch.rand(11) * 3, -torch.rand(11) * 3
    advantages = torch.tensor([1.0] * 5 + [-1.0] * 2 + [0.5] * 3 + [2.0])
    off = torch.tensor([False] * 5 + [True] * 5 + [False])
    on_sum = off_sum = 0.0
    for logprob, old_logprob, a, hinted in zip(logprobs, old, advantages, off, strict=True):
        r, a = math.exp(logprob - old_logprob), float(a)
        if hinted:
            off_sum += r / (r + 0.1) * a
        else:
            on_sum += min(r * a, min(max(r, 0.8), 1.2) * a)
    loss = lte.mixed_policy_loss(logprobs, old, advantages, off, 11)
    assert float(loss) == pytest.approx(-(on_sum + off_sum) / 11, rel=1e-5)
    loss = lte.mixed_policy_loss(logprobs, old, advantages, off, torch.where(off, 5.0, 6.0))
    assert float(loss) == pytest.approx(-(on_sum / 6 + off_sum / 5), rel=1e-5)


def test_equations_loss_stays_finite_at_extreme_ratios():
    """Off-policy any ratio can occur. What the on-policy branch makes of it must not leak in."""
    loss, grad = loss_and_gradient([800.0, -800.0, 0.0], -1.0, True)
    assert math.isfinite(loss) and torch.isfinite(grad).all()


def test_equations_advantages():
    rewards = torch.tensor([[1.0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    advantages = lte.group_advantages(rewards)
    assert torch.allclose(advantages[0], torch.tensor([3.0, -1, -1, -1]) / math.sqrt(3))
    assert advantages[1].tolist() == [1, 1, -1, -1]
    assert not advantages[2:].any()


def test_choice_4_std_of_the_group_and_equal_rewards_by_max_and_min():
    """Mean 0 and mean square 1; equal rewards give exactly 0 though 0.1 has rounding errors."""
    advantages = lte.group_advantages([1.0, 0, 0, 1, 0, 0, 0, 0])
    assert float(advantages.sum()) == pytest.approx(0, abs=1e-6)
    assert float(advantages.square().mean()) == pytest.approx(1)
    for value in (0.1, 1 / 3, 0.7):
        assert not lte.group_advantages([value] * 7).any()


# --------------------------------------------------------------------------------------------------
# What the following chapters play with: rollouts made by hand, tiny random models, the small model


def rollout(text="", reward=0.0, truncated=False, **more) -> lte.Rollout:
    return lte.Rollout([5, 6], [7, 8, 1], [-1.0, -2.0, -0.5], text, reward, truncated, **more)


def said(answer) -> lte.Rollout:
    return rollout(f"so \\boxed{{{answer}}}")


def tiny_model(kind: str, seed: int = 0, vocabulary: int = 40):
    """A random model of 2 layers, with weights large enough to have opinions."""
    torch.manual_seed(seed)
    common = {"vocab_size": vocabulary, "hidden_size": 32, "num_hidden_layers": 2}
    common |= {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}
    common |= {"max_position_embeddings": 64}
    common |= {"eos_token_id": 1, "bos_token_id": 2, "pad_token_id": 0}
    window = {"sliding_window": 6}
    mixed = {"layer_types": ["sliding_attention", "full_attention"], "head_dim": 8, **window}
    sizes = {  # kind: type of the config, what differs from the above
        "llama": ("llama", {}),
        "qwen3": ("qwen3", {"head_dim": 8, "tie_word_embeddings": True}),
        "qwen3 untied": ("qwen3", {"head_dim": 8, "eos_token_id": [1, 7], "pad_token_id": 1}),
        "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}),
        "gemma2": ("gemma2", {"head_dim": 8, "final_logit_softcapping": 4.0, **window}),
        "mistral": ("mistral", window),
        "gpt_neo": (
            "gpt_neo",
            {"num_layers": 2, "attention_types": [[["global", "local"], 1]], "window_size": 6},
        ),
        "qwen3_5": (
            "qwen3_5_text",
            {"head_dim": 8, "linear_num_value_heads": 4, "linear_num_key_heads": 2}
            | {"linear_key_head_dim": 8, "linear_value_head_dim": 8}
            | {"layer_types": ["linear_attention", "full_attention"]},
        ),
        "gemma3n": (
            "gemma3n_text",
            {"intermediate_size": [48] * 2, "num_kv_shared_layers": 0, "laurel_rank": 4, **mixed}
            | {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": vocabulary}
            | {"activation_sparsity_pattern": [0.0] * 2},
        ),
        "lfm2": ("lfm2", {"layer_types": ["conv", "full_attention"], "block_multiple_of": 8}),
    }
    name, different = sizes[kind]
    if name in ("gpt2", "gpt_neo"):  # whose configs have names of their own for some of it
        for key in ("num_hidden_layers", "num_attention_heads", "num_key_value_heads"):
            common.pop(key)
    config = transformers.AutoConfig.for_model(name, **common | different)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.15)
    return model.eval()


@pytest.fixture(scope="session")
def policy() -> lte.Policy:
    """The small model, not to be trained."""
    return lte.load_policy(str(SMALL))


def fresh_policy() -> lte.Policy:
    """The small model, to be trained."""
    return lte.load_policy(str(SMALL))


def some_problems(n: int = 30) -> list[lte.Problem]:
    """Problems of all families."""
    problems = lte.load_problems(SMALL / "train.jsonl")
    return random.Random(0).sample(problems, n)


def small_config(**more) -> lte.Config:
    recipe = json.loads((SMALL / "recipe.json").read_text())
    more = (
        recipe | {"model": str(SMALL), "data": str(SMALL / "train.jsonl"), "device": "cpu"} | more
    )
    return lte.Config(**more)


def step_of(policy, step=1, problems=None, pi_old=None, **settings) -> tuple[list, dict]:
    """One training step on the small model's problems."""
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=1e-3)
    problems, config = problems or some_problems(), small_config(**settings)
    return lte.train_step(policy, pi_old or policy, optimizer, problems, config, step)


# --------------------------------------------------------------------------------------------------
# One step: hints


def test_choice_1_kinds_of_hint():
    """The paper's table: all truncated, some, none."""
    cut = rollout("and so on", truncated=True)
    assert lte.build_hint([cut] * 3) == lte.Hint("Concise")
    assert lte.build_hint([said(4), cut]) == lte.Hint("ConciseHint", ("4",))
    assert lte.build_hint([said(4), said(5)]) == lte.Hint("Hint", ("4", "5"))


def test_choice_1_answers_of_the_hint():
    """In order, one spelling a value, none of a truncated response, few, short, never the gold."""
    cut = dataclasses.replace(said(9), truncated=True)
    failed = [said("1/2"), said(7), said("0.5"), said("\\frac{2}{4}"), cut, rollout("?"), said(3)]
    assert lte.build_hint(failed).answers == ("1/2", "7", "3")
    assert len(lte.build_hint([said(i) for i in range(20)]).answers) == 8
    assert lte.build_hint([said("1" * 101), said(2)]).answers == ("2",)
    assert lte.build_hint([said("14/4"), said(2)], gold="7/2").answers == ("2",)


# what was answered -> what a hint lists of it, where 7 is right
HEDGES = r"""
5 or 7                  -> 5
5, 7                    -> 5
\{5,7\}                 -> 5
5 \text{ or } 7         -> 5
7 or maybe 5            -> 5
3, perhaps 7            -> 3
7 (or 3)                -> 3
\pm 7                   -> -7
7?                      ->
3 + 4                   ->
7,000                   -> 7,000
17                      -> 17
3, perhaps 5            -> 3, perhaps 5
"""


@pytest.mark.parametrize("line", HEDGES.strip().splitlines())
def test_choice_1_no_hint_calls_the_right_answer_wrong(line):
    """A hedge that holds it fails, but only its wrong values are listed."""
    answer, listed = (part.strip() for part in line.split("->"))
    hint = lte.build_hint([said(answer)], gold="7")
    assert (hint.answers if hint else ()) == ((listed,) if listed else ())


def test_choice_1_nothing_to_say_means_no_hint():
    assert lte.build_hint([rollout("no idea"), rollout("")]) is None
    assert lte.build_hint([rollout("It is \\boxed{}.")]) is None
    assert lte.build_hint([said("7/2")], gold="3.5") is None
    assert lte.Hint("Hint").text == ""


def test_hint_text():
    hint = lte.Hint("ConciseHint", ("1/2", "7"))
    assert "1/2; 7." in hint.text and "concisely" in hint.text and "Do not mention" in hint.text
    assert "concisely" not in lte.Hint("Hint", ("7",)).text
    assert "wrong" not in lte.Hint("Concise").text


def test_shuffled_hints_hold_another_problems_answers():
    groups = []
    for gold, *answers in (("1", "2", "3"), ("3", "4", "1"), ("5", "10/2", "5?")):
        groups.append(lte.Group(lte.Problem("?", gold), [said(a) for a in answers]))
        groups[-1].hint = lte.build_hint(groups[-1].rollouts, gold)
    assert [g.hint and g.hint.answers for g in groups] == [("2", "3"), ("4", "1"), None]
    lte.shuffle_hints(groups)
    assert [g.hint and g.hint.answers for g in groups] == [("4",), ("2",), None], (
        "but never the problem's own right answer"
    )


def test_hints_go_to_none_pass_groups_only(policy):
    """They never hold the reference answer, and what is trained never holds a hint."""
    groups, metrics = step_of(fresh_policy(), problems=some_problems(40))
    assert 0 < sum(bool(g.extra) for g in groups) < len(groups)
    for group in groups:
        none_pass = not any(r.right for r in group.first)
        assert bool(group.extra) == none_pass == (group.hint is not None)
        plain = lte.build_prompt(policy.tokenizer, group.problem.problem)
        assert all(r.prompt_ids == plain for r in group.rollouts + group.first)
        if group.hint:
            assert not any(same_value(a, group.problem.answer) for a in group.hint.answers)
            assert all(r.prompt_ids != plain and r.off_policy for r in group.extra)
    assert metrics["rescued"] > 0


def test_shuffled_hints_reach_the_second_try():
    hints = {}
    for answers in ("own", "shuffled"):
        groups, _ = step_of(fresh_policy(), problems=some_problems(12), hint_answers=answers)
        hints[answers] = [g.hint.answers for g in groups if g.hint and g.hint.kind == "Hint"]
    assert len(hints["own"]) > 2
    assert not any(a == b for a, b in zip(hints["own"], hints["shuffled"], strict=True))


def test_a_hint_that_leaves_no_room_is_not_given(policy):
    problem = some_problems(1)[0]
    group = lte.Group(problem, [said(9)], lte.Hint("own", advice="and " * 300))
    assert lte.try_again(policy, [group], small_config(), torch.Generator()) == []
    assert not group.extra


def test_grpo_extra_is_lte_with_an_empty_hint(monkeypatch):
    """The same rollouts, groups, advantages and, as nothing is off-policy then, the same update."""
    empty = lte.Method(hint=lambda failed, gold: lte.Hint("Hint"))
    monkeypatch.setitem(lte.METHODS, "lte", empty)
    seen = {}
    for method in ("lte", "grpo-extra"):
        groups, metrics = step_of(fresh_policy(), method=method)
        rows = [[dataclasses.astuple(r) for r in g.rollouts] for g in groups]
        assert metrics["none_pass"] and not any(r.off_policy for g in groups for r in g.rollouts)
        seen[method] = rows, metrics
    assert seen["lte"] == seen["grpo-extra"]


def test_a_fifth_method_is_one_entry_and_its_function(monkeypatch, capsys, tmp_path):
    """Another hint: it says how many tries failed. The command line and the logs take it."""

    def count_failures(failed, gold):
        return lte.Hint("Count", advice=f"{len(failed)} tries have failed.")

    monkeypatch.setitem(lte.METHODS, "count", lte.Method(hint=count_failures))
    groups, metrics = step_of(fresh_policy(), method="count")
    tried = [g for g in groups if g.extra]
    assert metrics["hints"]["Count"] == len(tried) > 0
    prompt = fresh_policy().tokenizer.decode(tried[0].extra[0].prompt_ids)
    assert "8 tries have failed. Do not mention this hint" in prompt
    assert all(r.off_policy for g in tried for r in g.extra)
    assert run_main(tmp_path / "run", "--method", "count", "--steps", "1") == 0


# --------------------------------------------------------------------------------------------------
# One step: groups


def mixed(failed=8, right=3, wrong=5, seed=0) -> list[lte.Rollout]:
    group = [rollout(f"first {i}") for i in range(failed)]
    extra = [rollout(f"extra {i}", float(i < right), off_policy=True) for i in range(right + wrong)]
    for r in extra:
        r.prompt_ids = [9, 9, 9]
    return lte.mix_group(group, extra, random.Random(seed))


def test_mixing_replaces_failed_ones_at_random():
    group = mixed(right=3)
    assert len(group) == 8 and sum(r.right for r in group) == 3
    places = {tuple(i for i, r in enumerate(mixed(right=1, seed=s)) if r.right) for s in range(60)}
    assert len(places) == 8, "any failed rollout may be the one that is replaced"


def test_mixing_takes_the_hint_out_of_the_prompt():
    assert all(r.prompt_ids == [5, 6] for r in mixed())
    assert [r.off_policy for r in mixed() if r.right] == [True] * 3


def test_group_whose_extra_rollouts_all_fail_is_unchanged():
    assert mixed(right=0, wrong=8) == [rollout(f"first {i}") for i in range(8)]


def test_choice_2_all_right_keeps_a_failed_one():
    group = mixed(right=8, wrong=0)
    assert sum(r.right for r in group) == 7
    assert lte.group_advantages([r.reward for r in group]).any()


def test_choice_7_luffy_adds_the_solution_as_an_off_policy_response(policy):
    problem = lte.load_problems(SMALL / "train.jsonl")[0]
    prompt = lte.build_prompt(policy.tokenizer, problem.problem)
    for solution, joins in ((problem.solution, True), ("\\boxed{wrong}", False), (None, False)):
        p = dataclasses.replace(problem, solution=solution)
        group = lte.Group(p, [lte.Rollout(prompt, [5, 1], [-1.0, -1.0]) for _ in range(4)])
        lte.add_solution(policy, group)
        assert len(group.rollouts) == 4 + joins and len(group.first) == 4
    group = lte.Group(problem, [lte.Rollout(prompt, [5, 1], [-1.0, -1.0])])
    lte.add_solution(policy, group)
    added = group.rollouts[-1]
    assert added.right and added.off_policy and set(added.old_logprobs) == {0.0}
    assert added.prompt_ids == prompt and added.response_ids[-1] in policy.eos_ids
    assert policy.tokenizer.decode(added.response_ids[:-1]) == problem.solution
    endless = dataclasses.replace(problem, solution="and " * 2000 + problem.solution)
    group = lte.Group(endless, [lte.Rollout(prompt, [5, 1], [-1.0, -1.0])])
    lte.add_solution(policy, group)
    assert len(group.rollouts) == 1, "what does not fit the context stays out"


# --------------------------------------------------------------------------------------------------
# One step: the update


def random_rollouts(seed=0, n=9) -> list[lte.Rollout]:
    """Rows of all lengths, on- and off-policy, of either sign of the advantage."""
    rng, rollouts = random.Random(seed), []
    for i in range(n):
        prompt = [rng.randrange(2, 40) for _ in range(rng.randrange(1, 9))]
        response = [rng.randrange(2, 40) for _ in range(rng.randrange(1, 14))] + [1]
        logprobs = [rng.uniform(-6, -0.1) for _ in response]
        row = lte.Rollout(prompt, response, logprobs, off_policy=i % 3 == 0)
        row.advantage = rng.choice([-1.3, 0.7, 2.1])
        rollouts.append(row)
    return rollouts


def gradient(model, rollouts, **settings) -> torch.Tensor:
    """The gradient of one update, flat."""
    model.zero_grad(set_to_none=True)
    config = lte.Config(device="cpu", **settings)
    lte.accumulate_gradients(model, rollouts, config, [])
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


NEW_FAMILIES = ["qwen3_5", "gemma3n", "lfm2"]  # recurrent layers, shared inputs, convolutions


@pytest.mark.parametrize("kind", ["llama", "gpt2", *NEW_FAMILIES])
@pytest.mark.parametrize(
    "settings", [{}, {"separate_normalisers": True}, {"entropy_coef": 0.1}], ids=str
)
def test_gradient_does_not_depend_on_micro_batches_order_or_padding(kind, settings):
    model, rollouts = tiny_model(kind), random_rollouts()
    whole = gradient(model, rollouts, **settings)
    assert whole.abs().max() > 1e-3
    rounding = 1e-5 if kind in NEW_FAMILIES else 1e-6
    for budget in (1, 30, 61):
        parts = gradient(model, rollouts, micro_tokens=budget, **settings)
        assert (whole - parts).abs().max() < rounding * max(1, float(whole.abs().max()))
    shuffled = random.Random(1).sample(rollouts, len(rollouts))
    assert (whole - gradient(model, shuffled, **settings)).abs().max() < rounding


@pytest.mark.parametrize("kind", NEW_FAMILIES)
def test_a_training_step_of_a_new_family(kind, policy, monkeypatch):
    """From rollouts to update; at its start the trainer computes what the sampler recorded."""
    model = tiny_model(kind, vocabulary=len(policy.tokenizer))
    monkeypatch.setattr(evaluation, "is_correct", lambda text, gold: len(text) % 7 == 0)
    before = [p.detach().clone() for p in model.parameters()]
    settings = {"updates_per_step": 1, "max_new_tokens": 12, "problems": some_problems(9)}
    _, metrics = step_of(policy._replace(model=model), **settings)
    assert metrics["ratio_on"] == pytest.approx(1, abs=1e-4) and metrics["logprob_gap"] < 1e-4
    assert metrics["grad_norm"] > 0
    assert not all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("separate", [False, True])
def test_gradient_equals_that_of_the_equations_written_out(separate):
    """Row by row and token by token: prompts, EOS, temperature, clip, gamma, Z and Z', entropy."""
    model, rollouts = tiny_model("gpt2"), random_rollouts()
    flags = {"temperature": 0.7, "clip": 0.1, "gamma": 0.3, "entropy_coef": 0.05}
    ours = gradient(model, rollouts, **flags, separate_normalisers=separate)
    model.zero_grad(set_to_none=True)
    tokens = {False: 0, True: 0}
    for row in rollouts:
        tokens[row.off_policy] += len(row.response_ids)
    every, objective = sum(tokens.values()), 0.0
    for row in rollouts:
        logits = model(input_ids=torch.tensor([row.prompt_ids + row.response_ids])).logits[0]
        for t, (token, old) in enumerate(zip(row.response_ids, row.old_logprobs, strict=True)):
            logp = (logits[len(row.prompt_ids) - 1 + t] / 0.7).log_softmax(-1)
            r, a = (logp[token] - old).exp(), row.advantage
            clipped = torch.minimum(r * a, r.clamp(0.9, 1.1) * a)
            term = r / (r + 0.3) * a if row.off_policy else clipped
            objective = objective + term / (tokens[row.off_policy] if separate else every)
            objective = objective + 0.05 * -(logp.exp() * logp).sum() / every
    (-objective).backward()
    assert (ours - torch.cat([p.grad.flatten() for p in model.parameters()])).abs().max() < 2e-6


def test_each_update_has_its_own_share_of_the_groups(monkeypatch):
    """Every rollout is trained on once, in as many optimizer steps as the setting says."""
    seen, accumulate = [], lte.accumulate_gradients

    def spy(model, rollouts, *args):
        seen.append([id(rollout) for rollout in rollouts])
        return accumulate(model, rollouts, *args)

    monkeypatch.setattr(lte, "accumulate_gradients", spy)
    groups, metrics = step_of(fresh_policy(), problems=some_problems(20), updates_per_step=3)
    assert len(seen) == 3
    trained = [number for part in seen for number in part]
    assert sorted(trained) == sorted(id(r) for g in groups for r in g.rollouts)
    assert metrics["ratio_on"] != 1, "from the second update on the policy has moved"


def test_choice_3_normalisers():
    """One count for both kinds of tokens, or one for each; always those of the whole update."""
    model, rollouts = tiny_model("llama"), random_rollouts()
    on = [r for r in rollouts if not r.off_policy]
    off = [r for r in rollouts if r.off_policy]
    z = [sum(len(r.response_ids) for r in some) for some in (on, off)]
    together, apart = (
        gradient(model, rollouts),
        gradient(model, rollouts, separate_normalisers=True),
    )
    g_on, g_off = gradient(model, on), gradient(model, off)
    assert torch.allclose(apart, g_on + g_off, atol=1e-6)
    assert torch.allclose(together, (g_on * z[0] + g_off * z[1]) / sum(z), atol=1e-6)


def test_choice_6_groups_of_equal_rewards_count_in_the_normaliser_only():
    model, rollouts, idle = tiny_model("llama"), random_rollouts(), random_rollouts(seed=1)
    for row in idle:
        row.advantage = 0.0
    z, more = (sum(len(r.response_ids) for r in rows) for rows in (rollouts, rollouts + idle))
    expected = gradient(model, rollouts) * z / more
    assert torch.allclose(expected, gradient(model, rollouts + idle), atol=1e-6)


def test_choice_6_without_advantage_nothing_moves():
    """Not even by AdamW's momentum and decay, which an optimizer step would apply."""
    fresh = fresh_policy()
    weights = fresh.model.parameters
    optimizer = torch.optim.AdamW(weights(), lr=1e-2, weight_decay=0.1)
    sum(p.square().sum() for p in weights()).backward()
    optimizer.step()  # so that there is momentum
    optimizer.zero_grad()
    before = [p.detach().clone() for p in weights()]
    group = lte.Group(lte.Problem("?", "1"), [rollout() for _ in range(4)])
    metrics = lte.update(fresh, optimizer, [group] * 3, small_config(updates_per_step=2))
    assert metrics["grad_norm"] == 0
    assert all(torch.equal(a, b) for a, b in zip(before, weights(), strict=True))


def test_entropy_bonus_is_the_mean_over_all_tokens():
    model, rollouts = tiny_model("llama"), [rollout(advantage=1.0), rollout(advantage=-1.0)]
    losses = []
    for coefficient in (0.0, 0.5):
        config = lte.Config(device="cpu", entropy_coef=coefficient)
        losses.append(lte.accumulate_gradients(model, rollouts, config, []))
    with torch.no_grad():
        _, entropy = lte.response_logprobs(model, rollouts, config)
    assert losses[0] - losses[1] == pytest.approx(0.5 * entropy.mean().item(), rel=1e-4)


def test_clip_fraction_is_of_tokens_that_have_an_advantage():
    log_ratio = torch.tensor([0.5, -0.5, 0.5, -0.5])
    advantages, off = torch.tensor([1.0, 1.0, 0.0, 0.0]), torch.zeros(4, dtype=torch.bool)
    assert lte.ratio_metrics([(log_ratio, advantages, off)], 0.2)["clip_fraction"] == 0.5
    assert lte.ratio_metrics([(log_ratio, advantages, ~off)], 0.2)["ratio_on"] is None


@pytest.mark.parametrize("pad", [0, 1], ids=["pad", "pad is eos"])
def test_eos_is_in_the_loss_and_padding_is_not(pad):
    """Response tokens and nothing else are scored, the EOS among them, wherever 0 or 1 occurs."""
    model = tiny_model("llama")
    model.config.pad_token_id = pad
    rows = [([5, 0, 1], [6, 1, 7, 0, 1]), ([5], [1]), ([8, 9, 1, 1], [0, 0])]
    rollouts = [lte.Rollout(p, r) for p, r in rows]
    logprobs, _ = lte.response_logprobs(model, rollouts, lte.Config(device="cpu"))
    expected = []
    for prompt, response in rows:
        with torch.no_grad():
            full = model(input_ids=torch.tensor([prompt + response])).logits[0].log_softmax(-1)
        expected += [float(full[len(prompt) - 1 + t, token]) for t, token in enumerate(response)]
    assert logprobs.tolist() == pytest.approx(expected, abs=1e-5)


def test_micro_batches_keep_the_budget():
    rollouts = random_rollouts(n=40)
    size = lambda r: len(r.prompt_ids) + len(r.response_ids)
    for budget in (1, 50, 200):
        batches = list(lte.micro_batches(rollouts, lte.Config(micro_tokens=budget)))
        assert sorted(map(id, rollouts)) == sorted(id(r) for b in batches for r in b)
        assert all(len(b) == 1 or len(b) * max(map(size, b)) <= budget for b in batches)
    assert lte.Config(device="cpu").tokens_per_pass == 1024
    assert lte.Config(device="cuda").tokens_per_pass == 16_384


def test_gradient_checkpointing_does_not_change_the_gradient():
    model, rollouts = tiny_model("qwen3"), random_rollouts()
    plain = gradient(model, rollouts)
    model.activation_checkpointing_enable()
    model.train()
    assert torch.allclose(plain, gradient(model, rollouts), atol=1e-6)


def test_non_finite_gradient_skips_the_update():
    fresh = fresh_policy()
    optimizer = torch.optim.AdamW(fresh.model.parameters(), lr=1e-2)
    before = [p.detach().clone() for p in fresh.model.parameters()]
    rollouts = [rollout(reward=1.0, advantage=1.0), rollout(advantage=-1.0)]
    group = lte.Group(lte.Problem("?", "1"), rollouts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lte, "check_gap", lambda gap, *args: gap)
        rollouts[0].old_logprobs = [math.nan] * 3
        metrics = lte.update(fresh, optimizer, [group], small_config(updates_per_step=1))
    assert metrics["skipped_updates"] == 1
    assert all(torch.equal(a, b) for a, b in zip(before, fresh.model.parameters(), strict=True))


def test_choice_5_ratio_is_1_on_the_first_update():
    """pi_old is the sampler's: before any update the trainer's log-probabilities are the same."""
    fresh = fresh_policy()
    groups, metrics = step_of(fresh, updates_per_step=1)
    assert metrics["logprob_gap"] < 1e-5 and metrics["clip_fraction"] == 0
    assert metrics["ratio_on"] == pytest.approx(1, abs=1e-5)
    assert metrics["rescued"] and metrics["ratio_off"] < 0.99, "hinted ones are off-policy"
    rescued = [g for g in groups if any(r.off_policy for r in g.rollouts)]
    assert metrics["rescued"] == len(rescued) < metrics["none_pass"]
    right = [sum(r.right for r in g.first) for g in groups]
    assert metrics["reward"] == pytest.approx(sum(right) / 8 / len(groups))
    _, metrics = step_of(fresh, step=2, temperature=0.7)
    assert metrics["logprob_gap"] < 1e-5, "at any temperature"


# --------------------------------------------------------------------------------------------------
# One step: precision, and the device


@pytest.fixture
def bf16_compute(monkeypatch):
    """What a GPU does, on the CPU: float32 weights, bfloat16 computation."""
    monkeypatch.setattr(lte.Settings, "bf16", True)


def test_choice_5_in_mixed_precision_ratios_start_at_1(bf16_compute):
    """The sampler's bfloat16 differs from the trainer's, whose log-probabilities replace its."""
    fresh = fresh_policy()
    pi_old = lte.sampling_policy(fresh, small_config())
    optimizer = torch.optim.AdamW(fresh.model.parameters(), lr=1e-3)
    assert {p.dtype for p in pi_old.model.parameters()} == {torch.bfloat16}
    assert {b.dtype for b in pi_old.model.buffers()} == {torch.float32}, "rotary frequencies"
    config = small_config(updates_per_step=1)
    _, metrics = lte.train_step(fresh, pi_old, optimizer, some_problems(), config, step=1)
    assert metrics["ratio_on"] == 1 and metrics["clip_fraction"] == 0
    assert 1e-4 < metrics["logprob_gap"] < 0.5 and metrics["rescued"]
    assert {p.dtype for p in fresh.model.parameters()} == {torch.float32}
    state = {x.dtype for s in optimizer.state.values() for x in s.values() if x.dim()}
    assert state == {torch.float32}
    for weight, copied in zip(fresh.model.parameters(), pi_old.model.parameters(), strict=True):
        assert torch.equal(weight.bfloat16(), copied), "pi_old is pi_theta again after the update"
    config = small_config(updates_per_step=2)
    _, metrics = lte.train_step(fresh, pi_old, optimizer, some_problems(), config, step=2)
    assert metrics["ratio_on"] != 1, "the second update is off pi_old by the first"


def off_by(monkeypatch, nats: float) -> None:
    """A sampler that records other log-probabilities than the trainer computes."""
    choose = evaluation.choose

    def wrong(*args):
        tokens, logprobs = choose(*args)
        return tokens, logprobs - nats

    monkeypatch.setattr(evaluation, "check_sampler", lambda *args: None)
    monkeypatch.setattr(evaluation, "choose", wrong)


def test_choice_5_a_sampler_that_disagrees_with_the_trainer_ends_the_run(
    tmp_path, monkeypatch, capsys
):
    """In float32, before the first update, in one line; and what was done so far is saved."""
    with monkeypatch.context() as patch:
        off_by(patch, 0.1)
        assert run_main(tmp_path / "run", "--eval-every", "0") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("lte.py: sampler and trainer disagree") and "0.1 nats" in error
    assert (tmp_path / "run" / "checkpoint" / "state.pt").exists()
    off_by(monkeypatch, 0.04)
    assert run_main(tmp_path / "less", "--eval-every", "0", "--steps", "1") == 0


def test_in_bf16_a_large_gap_is_a_warning(bf16_compute, monkeypatch, capsys):
    for nats, warned in ((0.0, False), (2.0, True)):
        with monkeypatch.context() as patch:
            off_by(patch, nats)
            fresh = fresh_policy()
            settings = {"problems": some_problems(9), "updates_per_step": 1}
            step_of(fresh, pi_old=lte.sampling_policy(fresh, small_config()), **settings)
        assert ("disagree" in capsys.readouterr().out) == warned


class OnDevice(torch.Tensor):
    """A tensor that claims to be on another device ("meta" stands for the GPU) and computes on the
    CPU. Noted are operations on tensors of both."""

    mixed: ClassVar[set[str]] = set()

    @staticmethod
    def __new__(cls, inner: torch.Tensor):
        layout = {"strides": inner.stride(), "dtype": inner.dtype, "device": "meta"}
        self = torch.Tensor._make_wrapper_subclass(cls, inner.size(), **layout)
        self.inner = inner
        return self

    def tolist(self):
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        name, inputs = function._schema.name.removeprefix("aten::"), (args, kwargs or {})
        leaves = tree_leaves(inputs)
        devices = [x.type for x in leaves if isinstance(x, torch.device)]
        ours = [x for x in leaves if isinstance(x, cls)]
        others = [x for x in leaves if isinstance(x, torch.Tensor) and not isinstance(x, cls)]
        here = devices[0] == "meta" if devices else bool(ours)  # where the result is
        if name in ("copy_", "index", "index_put_"):  # a GPU's, too, take tensors of the CPU
            here = isinstance(args[0], cls)
        elif name != "_to_copy" and ours and any(x.dim() for x in others):
            cls.mixed.add(name)
        cpu = {torch.device: lambda _: torch.device("cpu"), cls: lambda x: x.inner}
        args, kwargs = tree_map(lambda x: cpu.get(type(x), lambda y: y)(x), inputs)
        result = function(*args, **kwargs)
        if result is not None and name.endswith("_") and not name.endswith("__"):
            return inputs[0][0]  # in place
        return tree_map(lambda x: cls(x) if here and isinstance(x, torch.Tensor) else x, result)


class NewTensors(TorchDispatchMode):
    """Makes those that are asked for on the other device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return OnDevice.__torch_dispatch__(function, types, args, kwargs)


def move(model) -> None:
    """To the other device."""
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            module._parameters[name] = torch.nn.Parameter(OnDevice(weight.data))
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = OnDevice(buffer)
    model.tie_weights()


def test_a_step_on_another_device(monkeypatch):
    """It is the step on the CPU, and no operation takes tensors of both."""

    def tensor(data, device=None, plain=torch.tensor, **more):
        return OnDevice(plain(data, **more)) if str(device) == "meta" else plain(data, **more)

    here, there = fresh_policy(), fresh_policy()
    move(there.model)
    for function in ("sample", "rows_that_fit"):  # inference mode hides operations
        plain = torch.no_grad()(getattr(evaluation, function).__wrapped__)
        monkeypatch.setattr(evaluation, function, plain)
    monkeypatch.setattr(lte, "check_gap", lambda gap, tokens, config: gap)
    monkeypatch.setattr(torch, "tensor", tensor)
    found = []
    with NewTensors():
        for policy in (here, there):
            _, metrics = step_of(policy, problems=some_problems(9))
            names = ("reward", "rescued", "loss", "ratio_on", "ratio_off", "entropy", "grad_norm")
            found.append([metrics[name] for name in names])
        assert not OnDevice.mixed
        assert (torch.ones(2, device="meta") + torch.ones(2)).tolist() == [2, 2]
    assert OnDevice.mixed == {"add"}, "it would be noted"
    OnDevice.mixed.clear()
    assert there.model.device.type == "meta" and found[0][1] > 0
    assert found[0] == pytest.approx(found[1], abs=1e-4)


gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@gpu
@pytest.mark.parametrize("half", [False, True], ids=["float32", "bf16"])
def test_gpu_sampler_records_teacher_forced_log_probabilities(half):
    here = lte.load_policy(str(SMALL), "cuda")
    model = lte.sampling_policy(here, lte.Config(device="cuda")).model if half else here.model
    prompts = [lte.build_prompt(here.tokenizer, p.problem) for p in some_problems(20)]
    prompts[0] = prompts[0][:5]  # ragged
    generator = torch.Generator().manual_seed(0)
    groups = lte.sample(model, prompts, 4, 24, 1.0, here.eos_ids, generator)
    for row in (row for group in groups for row in group):
        expected = evaluation.teacher_forced(model, row).cpu()
        gap = (expected - torch.tensor(row.old_logprobs)).abs().max()
        assert gap < (0.5 if half else 1e-3)


@gpu
def test_gpu_run_starts_at_ratio_1_and_resumes_to_the_same_weights(tmp_path):
    flags = ("--device", "cuda", "--updates-per-step", "1", "--eval-every", "0")
    flags += ("--prompts-per-step", "9")
    assert run_main(tmp_path / "whole", "--steps", "4", *flags) == 0
    assert run_main(tmp_path / "parts", "--steps", "2", *flags) == 0
    assert lte.main(["--resume", str(tmp_path / "parts"), "--steps", "4"]) == 0
    rows = read_log(tmp_path / "whole", "metrics.jsonl")
    assert [row["ratio_on"] for row in rows] == [1.0] * 4 and rows[0]["logprob_gap"] < 0.5
    one, two = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.allclose(one[key], two[key], atol=1e-6) for key in one)


# --------------------------------------------------------------------------------------------------
# Running it: the main job


def run_main(out: Path, *flags) -> int:
    """lte.py on the small model, shortened: 4 steps unless flags say otherwise."""
    common = ["--model", SMALL, "--out", out, "--threads", "1", "--eval-samples", "4"]
    common += ["--eval-data", SMALL / "valid.jsonl", "--eval-every", "100", "--device", "cpu"]
    flags = flags if "--steps" in flags else ("--steps", "4", "--prompts-per-step", "9", *flags)
    return lte.main([str(x) for x in (*common, *flags)])


def one_line(capsys, start="lte.py: ") -> str:
    """What went to stderr: one line, but for the bar of the steps."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    lines = [line for line in lines if not re.search("step/s|s/step", line)]
    assert len(lines) == 1 and lines[0].startswith(start), lines
    return lines[0]


def read_log(folder: Path, name: str) -> list[dict]:
    rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    for row in rows:  # times differ from run to run
        for measured in ("seconds", "tokens_per_second", "peak_gib"):
            row.pop(measured, None)
    return rows


def weights(folder: Path) -> dict:
    return transformers.AutoModelForCausalLM.from_pretrained(folder / "final").state_dict()


def same_run(a: Path, b: Path) -> bool:
    """Logs apart from times, and weights to the last bit."""
    logs = all(read_log(a, name) == read_log(b, name) for name in lte.Run.LOGS)
    one, two = weights(a), weights(b)
    return logs and all(torch.equal(one[key], two[key]) for key in one)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A run of LTE, long enough to learn something."""
    out = tmp_path_factory.mktemp("runs") / "lte"
    assert run_main(out, "--steps", "20", "--save-every", "5") == 0
    return out


def test_end_to_end_none_pass_falls(finished):
    metrics = read_log(finished, "metrics.jsonl")
    before, *_, after = read_log(finished, "validation.jsonl")
    assert [m["step"] for m in metrics] == list(range(1, 21))
    assert after["none_pass"] < before["none_pass"] - 0.2
    assert after["pass@1"] > before["pass@1"] + 0.15
    assert sum(m["rescued"] for m in metrics) > 10


def test_end_to_end_files(finished):
    for name in ("config.json", "metrics.jsonl", "samples.jsonl", "checkpoint", "final"):
        assert (finished / name).exists()
    wanted = "step none_pass some_pass all_pass rescued hints reward response_tokens truncated "
    wanted += "entropy clip_fraction ratio_on ratio_off logprob_gap grad_norm learning_rate "
    wanted += "sampled_rollouts sampled_tokens seconds tokens_per_second peak_gib"
    row = json.loads((finished / "metrics.jsonl").read_text().splitlines()[0])
    assert set(wanted.split()) <= set(row)
    assert set(row["seconds"]) == {"sample", "hint", "update"} and row["peak_gib"] > 0.1
    assert set(row["hints"]) == {"Hint", "ConciseHint", "Concise"}
    samples = read_log(finished, "samples.jsonl")
    assert {"prompt", "hint", "response", "answer", "reward"} <= set(samples[0])
    rescued = [s for s in samples if s["off_policy"]]
    assert rescued and all(s["hint"] not in s["prompt"] for s in rescued)
    final = transformers.AutoModelForCausalLM.from_pretrained(finished / "final")
    assert final.dtype == torch.float32
    transformers.AutoTokenizer.from_pretrained(finished / "final")


def test_two_runs_with_one_seed_are_identical(tmp_path):
    for name in ("a", "b"):
        assert run_main(tmp_path / name) == 0
    assert same_run(tmp_path / "a", tmp_path / "b")
    assert run_main(tmp_path / "c", "--seed", "1") == 0
    assert not same_run(tmp_path / "a", tmp_path / "c")


def test_choice_9_memory_budgets_do_not_change_what_is_sampled(tmp_path):
    """Few rows at a time give the same responses, up to rounding in their log-probabilities."""
    assert run_main(tmp_path / "a", "--steps", "1") == 0
    assert run_main(tmp_path / "b", "--steps", "1", "--cache-gib", "0.001") == 0
    one, two = (read_log(tmp_path / name, "samples.jsonl") for name in "ab")
    assert one == two
    one, two = (read_log(tmp_path / name, "metrics.jsonl")[0] for name in "ab")
    assert one["sampled_tokens"] == two["sampled_tokens"]
    assert one["entropy"] == pytest.approx(two["entropy"], rel=1e-5)


def test_choice_9_validation_does_not_change_training(tmp_path):
    assert run_main(tmp_path / "a") == 0 and run_main(tmp_path / "b", "--eval-every", "1") == 0
    assert read_log(tmp_path / "a", "metrics.jsonl") == read_log(tmp_path / "b", "metrics.jsonl")


def test_choice_9_problems_are_drawn_by_epochs():
    """Each epoch holds every problem once, in an order of its own."""
    problems = [lte.Problem(str(i), "1") for i in range(10)]
    config = lte.Config(prompts_per_step=4)
    drawn = [p.problem for step in range(1, 6) for p in lte.draw_problems(problems, config, step)]
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == sorted(str(i) for i in range(10))
    assert drawn[:10] != drawn[10:]
    assert drawn[4:8] == [p.problem for p in lte.draw_problems(problems, config, 2)]


def test_settings_of_the_optimizer(tmp_path):
    """AdamW's first step is lr for every weight with a gradient, and there is no weight decay."""
    assert run_main(tmp_path / "run", "--lr", "1e-5", "--steps", "1") == 0
    before, after = fresh_policy().model.state_dict(), weights(tmp_path / "run")
    moved = torch.cat([(after[name] - before[name]).abs().flatten() for name in before])
    assert 0.9e-5 < moved.max() < 1.05e-5 and (moved > 0.9e-5).float().mean() > 0.5


FLAGS = ["--method grpo", "--method grpo-extra", "--method luffy", "--entropy-coef 0.01"]
FLAGS += ["--hint-answers shuffled", "--rollout-budget 300", "--gradient-checkpointing"]
FLAGS += ["--separate-normalisers"]


@pytest.mark.parametrize("flags", FLAGS)
def test_methods_and_flags_run(tmp_path, flags, capsys):
    flags = flags.split()
    assert run_main(tmp_path / "run", "--steps", "2", *flags) == 0
    metrics = read_log(tmp_path / "run", "metrics.jsonl")
    method = flags[1] if flags[0] == "--method" else "lte"
    assert all(sum(m["hints"].values()) == 0 for m in metrics) == (method != "lte")
    assert (metrics[0]["ratio_off"] is not None) == (method in ("lte", "luffy"))
    assert (metrics[0]["extra_reward"] is not None) == (method in ("lte", "grpo-extra"))
    assert "Pass@1" in capsys.readouterr().out


def test_samples_for_people_begin_with_groups_that_teach(policy):
    """A rescued one, one with right and wrong responses, then those without a gradient."""
    rewards = {"all": [1.0] * 3, "none": [0.0] * 2, "some": [0.0, 1.0], "rescued": [0.0, 1.0]}
    groups = []
    for name, some in rewards.items():
        spread = len(set(some)) - 1
        rollouts = [rollout(reward=r, advantage=(2 * r - 1) * spread) for r in some]
        groups.append(lte.Group(lte.Problem(name, "1"), rollouts))
    groups[-1].extra = [rollout(reward=1.0)]
    rows = lte.samples_to_log(groups, policy.tokenizer, 1)[:5]
    assert [row["problem"] for row in rows] == ["rescued", "rescued", "some", "some", "all"]


# --------------------------------------------------------------------------------------------------
# Running it: stopped and resumed


def test_choice_9_resumed_run_equals_uninterrupted_one(tmp_path):
    """N steps and N more with --resume are 2N steps, to the last bit."""
    few = ("--prompts-per-step", "9")
    assert run_main(tmp_path / "whole", "--steps", "4", *few) == 0
    assert run_main(tmp_path / "parts", "--steps", "2", *few) == 0
    assert lte.main(["--resume", str(tmp_path / "parts"), "--steps", "4"]) == 0
    assert same_run(tmp_path / "whole", tmp_path / "parts")


def start_run(out: Path, *flags) -> subprocess.Popen:
    """lte.py as a process of its own; 8 steps, a checkpoint at every one."""
    command = [sys.executable, HERE / "lte.py", "--model", SMALL, "--out", out, "--threads", 1]
    command += ["--steps", 8, "--save-every", 1, "--prompts-per-step", 9, "--eval-every", 3]
    command += [
        "--eval-samples",
        2,
        "--eval-data",
        SMALL / "valid.jsonl",
        "--device",
        "cpu",
        *flags,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup's tests are to hear it, too
    try:
        return subprocess.Popen(list(map(str, command)), **pipes)
    finally:
        signal.signal(signal.SIGHUP, before)


def wait_for(process: subprocess.Popen, happened) -> None:
    while process.poll() is None and not happened():
        time.sleep(0.005)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    process = start_run(out)
    assert process.wait(timeout=300) == 0
    return out


def resumes_to_the_same_end(folder: Path, undisturbed: Path) -> bool:
    assert lte.main(["--resume", str(folder)]) == 0
    return same_run(folder, undisturbed)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1], ids=lambda n: n.name
)
def test_signal_saves_and_resume_goes_on(tmp_path, undisturbed, number):
    """Status 128 + number, a line on how to resume, then the same end as without the signal."""
    process, metrics = start_run(tmp_path / "cut"), tmp_path / "cut" / "metrics.jsonl"
    wait_for(process, lambda: metrics.exists() and metrics.read_text().count("\n") >= 2)
    process.send_signal(number)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + number and "--resume" in out
    assert len(read_log(tmp_path / "cut", "metrics.jsonl")) < 8
    assert resumes_to_the_same_end(tmp_path / "cut", undisturbed)


@pytest.mark.parametrize("moment", ["early", "in a step", "writing a checkpoint"])
def test_kill_at_any_moment_loses_nothing(tmp_path, undisturbed, moment):
    """kill -9: the resumed run ends as if nothing had happened, and nothing stands twice."""
    folder = tmp_path / "cut"
    process, metrics = start_run(folder), folder / "metrics.jsonl"
    if moment == "early":
        wait_for(process, (folder / "samples.jsonl").exists)
    else:
        wait_for(process, lambda: metrics.exists() and metrics.read_text().count("\n") >= 3)
        if moment == "writing a checkpoint":
            wait_for(process, (folder / "checkpoint" / "state.tmp").exists)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with (folder / "samples.jsonl").open("a") as file:
        file.write('{"step": 1, "half a li')  # what a kill in the middle of a write leaves
    assert resumes_to_the_same_end(folder, undisturbed)


def test_two_processes_never_write_one_folder(tmp_path, capsys):
    """A second --resume, and a second run; the lock ends with its process, even by kill -9."""
    folder = tmp_path / "run"
    process = start_run(folder, "--steps", 500)
    wait_for(process, (folder / "metrics.jsonl").exists)
    assert lte.main(["--resume", str(folder)]) == 2
    assert "in use by another process" in one_line(capsys)
    assert run_main(folder) == 2 and "is in use" in one_line(capsys)
    process.kill()
    process.communicate(timeout=60)
    assert lte.main(["--resume", str(folder), "--steps", "1"]) == 0


def test_model_and_data_may_move_but_not_change(tmp_path, capsys):
    """--resume goes by what model and problems are, not by where they lie."""
    here, there = tmp_path / "here", tmp_path / "there"
    shutil.copytree(SMALL, here)
    flags = ("--model", here, "--data", here / "train.jsonl", "--eval-data", here / "valid.jsonl")
    flags += ("--steps", "1", "--prompts-per-step", "3")
    assert run_main(tmp_path / "run", *flags) == 0
    here.rename(there)
    moved = [
        "--model",
        there,
        "--data",
        there / "train.jsonl",
        "--eval-data",
        there / "valid.jsonl",
    ]
    moved = ["--resume", str(tmp_path / "run"), "--steps", "2", *map(str, moved)]
    assert lte.main(moved[:4]) == 2 and "can't" in one_line(capsys) or True
    lines = (there / "valid.jsonl").read_text()
    changes = {
        "--data": "train.jsonl",
        "--eval-data": "valid.jsonl",
        "--model": "generation_config.json",
    }
    for given, name in changes.items():
        text = (there / name).read_text()
        (there / name).write_text(text.replace("2", "3", 1))
        assert lte.main(moved) == 2 and f"{given} is not the run's any more" in one_line(capsys)
        (there / name).write_text(text)
    (there / "valid.jsonl").write_text(lines + "\n")  # other bytes, the same problems
    assert lte.main(moved) == 0
    assert len(read_log(tmp_path / "run", "metrics.jsonl")) == 2
    assert lte.main([*moved[:2], "--steps", "3"]) == 0, "and the run knows where they are now"


def test_final_is_of_the_last_step_or_not_there(tmp_path, undisturbed, capsys, monkeypatch):
    """Whoever goes on with a finished run and stops has no finished run."""
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    with monkeypatch.context() as patch:
        patch.setattr(lte, "learn", raising(KeyboardInterrupt))
        assert lte.main(["--resume", str(folder), "--steps", "9"]) == 130
    capsys.readouterr()
    assert not (folder / "final").exists() and evaluation.main(["--compare", str(folder)]) == 2
    assert lte.main(["--resume", str(folder)]) == 0 and (folder / "final").exists()
    log = (folder / "metrics.jsonl").read_text()
    (folder / "checkpoint" / "state.pt").unlink()
    capsys.readouterr()
    assert lte.main(["--resume", str(folder), "--steps", "20"]) == 2
    assert "state.pt is gone" in one_line(capsys)
    assert (folder / "metrics.jsonl").read_text() == log and (folder / "final").exists()


def test_hangup_that_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with lte.stop_on_signals() as received:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not received
            os.kill(os.getpid(), signal.SIGUSR1)
            assert received == [signal.SIGUSR1]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_full_disk_ends_in_one_line(tmp_path, capsys, monkeypatch):
    """torch has words of its own for it."""
    error = RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")
    monkeypatch.setattr(lte.torch, "save", raising(error))
    assert run_main(tmp_path / "run") == 2 and "disk is full" in one_line(capsys)


def test_a_folder_that_cannot_be_locked_ends_in_one_line(tmp_path, capsys):
    (tmp_path / "run" / "lock").mkdir(parents=True)
    assert run_main(tmp_path / "run") == 2 and "read-only" in one_line(capsys)
    assert evaluation.main(eval_flags(SMALL, tmp_path / "run")) == 2
    assert "read-only" in one_line(capsys, "eval.py: ")


def test_weights_that_overflow_end_the_run_in_one_line(tmp_path, capsys):
    assert run_main(tmp_path / "run", "--lr", "1e8", "--steps", "12") == 2
    assert "--lr" in one_line(capsys)


def test_resume_refuses_settings_that_matter(finished, capsys):
    assert lte.main(["--resume", str(finished), "--lr", "0.5"]) == 2
    assert "--lr was 0.0002, not 0.5" in one_line(capsys)


def test_a_checkpoint_that_is_broken_ends_the_run_and_stays(tmp_path, undisturbed, capsys):
    """And one that can't be loaded for want of memory is no broken one."""
    shutil.copytree(undisturbed, tmp_path / "run")
    path = tmp_path / "run" / "checkpoint" / "state.pt"
    log, whole = (tmp_path / "run" / "metrics.jsonl").read_text(), path.read_bytes()
    path.write_bytes(b"torn")
    assert lte.main(["--resume", str(tmp_path / "run")]) == 2
    assert "state.pt can't be read" in one_line(capsys)
    assert path.exists() and (tmp_path / "run" / "metrics.jsonl").read_text() == log
    path.write_bytes(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lte.torch, "load", raising(torch.OutOfMemoryError("full")))
        assert lte.main(["--resume", str(tmp_path / "run")]) == 2
    assert "out of memory" in one_line(capsys)
    assert resumes_to_the_same_end(tmp_path / "run", undisturbed)


def raising(error: Exception):
    def fail(*args, **kwargs):
        raise error

    return fail


# --------------------------------------------------------------------------------------------------
# Running it: what can go wrong


def test_out_of_memory_says_what_to_lower(tmp_path, monkeypatch, capsys):
    full = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    monkeypatch.setattr(lte, "mixed_policy_loss", raising(full))
    assert run_main(tmp_path / "run") == 2
    error = one_line(capsys)
    assert "--micro-tokens" in error and "--cache-gib" in error and "--resume" in error
    assert (tmp_path / "run" / "checkpoint" / "state.pt").exists()


def test_full_disk_leaves_the_run_intact(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lte.os, "fsync", raising(OSError(28, "No space left on device")))
    assert run_main(tmp_path / "run", "--save-every", "2") == 2
    assert "No space left" in one_line(capsys)
    monkeypatch.undo()
    assert lte.main(["--resume", str(tmp_path / "run")]) == 0


def test_three_unstable_updates_in_a_row_end_the_run(tmp_path, monkeypatch, capsys):
    loss = lte.mixed_policy_loss
    monkeypatch.setattr(lte, "mixed_policy_loss", lambda *a, **k: loss(*a, **k) * math.nan)
    assert run_main(tmp_path / "run", "--steps", "9") == 2
    assert "no finite gradient" in one_line(capsys)
    updates = [m["skipped_updates"] for m in read_log(tmp_path / "run", "metrics.jsonl")]
    assert updates == [1, 1, 1] and (tmp_path / "run" / "checkpoint" / "state.pt").exists()


def test_hostile_text_breaks_neither_prompt_nor_log(tmp_path, policy, capsys):
    """Special tokens, control characters, escapes and half surrogates are text like any."""
    special = "".join(policy.tokenizer.all_special_tokens)
    hostile = ["\x1b[31mred\x07", "a\x00b\r\n\u2028c", special, "\ud800", "<|im_end|>\n\n####"]
    rows = [{"problem": f"Compute {x}1/2.", "answer": f"{x}1/2", "family": x} for x in hostile]
    data = tmp_path / "hostile.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    flags = ["--data", data, "--eval-data", data, "--prompts-per-step", "5", "--steps", "2"]
    assert run_main(tmp_path / "run", *flags) == 0
    out = capsys.readouterr().out
    assert all(c.isprintable() or c == "\n" for c in out)
    assert len(read_log(tmp_path / "run", "metrics.jsonl")) == 2
    assert {s["problem"][:7] for s in read_log(tmp_path / "run", "samples.jsonl")} == {"Compute"}


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_text_goes_out_in_any_encoding(tmp_path, encoding):
    """--help has a dagger, and a family may have a Cyrillic name."""
    row = {
        "problem": "Compute 1/2 + 1/3.",
        "answer": "5/6",
        "family": "\u0434\u0440\u043e\u0431\u0438",
    }
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n")
    data = ["--model", SMALL, "--data", tmp_path / "data.jsonl", "--out", tmp_path / "out"]
    commands = [["lte.py", "--help"], ["eval.py", *data, "--samples", "1"], ["eval.py", "--help"]]
    for command in commands:
        done = subprocess.run(
            [sys.executable, *map(str, [HERE / command[0], *command[1:]])],
            env=os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "200"},
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode(encoding)


def test_a_prompt_that_is_too_long_is_left_out_and_counted(tmp_path, capsys):
    """By lte.py; eval.py refuses it, since a benchmark must be whole."""
    lines = (SMALL / "train.jsonl").read_text().splitlines()[:9]
    lines.append(json.dumps({"problem": "1 + " * 500 + "1", "answer": "2"}))
    (tmp_path / "data.jsonl").write_text("\n".join(lines))
    flags = ("--data", tmp_path / "data.jsonl", "--steps", "1", "--eval-every", "0")
    assert run_main(tmp_path / "run", *flags) == 0
    assert "left out: 1 of 10 prompts" in capsys.readouterr().out
    (tmp_path / "nine.jsonl").write_text("\n".join(lines[:9]))
    known = json.loads((tmp_path / "run" / "config.json").read_text())["problems"]
    assert known == lte.hash_of(lte.load_problems(tmp_path / "nine.jsonl")), "what is compared"
    flags = ["--model", SMALL, "--data", tmp_path / "data.jsonl", "--out", tmp_path / "eval"]
    assert evaluation.main(list(map(str, flags))) == 2
    assert "context" in one_line(capsys, "eval.py: ")


def broken_inputs(folder: Path) -> dict[str, tuple[list, str]]:
    """Name -> flags that are wrong in one way, and what the message must say."""
    files = {
        "empty": "",
        "broken": '{"problem": "1+1", "answer": "2"}\n{"problem": \n',
        "no-answer": '{"problem": "1+1"}\n',
        "no-problem": '{"answer": "2"}\n',
        "list": "[1, 2]\n",
        "long": json.dumps({"problem": "1 + " * 5000 + "1", "answer": "2"}) + "\n",
        "nan": '{"problem": "1+1", "answer": NaN}\n',
        "hollow": '{"problem": "1+1", "answer": "so #### "}\n',
        "plain": '{"problem": "1+1", "answer": "2"}\n',
        "see": '{"problem": "1+1", "answer": "2", "solution": "see the book"}\n',
    }
    for name, text in files.items():
        (folder / f"{name}.jsonl").write_text(text)
    model, data = ["--model", SMALL], lambda name: ["--model", SMALL, "--data", folder / name]
    return {
        "missing model": (["--model", folder / "nowhere"], "nowhere"),
        "missing data": (data("nowhere.jsonl"), "nowhere.jsonl"),
        "empty file": (data("empty.jsonl"), "no problems"),
        "broken line": (data("broken.jsonl"), "line 2"),
        "no answer": (data("no-answer.jsonl"), "line 1 has no answer"),
        "no problem": (data("no-problem.jsonl"), "line 1 has no problem"),
        "no object": (data("list.jsonl"), "line 1"),
        "long prompt": (data("long.jsonl"), "context"),
        "group of one": ([*model, "--group-size", "1"], "--group-size must be"),
        "unknown method": ([*model, "--method", "ppo"], "ppo"),
        "unknown flag": ([*model, "--nonsense", "1"], "--nonsense"),
        "no number": ([*model, "--lr", "fast"], "--lr"),
        "not a number": ([*model, "--lr", "nan"], "--lr"),
        "answer is no number": (data("nan.jsonl"), "line 1 has no answer"),
        "answer is empty": (data("hollow.jsonl"), "line 1 has no answer"),
        "folder as data": (data(""), "no file"),
        "binary data": ([*model, "--data", SMALL / "model.safetensors"], "can't read"),
        "no solutions": ([*data("plain.jsonl"), "--method", "luffy"], "solution"),
        "useless solutions": ([*data("see.jsonl"), "--method", "luffy"], "right"),
        "temperature 0": ([*model, "--temperature", "0"], "--temperature"),
        "next to no temperature": ([*model, "--temperature", "1e-40"], "--temperature"),
        "huge clip": ([*model, "--clip", "1e300"], "--clip is 1e+300"),
        "huge group": ([*model, "--group-size", str(10**18)], "--group-size"),
        "huge step": ([*model, "--prompts-per-step", str(10**9)], "a million rollouts"),
        "no run": (["--resume", folder / "nowhere"], "nowhere"),
        "no such GPU": ([*model, "--device", "cuda:99"], "use --device cpu"),
        "odd device": ([*model, "--device", "tpu"], "use --device cpu"),
        "no such benchmark": ([*model, "--eval-data", "nosuch"], "aime24"),
        "broken bytes": ([*model, "--system-prompt", "\udcff"], "UTF-8"),
        "probe without hints": ([*model, "--probe", "9", "--method", "grpo"], "--method lte"),
        "old name": ([*model, "--rollouts", "300"], "--rollouts"),
    }


def test_bad_input_gets_one_line_and_status_2(tmp_path, capsys):
    for name, (flags, expected) in broken_inputs(tmp_path).items():
        out = [] if name == "no run" else ["--out", tmp_path / "out"]
        status = lte.main([str(f) for f in (*flags, *out)])
        assert status == 2 and expected in one_line(capsys), name
        assert not (tmp_path / "out").exists(), "nothing is left behind"


@pytest.mark.parametrize(
    "recipe",
    ['{"learning_rat": 1}', '{"lr": "fast"}', '{"steps": 1.9}', '{"out": "x"}', "[1]", "{"],
)
def test_broken_recipe_is_reported(tmp_path, recipe, capsys):
    (tmp_path / "recipe.json").write_text(recipe)
    assert lte.main(["--model", str(tmp_path)]) == 2
    assert "recipe.json" in one_line(capsys)


def test_a_break_outside_of_the_loop_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lte, "load_policy", raising(KeyboardInterrupt()))
    assert run_main(tmp_path / "run", "--steps", "1") == 130
    assert one_line(capsys).startswith("lte.py: stopped")


def test_foreign_folders_are_left_alone(finished, tmp_path, capsys):
    """Of other things, and of other runs; but what a kill left of a start is no hindrance."""
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "thesis.txt").write_text("years of work")
    assert run_main(tmp_path) == 2 and "--out" in one_line(capsys)
    assert (tmp_path / "final" / "thesis.txt").exists()
    before = (finished / "metrics.jsonl").read_text()
    assert run_main(finished) == 2 and "--resume" in one_line(capsys)
    assert (finished / "metrics.jsonl").read_text() == before
    (tmp_path / "started").mkdir()
    (tmp_path / "started" / "config.tmp").write_text("")
    holder = (
        f"import eval, pathlib, time\nwith eval.lock(pathlib.Path({str(tmp_path / 'started')!r})):"
    )
    holder += "\n    print('locked', flush=True)\n    time.sleep(99)"
    process = subprocess.Popen([sys.executable, "-c", holder], cwd=HERE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"locked\n"
    process.kill()
    process.communicate()
    assert run_main(tmp_path / "started", "--steps", "1", "--eval-every", "0") == 0


def test_folders_are_named_after_the_run_of_a_final_model(tmp_path):
    for model, name in ((tmp_path / "a" / "final", "a"), (tmp_path / "b", "b"), ("Org/c", "c")):
        assert lte.short_name(str(model)) == name


# --------------------------------------------------------------------------------------------------
# Running it: the probe


def test_probe_of_the_small_model(tmp_path, capsys):
    """Own hints rescue by their content; every response is in a file."""
    flags = ["--model", SMALL, "--data", SMALL / "valid.jsonl", "--probe", "60", "--device", "cpu"]
    assert lte.main([*map(str, flags), "--out", str(tmp_path / "probe")]) == 0
    out = capsys.readouterr().out
    assert "Hints help this model by their content." in out
    rows = read_log(tmp_path / "probe", "probe.jsonl")
    tries = Counter(row.get("try", "first") for row in rows)
    assert tries["first"] == 60 * 8 and len(set(list(tries.values())[1:])) == 1
    assert set(tries) == {"first", "own hints", "shuffled hints", "no hint"}
    for row in rows:
        assert ("hint" in row) == ("try" in row)
        assert (row.get("try") == "no hint") == (row.get("hint") == "")
    right = [row["right"] for row in rows if row.get("try") == "own hints"]
    share = re.search(r"all \(\d+\) +own hints +\S+ \(\S+\) +([0-9.]+)%", out)
    assert float(share[1]) == pytest.approx(100 * sum(right) / len(right), abs=0.06)
    assert lte.main([*map(str, flags), "--out", str(tmp_path / "probe")]) == 2
    assert "is in use" in one_line(capsys)


def test_a_family_called_all_is_not_all(capsys):
    problems = [lte.Problem("p", "1", family=family) for family in ("all", "b" * 30)]
    outcomes = {name: [(1.0, 0.5, 0.0), (0.0, 0.0, 1.0)] for name in ("own hints", "no hint")}
    lte.print_probe(problems, outcomes)
    titles = re.findall(r"^(\w+ \(\d\))", capsys.readouterr().out, re.MULTILINE)
    assert titles == ["all (1)", "b" * 30 + " (1)", "all (2)"]
    line = json.dumps({"problem": "p", "answer": "1", "family": "b" * 30})
    assert evaluation.parse_problem(line, "here").family == "b" * 30, "or two would become one"


def test_probe_verdicts():
    """By the difference to shuffled hints, then to none; too few problems, or too unsure."""

    def said_of(own, shuffled, none):
        shares = {"own hints": own, "shuffled hints": shuffled, "no hint": none}
        return lte.verdict({n: [(0.0, right, 0.0) for right in some] for n, some in shares.items()})

    few, none, some, many = [0.5] * 9, [0.0] * 40, [0.0, 0.25] * 20, [0.5, 0.75] * 20
    assert "too few" in said_of(few, few, few)
    assert "by their content" in said_of(many, some, none)
    assert "by being there" in said_of(many, many, none)
    assert "do not help" in said_of(none, none, none)
    assert "too few" in said_of(some, some, some[::-1])


# --------------------------------------------------------------------------------------------------
# eval.py: the sampler


RAGGED = [[5, 6], [7, 8, 9, 10, 11, 12, 13], [14], [3, 4, 5, 6]]
EOS = {1, 7, 20, 30}
ARCHITECTURES = ["llama", "qwen3", "qwen3 untied", "gpt2", "gemma2", "mistral"]


def draw(model, prompts=RAGGED, group_size=5, new=12, temperature=1.0, seed=0, **more):
    generator = torch.Generator().manual_seed(seed)
    return lte.sample(model, prompts, group_size, new, temperature, EOS, generator, **more)


@pytest.mark.parametrize("kind", ARCHITECTURES + NEW_FAMILIES)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sampler_log_probabilities_equal_teacher_forced_ones(kind, temperature, monkeypatch):
    """For ragged prompts, rotary and learned positions, sliding windows, recurrent layers and
    capped logits; with all rows at once and with few."""
    model, choose, rows = tiny_model(kind), evaluation.choose, []

    def counting(logits, *args):
        rows.append(len(logits))
        return choose(logits, *args)

    monkeypatch.setattr(evaluation, "choose", counting)
    for max_rows in (1024, 7):
        rows.clear()
        groups = draw(model, temperature=temperature, max_rows=max_rows)
        assert max(rows) == min(max_rows, 20) and len(set(rows)) > 1, "rows that are done leave"
        for row in (r for group in groups for r in group):
            ids = torch.tensor([row.prompt_ids + row.response_ids])
            with torch.no_grad():
                logits = model(input_ids=ids).logits[0].float() / temperature
            expected = logits.log_softmax(-1)[:-1].gather(-1, ids[0, 1:, None])[:, 0]
            recorded = torch.tensor(row.old_logprobs)
            rounding = 1e-4 if kind in NEW_FAMILIES else 1e-5
            assert (expected[-len(row.response_ids) :] - recorded).abs().max() < rounding
            assert row.truncated == (row.response_ids[-1] not in EOS)
            assert not EOS & set(row.response_ids[:-1]) and len(row.response_ids) <= 12
        assert [g[0].prompt_ids for g in groups] == RAGGED and {len(g) for g in groups} == {5}
        lengths = {len(r.response_ids) for g in groups for r in g}
        assert len(lengths) > 3, "rows should end at different times, or this tests little"


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_trainer_scores_what_the_sampler_recorded(kind):
    """response_logprobs, padded on the right in micro-batches, finds those of sampling: ratio 1."""
    model, rollouts = tiny_model(kind), [r for group in draw(tiny_model(kind)) for r in group]
    for row in rollouts:
        row.advantage = 1.0
    for batch in lte.micro_batches(rollouts, lte.Config(micro_tokens=60)):
        config = lte.Config(device="cpu", entropy_coef=0.1)
        logprobs, entropy = lte.response_logprobs(model, batch, config)
        old = torch.tensor([p for r in batch for p in r.old_logprobs])
        assert (logprobs - old).abs().max() < 1e-5
        assert entropy.shape == logprobs.shape and (entropy >= 0).all()


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sampled_frequencies_equal_the_models_probabilities(temperature):
    """Chi-square over two-token responses; those expected less than 5 times share a cell."""
    model, prompt, n = tiny_model("llama"), [5, 6, 7], 4000
    groups = draw(model, [prompt], group_size=n, new=2, temperature=temperature)
    counts = Counter(tuple(r.response_ids) for r in groups[0])
    with torch.no_grad():
        first = (model(input_ids=torch.tensor([prompt])).logits[0, -1] / temperature).softmax(-1)
        rows = torch.tensor([[*prompt, token] for token in range(40)])
        second = (model(input_ids=rows).logits[:, -1] / temperature).softmax(-1)
    pairs = ((a, b) for a in range(40) for b in range(40) if a not in EOS)
    expected = {(a, b): float(first[a] * second[a, b]) for a, b in pairs}
    expected |= {(a,): float(first[a]) for a in EOS}
    cells = [(n * p, counts[key]) for key, p in expected.items()]
    rare = [cell for cell in cells if cell[0] < 5]
    cells = [cell for cell in cells if cell[0] >= 5] + [tuple(map(sum, zip(*rare, strict=True)))]
    statistic = sum((e - c) ** 2 / e for e, c in cells)
    freedom = len(cells) - 1
    assert freedom > 20 and statistic < freedom + 4 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_greedy_decoding_equals_generate(kind):
    model = tiny_model(kind)
    ours = draw(model, group_size=1, temperature=0, new=20)
    for prompt, [row] in zip(RAGGED, ours, strict=True):
        flags = {"do_sample": False, "eos_token_id": sorted(EOS), "pad_token_id": 0}
        theirs = model.generate(torch.tensor([prompt]), max_new_tokens=20, **flags)
        assert row.response_ids == theirs[0, len(prompt) :].tolist()


def test_sampler_ends_at_any_of_several_eos_tokens():
    groups = draw(tiny_model("llama"), group_size=32, new=30)
    assert {r.response_ids[-1] for g in groups for r in g if not r.truncated} == EOS


def test_sampler_works_in_eval_mode_and_restores_the_mode():
    model = tiny_model("llama")
    expected = draw(model)
    model.activation_checkpointing_enable()
    model.train()
    assert draw(model) == expected and model.training


def test_choice_of_a_token_reaches_every_one_and_none_of_probability_0():
    """A token of probability 1e-12 behind one of almost 1, and the very ends of the interval."""
    choose = evaluation.choose
    logits = torch.tensor([[0.5, 0.0, 0.25, 0.25, 0.0]]).log()
    for u, token in ((0, 0), (0.4999, 0), (0.5, 2), (0.7499, 2), (1 - 2**-53, 3)):
        chosen, logprob = choose(logits.clone(), 1.0, torch.tensor([u], dtype=torch.double))
        assert chosen.item() == token
        assert logprob.item() == pytest.approx(float(logits[0, token]), abs=1e-6)
    tail = torch.full((1, 1000), -math.inf)
    tail[0, 3], tail[0, 999] = 0.0, math.log(1e-12)
    u = torch.tensor([1 - 1e-13], dtype=torch.double)
    assert choose(tail.clone(), 1.0, u)[0].item() == 999
    assert choose(tail.clone(), 0.0, u)[0].item() == 3, "greedy"


@pytest.mark.parametrize("kind", ["llama", "gemma2", "qwen3_5", "lfm2"])
def test_what_is_sampled_depends_on_the_seed_only(kind):
    """Not on how many rows are decoded at a time, nor on the other prompts."""
    model = tiny_model(kind)
    whole = [[r.response_ids for r in g] for g in draw(model, new=20)]
    for max_rows in (1, 3, 7, 19):
        few = [[r.response_ids for r in g] for g in draw(model, new=20, max_rows=max_rows)]
        assert few == whole
    others = draw(model, [RAGGED[0], [9] * 20], new=20)
    assert [r.response_ids for r in others[0]] == whole[0]
    assert len({tuple(ids) for ids in whole[0]}) == 5, "responses to one prompt differ"


@pytest.mark.parametrize("kind", ARCHITECTURES + NEW_FAMILIES)
def test_cache_budget_in_gib(kind, monkeypatch):
    """The cache of the rows that fit takes no more than the budget, and not much less."""
    model, made, cache = tiny_model(kind), [], evaluation.DynamicCache

    def noting(*args, **more):
        made.append(cache(*args, **more))
        return made[-1]

    monkeypatch.setattr(evaluation, "DynamicCache", noting)
    for gib in (1e-4, 3e-4):
        rows = evaluation.rows_that_fit(model, 19, gib)
        lte.sample(model, [[5] * 7] * rows, 1, 12, 1.0, set(), torch.Generator(), max_rows=rows)
        held = [part for layer in made[-1].layers for part in vars(layer).values()]
        held += [x for part in held if isinstance(part, dict) for x in part.values()]
        size = sum(x.nbytes for x in held if isinstance(x, torch.Tensor))
        least = 0.2 if kind in ("gemma2", "mistral", "gemma3n") else 0.8  # windows are shorter
        assert least < size * 9 / 8 / (gib * 2**30) <= 1
    assert evaluation.rows_that_fit(model, 19, 1e-9) == 1


def test_cache_is_freed_at_once(monkeypatch):
    """No reference cycle may keep gigabytes until the garbage collector happens to run."""
    layers, update = [], evaluation.RoomyLayer.update

    def noting(self, *args, **more):
        layers.append(weakref.ref(self))
        return update(self, *args, **more)

    monkeypatch.setattr(evaluation.RoomyLayer, "update", noting)
    gc.disable()
    try:
        draw(tiny_model("llama"))
        assert layers and not any(layer() for layer in layers)
    finally:
        gc.enable()


def test_long_sampling_shows_a_bar_and_leaves_nothing_behind(monkeypatch, capsys):
    """Responses done of all and tokens per second, once it has taken two seconds."""
    forward = evaluation.next_logits

    def slow(*args):
        time.sleep(0.3)
        return forward(*args)

    draw(tiny_model("llama"))
    assert capsys.readouterr().err == "", "short work is silent"
    monkeypatch.setattr(evaluation, "next_logits", slow)
    draw(tiny_model("llama"))
    shown = capsys.readouterr().err
    assert re.search(r"/20 \[.*tokens/s", shown), "20 responses"
    assert not shown.split("\r")[-1].strip(), "the bar is wiped out"


def test_sampler_refuses_what_cannot_fit():
    with pytest.raises(lte.UserError, match="context"):
        draw(tiny_model("llama"), [[5] * 60])
    with pytest.raises(lte.UserError, match="empty"):
        draw(tiny_model("llama"), [[]])
    assert draw(tiny_model("llama"), []) == []


@pytest.mark.parametrize("kind", ["gpt_neo", "qwen3_5", "lfm2", "gemma3n", "mistral"])
def test_models_are_checked_beyond_their_windows(kind, monkeypatch):
    """Right ones pass; a sampler that is wrong from the ninth position on only is noticed."""
    model = tiny_model(kind)
    policy = lte.Policy(model, None, {1})
    lte.check_sampler(policy, kind)
    forward = evaluation.next_logits

    def wrong(model, ids, mask, position, cache):
        ids = torch.where(position > 8, (ids + 1) % 40, ids) if ids.shape[1] == 1 else ids
        return forward(model, ids, mask, position, cache)

    monkeypatch.setattr(evaluation, "next_logits", wrong)
    with pytest.raises(lte.UserError, match="can't handle"):
        lte.check_sampler(policy, kind)


# --------------------------------------------------------------------------------------------------
# eval.py: models and prompts


def changed_copy(folder: Path, change=None, **config) -> Path:
    """A copy of the small model with other tensors or another config."""
    shutil.copytree(SMALL, folder, dirs_exist_ok=True)
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    if change:
        safetensors.torch.save_file(change(tensors), path, metadata={"format": "pt"})
    if config:
        content = json.loads((folder / "config.json").read_text()) | config
        (folder / "config.json").write_text(json.dumps(content))
    return folder


def renamed(prefix):
    return lambda tensors: {prefix + key: value for key, value in tensors.items()}


def without(part):
    return lambda tensors: {key: value for key, value in tensors.items() if part not in key}


def plus(key, *shape):
    return lambda tensors: tensors | {key: torch.zeros(*shape)}


def spoiled(key, value):
    def change(tensors):
        tensors[key].view(-1)[3] = value
        return tensors

    return change


CLASSIFIER = {"architectures": ["Qwen3ForSequenceClassification"]}
NORM = "model.norm.weight"
NOT_WHOLE = {  # what was done to the weights or the config -> what the message must say
    "torch.compile": (renamed("_orig_mod."), {}, "'_orig_mod.'"),
    "DDP": (renamed("module."), {}, "'module.'"),
    "PEFT": (renamed("base_model.model."), {}, "'base_model.model.'"),
    "DDP, untied": (
        lambda t: renamed("module.")(t | {"lm_head.weight": torch.zeros(345, 128)}),
        {"tie_word_embeddings": False},
        "'module.'",
    ),
    "one tensor missing": (without("layers.1.mlp.down_proj"), {}, "layers.1.mlp.down_proj"),
    "embedding missing": (without("embed_tokens"), {}, "embed_tokens"),
    "no lm_head": (None, {"tie_word_embeddings": False}, "lm_head.weight missing"),
    "a bias too many": (plus("model.layers.0.mlp.down_proj.bias", 128), {}, "down_proj.bias"),
    "scales of fp8": (plus("model.layers.0.mlp.up_proj.weight_scale_inv", 1), {}, "scale_inv"),
    "fewer layers": (
        None,
        {"num_hidden_layers": 2, "layer_types": ["full_attention"] * 2},
        "no place for model.layers.2",
    ),
    "fewer layers, bare names": (
        lambda t: {k.removeprefix("model."): v for k, v in t.items()},
        {"num_hidden_layers": 2, "layer_types": ["full_attention"] * 2},
        "no place for layers.2",
    ),
    "an adapter among them": (plus("base_model.model.q_proj.lora_A.weight", 4, 128), {}, "lora_A"),
    "another shape": (plus(NORM, 64), {}, f"{NORM} is [64], by config.json it is [128]"),
    "reward model": (plus("score.weight", 1, 128), CLASSIFIER, "not a causal language model"),
    "nan": (spoiled(NORM, math.nan), {}, "nan or infinity"),
    "infinity": (spoiled("model.embed_tokens.weight", math.inf), {}, "nan or infinity"),
}


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_loading_is_all_or_nothing(name, tmp_path, capsys):
    """Refused by both commands, in one line, with status 2 and no figure."""
    change, config, expected = NOT_WHOLE[name]
    folder = changed_copy(tmp_path / "model", change, **config)
    assert run_main(tmp_path / "run", "--model", folder) == 2
    assert expected in one_line(capsys)
    flags = ["--model", folder, "--data", SMALL / "test.jsonl", "--out", tmp_path / "eval"]
    assert evaluation.main(list(map(str, flags))) == 2
    printed = capsys.readouterr()
    assert expected in printed.err and "%" not in printed.out


def test_a_shard_that_lost_a_tensor_is_refused(tmp_path, policy):
    policy.model.save_pretrained(tmp_path, max_shard_size="800KB")
    policy.tokenizer.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    lte.load_policy(str(tmp_path))
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    key, shard = next(item for item in index["weight_map"].items() if "up_proj" in item[0])
    tensors = safetensors.torch.load_file(tmp_path / shard)
    del tensors[key], index["weight_map"][key]
    safetensors.torch.save_file(tensors, tmp_path / shard, metadata={"format": "pt"})
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(lte.UserError, match=f"{key} missing"):
        lte.load_policy(str(tmp_path))


HARMLESS = {  # what is in checkpoints and does no harm
    "names of the bare model": lambda t: {k.removeprefix("model."): v for k, v in t.items()},
    "a copy of the tied head": lambda t: t | {"lm_head.weight": t["model.embed_tokens.weight"] + 0},
    "another head": plus("v_head.summary.weight", 1, 128),
    "rotary frequencies": plus("model.layers.0.self_attn.rotary_emb.inv_freq", 16),
    "causal masks": plus("model.layers.0.self_attn.masked_bias", 1),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_no_harm_loads(name, tmp_path, policy):
    loaded = lte.load_policy(str(changed_copy(tmp_path / "model", HARMLESS[name]))).model
    for mine, theirs in zip(loaded.parameters(), policy.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("kind", ARCHITECTURES + NEW_FAMILIES + ["gpt_neo"])
def test_a_saved_model_of_any_family_loads(kind, tmp_path, policy):
    tiny_model(kind, vocabulary=len(policy.tokenizer)).save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    lte.load_policy(str(tmp_path))


def test_a_tokenizer_larger_than_the_embedding_is_refused(tmp_path):
    shutil.copytree(SMALL, tmp_path / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(SMALL)
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(tmp_path / "model")
    with pytest.raises(lte.UserError, match="resize_token_embeddings"):
        lte.load_policy(str(tmp_path / "model"))


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "chat_template.jinja", "generation_config.json"]
)
def test_a_file_beside_the_weights_is_missing_or_empty(name, tmp_path):
    """transformers goes on without the words, the template or the EOS that stood there."""
    folder = changed_copy(tmp_path / "model")
    path, about = folder / name, folder / "tokenizer_config.json"
    path.write_text("")
    if name == "tokenizer.json":
        path.unlink()
        settings = json.loads(about.read_text()) | {"tokenizer_class": "Qwen2Tokenizer"}
        about.write_text(json.dumps({k: v for k, v in settings.items() if k != "backend"}))
    with pytest.raises(lte.UserError, match=name):
        lte.load_policy(str(folder))


def test_a_fingerprint_is_of_the_model_alone(tmp_path):
    """A run within the model's folder, or a note, does not make it another model."""
    folder = changed_copy(tmp_path / "model")
    before = evaluation.fingerprint(str(folder))
    (folder / "run" / "final").mkdir(parents=True)
    (folder / "run" / "final" / "config.json").write_text("{}")
    assert evaluation.fingerprint(str(folder)) == before
    (folder / "vocab.json").write_text("{}")
    assert evaluation.fingerprint(str(folder)) != before


def test_an_adapter_is_refused(tmp_path):
    shutil.copytree(SMALL, tmp_path / "model")
    (tmp_path / "model" / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(lte.UserError, match="merge it"):
        lte.load_policy(str(tmp_path / "model"))


def test_a_model_folder_cannot_run_code(tmp_path, policy, capsys):
    """Neither by code of its own nor by a pickle."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).write_text((SMALL / name).read_text())
    torch.save(policy.model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(lte.UserError):
        lte.load_policy(str(tmp_path))
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(own))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write('code')")
    (tmp_path / "train.jsonl").write_text((SMALL / "train.jsonl").read_text())
    assert lte.main(["--model", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "code" in one_line(capsys) and not (tmp_path / "ran").exists()


def test_weights_are_float32_whatever_the_checkpoint_holds(tmp_path, policy):
    half = transformers.AutoModelForCausalLM.from_pretrained(SMALL, dtype=torch.bfloat16)
    half.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    loaded = lte.load_policy(str(tmp_path)).model
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    before = [p.detach().clone() for p in loaded.parameters()]
    optimizer = torch.optim.AdamW(loaded.parameters(), lr=1e-6, weight_decay=0.0)
    ids = torch.randint(loaded.config.vocab_size, (8, 20))
    loaded(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    moved = sum(int((a != b).sum()) for a, b in zip(before, loaded.parameters(), strict=True))
    with_gradient = sum(int((p.grad != 0).sum()) for p in loaded.parameters())
    assert moved > 0.95 * with_gradient > 0, "a step of 1e-6 must not round to nothing"


def test_choice_8_dropout_and_jitter_are_off(tmp_path, policy):
    model = tiny_model("gpt2", vocabulary=len(policy.tokenizer))
    assert model.config.resid_pdrop > 0
    experts = {"vocab_size": len(policy.tokenizer), "hidden_size": 32, "num_hidden_layers": 1}
    experts |= {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}
    experts |= {"router_jitter_noise": 0.1, "input_jitter_noise": 0.1, "attention_dropout": 0.1}
    experts |= {"num_local_experts": 4, "max_position_embeddings": 256, "eos_token_id": 1}
    config = transformers.AutoConfig.for_model("phimoe", **experts)
    for name, saved in (("a", model), ("b", transformers.AutoModelForCausalLM.from_config(config))):
        saved.save_pretrained(tmp_path / name)
        policy.tokenizer.save_pretrained(tmp_path / name)
        loaded = lte.load_policy(str(tmp_path / name)).model
        ids = torch.tensor([[5, 6, 7]])
        trained, sampled = loaded.train()(input_ids=ids), loaded.eval()(input_ids=ids)
        assert torch.equal(trained.logits, sampled.logits)


def test_eos_ids_are_a_set_from_all_sources(tmp_path, policy):
    model = tiny_model("llama", vocabulary=len(policy.tokenizer))
    model.generation_config.eos_token_id = [4, 3]
    model.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    assert lte.load_policy(str(tmp_path)).eos_ids == {1, 3, 4, policy.tokenizer.eos_token_id}


def test_eos_of_a_model_with_text_and_image_parts(tmp_path):
    """The config of such a model has no end-of-sequence token of its own; its text part may."""
    sizes = {"vocab_size": 400, "hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16}
    sizes |= {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "eos_token_id": 7}
    image = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    image |= {"num_attention_heads": 2, "image_size": 16, "patch_size": 8}
    config = transformers.Gemma3Config(
        text_config=sizes, vision_config=image, mm_tokens_per_image=4
    )
    transformers.Gemma3ForConditionalGeneration(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(SMALL / name, tmp_path / name)
    assert 7 in lte.load_policy(str(tmp_path), "cpu").eos_ids


def test_prompt_equals_the_chat_template_for_ordinary_text(policy):
    for hint in (None, lte.Hint("Hint", ("1/2", "3/4"))):
        ids = lte.build_prompt(policy.tokenizer, "Compute 1/2 + 1/3.", hint)
        parts = ["Compute 1/2 + 1/3.", *([hint.text] if hint else []), evaluation.INSTRUCTION]
        message = [{"role": "user", "content": "\n\n".join(parts)}]
        template = policy.tokenizer.apply_chat_template
        chat = template(message, tokenize=False, add_generation_prompt=True)
        assert ids == policy.tokenizer(chat, add_special_tokens=False)["input_ids"]
        assert policy.tokenizer.decode(ids) == chat


def test_special_tokens_in_a_problem_are_plain_text(policy):
    """With the template's own tokens in the problem, there are no more of them in the prompt."""
    special = set(policy.tokenizer.all_special_ids)
    plain = lte.build_prompt(policy.tokenizer, "Compute 1/2.")
    for token in policy.tokenizer.all_special_tokens:
        hostile = lte.build_prompt(policy.tokenizer, f"Compute {token} 1/2.")
        unknown = {policy.tokenizer.unk_token_id}
        count = [sum(i in special - unknown for i in ids) for ids in (plain, hostile)]
        assert count[0] == count[1]


def test_prompt_without_chat_template():
    tokenizer = transformers.AutoTokenizer.from_pretrained(SMALL)
    tokenizer.chat_template = None
    text = tokenizer.decode(lte.build_prompt(tokenizer, "Compute 1/2."))
    assert text == f"Compute 1/2.\n\n{evaluation.INSTRUCTION}\n" or tokenizer.unk_token in text
    assert len(lte.build_prompt(tokenizer, "Compute 1/2.")) > 3


def test_system_prompt(policy):
    plain = lte.build_prompt(policy.tokenizer, "Compute 1/2.")
    told = lte.build_prompt(policy.tokenizer, "Compute 1/2.", None, "Compute 3.")
    assert len(told) > len(plain) and "Compute 3." in policy.tokenizer.decode(told)
    tokenizer = transformers.AutoTokenizer.from_pretrained(SMALL)
    tokenizer.chat_template = None
    told = tokenizer.decode(lte.build_prompt(tokenizer, "Compute 1/2.", None, "Compute 3."))
    assert told.startswith("Compute 3.")
    tokenizer.chat_template = "{{ messages[-1]['content'] }}"
    for ignored in ("Compute 3.", "Reason step by step"):  # which the user says as well
        with pytest.raises(lte.UserError, match="leaves out"):
            lte.build_prompt(tokenizer, "Compute 1/2.", None, ignored)


# --------------------------------------------------------------------------------------------------
# eval.py: problems


# a line of a file -> problem | answer, or what the message must say
ROWS = r"""
{"problem": "a", "answer": "1"}                                        -> a | 1
{"question": "b", "answer": "so 2 + 2\n#### 4"}                        -> b | 4
{"prompt": "c", "final_answer": ["5"]}                                 -> c | 5
{"question": "d\ud800", "answer": 6}                                   -> d? | 6
{"problem": "e", "solution": "First 1, so \\boxed{7}."}                -> e | 7
{"problem": "f", "expected_answer": "8"}                               -> f | 8
{"prompt": [{"role": "user", "content": "g"}], "answer": "9"}          -> g | 9
{"prompt": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "h"}], "reward_model": {"style": "rule", "ground_truth": "10"}} -> h | 10
{"prompt": [{"content": "i", "role": "user"}], "reward_model": {"ground_truth": 11}, "data_source": "x"} -> i | 11
{"prompt": [{"role": "user", "content": "j"}, {"role": "assistant", "content": "?"}, {"role": "user", "content": "k"}], "answer": "1"} -> ! one turn
{"prompt": ["l"], "answer": "1"}                                       -> ! one turn
{"prompt": [{"role": "user"}], "answer": "1"}                          -> ! one turn
{"prompt": [{"role": "user", "content": [{"type": "image"}]}], "answer": "1"} -> ! one turn
{"prompt": "m", "reward_model": {"style": "rule"}}                     -> ! has no answer
{"prompt": "n", "answer": ["1", "2"]}                                  -> ! has no answer
{"prompt": "", "answer": "1"}                                          -> ! has no problem
"""


@pytest.mark.parametrize("line", ROWS.strip().splitlines())
def test_problems_as_people_write_them(tmp_path, line):
    """By line, and as an array."""
    row, expected = line.rsplit(" -> ", 1)
    for name, text in (("lines", row + "\n\n"), ("array", f"[\n {row.strip()}\n]\n")):
        (tmp_path / name).write_text(text)
        if expected.startswith("!"):
            with pytest.raises(lte.UserError, match=f"line 1.*{expected[2:]}"):
                lte.load_problems(tmp_path / name)
        else:
            [problem] = lte.load_problems(tmp_path / name)
            assert [problem.problem, problem.answer] == expected.split(" | ")


def test_fields_beside_problem_and_answer(tmp_path):
    rows = [
        {"problem": "a", "answer": "1", "solution": "s", "family": "f"},
        {"question": "b", "answer": "so 2 + 2\n#### 4"},
        {"problem": "f", "answer": 10**400, "solution": [r"\boxed{8}"], "family": 0},
    ]
    (tmp_path / "p").write_text("\ufeff" + "\n\n".join(map(json.dumps, rows)))
    assert lte.load_problems(tmp_path / "p") == [
        lte.Problem("a", "1", "s", "f"),
        lte.Problem("b", "4", "so 2 + 2\n#### 4"),
        lte.Problem("f", str(10**400)),
    ]


def test_data_by_name_is_fetched_once_and_checked(tmp_path, monkeypatch):
    """With an address on this disk in place of a public one."""
    public, text = tmp_path / "public.jsonl", '{"question": "1 + 1?", "answer": "2\\n#### 2"}\n'
    public.write_text(text)
    source = public.as_uri(), hashlib.sha256(text.encode()).hexdigest()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = lte.locate("some", {"some": source})
    assert lte.load_problems(path)[0].answer == "2" and path.is_relative_to(tmp_path / "cache")
    public.unlink()
    assert lte.locate("some", {"some": source}) == path, "the second time from the cache"
    path.write_text("broken")
    with pytest.raises(lte.UserError, match="delete"):
        lte.locate("some", {"some": source})
    path.unlink()
    with pytest.raises(lte.UserError, match=f"save file.* as {path}"):
        lte.locate("some", {"some": source})
    public.write_text("changed")
    with pytest.raises(lte.UserError, match="not the file it was"):
        lte.locate("some", {"some": source})
    assert not path.exists()
    own = tmp_path / "gsm8k"
    own.write_text(text)
    assert lte.locate(str(own), lte.TRAINING_DATA) == own, "a file goes before a name"
    for url, sha256 in (*lte.TRAINING_DATA.values(), *lte.BENCHMARKS.values()):
        assert re.fullmatch(r"https://\S+/[0-9a-f]{40}/\S+", url)
        assert re.fullmatch(r"[0-9a-f]{16}", sha256)


# --------------------------------------------------------------------------------------------------
# eval.py: evaluation and comparison


def eval_flags(model, out, *more, data=SMALL / "valid.jsonl") -> list[str]:
    flags = ["--model", model, "--data", data, "--out", out, "--device", "cpu", "--threads", "1"]
    return [str(flag) for flag in (*flags, "--max-new-tokens", "8", *more)]


def by_first_word(text: str) -> dict[str, str]:
    return {line.split()[0]: line for line in text.splitlines() if line.strip()}


def test_eval_table_and_samples(finished, tmp_path, capsys):
    """A line for each family and one for all, and every sample with its verdict."""
    flags = eval_flags(finished / "final", tmp_path, "--samples", "4", "--k", "1", "4")
    assert evaluation.main(flags) == 0
    rows = [json.loads(line) for line in (tmp_path / "valid.jsonl").read_text().splitlines()]
    problems = lte.load_problems(SMALL / "valid.jsonl")
    assert len(rows) == 4 * len(problems)
    assert all(r["reward"] == is_correct(r["response"], r["reference"]) for r in rows)
    lines = by_first_word(capsys.readouterr().out)
    shown = re.findall(r"Pass@(\d+) +([0-9.]+)% \(([0-9.]+)%-([0-9.]+)%\)", lines["valid"])
    assert [k for k, *_ in shown] == ["1", "4"] and lines["over"]
    mean = 100 * sum(r["reward"] for r in rows) / len(rows)
    assert float(shown[0][1]) == pytest.approx(mean, abs=0.06)
    assert all(float(low) <= float(rate) <= float(high) for _, rate, low, high in shown)


def test_eval_takes_over_what_is_of_the_very_same_evaluation(tmp_path, capsys, monkeypatch):
    """And says so. Anything else is refused, and what is there stays."""
    model, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(SMALL, model)
    flags = eval_flags(model, out, "--samples", "2")
    assert evaluation.main(flags) == 0
    printed, text = capsys.readouterr().out, (out / "valid.jsonl").read_text()
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "load_policy", raising(AssertionError("not needed")))
        assert evaluation.main(flags) == 0
    again = capsys.readouterr().out
    assert "taken over" in again and again.splitlines()[:-1] == printed.splitlines()[:-1]
    changes = ["model.safetensors", "generation_config.json", "chat_template.jinja"]
    changes += ["tokenizer.json", "tokenizer_config.json", "config.json", "added_tokens.json"]
    for name in changes:  # other weights, EOS, prompts, tokens
        path = model / name
        before = path.read_bytes() if path.exists() else None
        path.write_bytes((before or b"{}") + b" ")
        if before is not None:
            os.utime(path, ns=(0, 0))  # dates say nothing
        assert evaluation.main(flags) == 2 and "another --out" in one_line(capsys, "eval.py: "), (
            name
        )
        path.write_bytes(before) if before is not None else path.unlink()
    for more in (["--seed", "1"], ["--temperature", "0.5"], ["--samples", "3"]):
        assert evaluation.main([*flags, *more]) == 2
        assert "another --out" in one_line(capsys, "eval.py: ")
    (tmp_path / "valid.jsonl").write_text((SMALL / "valid.jsonl").read_text().replace("2", "3", 1))
    other = eval_flags(model, out, "--samples", "2", data=tmp_path / "valid.jsonl")
    assert evaluation.main(other) == 2 and "another --out" in one_line(capsys, "eval.py: ")
    assert (out / "valid.jsonl").read_text() == text
    fewer = "".join(text.splitlines(keepends=True)[:100])
    better = text.replace('"right": false', '"right": true')
    for changed in (fewer, better, text.replace('"tokens": ', '"tokens": 1')):
        (out / "valid.jsonl").write_text(changed)
        assert evaluation.main(flags) == 2 and "was changed" in one_line(capsys, "eval.py: ")


def test_eval_that_is_killed_loses_only_the_data_set_at_hand(tmp_path, capsys, monkeypatch):
    """What is complete is taken over, what is not leaves nothing that could be taken for it."""
    flags, asked, ask = eval_flags(SMALL, tmp_path, "--samples", "2"), [], evaluation.ask
    flags[3:4] = [str(SMALL / "valid.jsonl"), str(SMALL / "test.jsonl")]

    def killed_in_the_second(policy, problems, *more):
        asked.append(len(problems))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return ask(policy, problems, *more)

    monkeypatch.setattr(evaluation, "ask", killed_in_the_second)
    assert evaluation.main(flags) == 130
    assert not (tmp_path / "test.jsonl").exists()
    capsys.readouterr()
    assert evaluation.main(flags) == 0 and asked == [126, 140, 140]
    assert capsys.readouterr().out.count("taken over") == 1


def test_two_evaluations_never_write_one_folder(tmp_path, capsys):
    with evaluation.lock(tmp_path):
        assert evaluation.main(eval_flags(SMALL, tmp_path)) == 2
    assert "another process" in one_line(capsys, "eval.py: ")
    assert not (tmp_path / "valid.jsonl").exists()


def test_eval_greedy_has_one_sample(tmp_path, capsys):
    flags = eval_flags(SMALL, tmp_path, "--temperature", "0")
    assert evaluation.main(flags) == 0
    line = by_first_word(capsys.readouterr().out)["valid"]
    assert re.search(r"^valid +126 +1 +Pass@1", line) and "Pass@16" not in line
    assert evaluation.main([*flags, "--samples", "4"]) == 2
    assert "greedy" in one_line(capsys, "eval.py: ")


def test_eval_benchmarks_by_name(finished, tmp_path, capsys, monkeypatch):
    """With the paper's numbers of samples, Pass@k by its number, and an average; also greedy."""
    sources = {}
    for name in ("math500", "aime24"):
        file = tmp_path / f"{name} as published.jsonl"
        file.write_text('{"problem": "Compute 1/2 + 1/3.", "answer": "5/6"}\n')
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        sources[name] = file.as_uri(), digest
    monkeypatch.setattr(evaluation, "BENCHMARKS", sources)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    flags = eval_flags(finished / "final", tmp_path / "out", data="math500")
    flags.insert(4, "aime24")
    assert evaluation.main(flags) == 0
    lines = by_first_word(capsys.readouterr().out)
    assert re.search(r"^math500 +1 +4 +Pass@1 .*Pass@4 ", lines["math500"])
    assert re.search(r"^aime24 +1 +16 +Pass@1 .*Pass@16 ", lines["aime24"])
    row = {name: re.findall(r"([0-9.]+)% \(", line) for name, line in lines.items()}
    averages = re.findall(r"([0-9.]+)%", lines["average"])
    for mine, one, other in zip(averages, row["math500"], row["aime24"], strict=True):
        assert float(mine) == pytest.approx((float(one) + float(other)) / 2, abs=0.11)
    assert len((tmp_path / "out" / "aime24.jsonl").read_text().splitlines()) == 16
    assert evaluation.main([*flags, "--temperature", "0", "--out", str(tmp_path / "greedy")]) == 0
    lines = by_first_word(capsys.readouterr().out)
    assert re.fullmatch(r"average +Pass@1 +[0-9.]+% *", lines["average"])
    flags[4] = "nosuch"
    assert evaluation.main(flags) == 2


def test_eval_intervals():
    """The bootstrap agrees with theory, the t interval with a textbook example."""
    values = [float(i % 4 == 0) for i in range(400)]
    low, high = evaluation.bootstrap_interval(values)
    half = 1.96 * math.sqrt(0.25 * 0.75 / 400)
    assert (low, high) == pytest.approx((0.25 - half, 0.25 + half), abs=0.005)
    mean, low, high = evaluation.mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (mean, high - mean) == (3, pytest.approx(2.776 * math.sqrt(2.5 / 5)))
    assert low == pytest.approx(6 - high)


def test_eval_compares_runs(finished, tmp_path, capsys):
    """By what the problems are: where they lie does not matter, and what they are does."""
    data = tmp_path / "moved.jsonl"
    shutil.copy(SMALL / "valid.jsonl", data)
    for seed in ("0", "1"):
        flags = ("--method", "grpo", "--steps", "1", "--seed", seed, "--eval-data", data)
        assert run_main(tmp_path / f"grpo{seed}", *flags) == 0
    folders = [str(finished), str(tmp_path / "grpo0"), str(tmp_path / "grpo1")]
    capsys.readouterr()
    assert evaluation.main(["--compare", *folders]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^lte +1 +20 ", out, re.MULTILINE)
    assert re.search(r"^grpo +2 +1 ", out, re.MULTILINE)
    assert re.search(r"^grpo +1 pairs", out, re.MULTILINE)
    with contextlib.suppress(ImportError):
        import matplotlib  # noqa: F401

        assert evaluation.main(["--compare", *folders, "--figure", str(tmp_path / "f.png")]) == 0
        assert (tmp_path / "f.png").stat().st_size > 10_000
    assert evaluation.main(["--compare", str(tmp_path)]) == 2
    capsys.readouterr()
    data.write_text(data.read_text().replace("2", "3", 1))
    flags = ("--steps", "1", "--method", "grpo-extra", "--eval-data", data)
    assert run_main(tmp_path / "elsewhere", *flags) == 0
    capsys.readouterr()
    assert evaluation.main(["--compare", *folders, str(tmp_path / "elsewhere")]) == 2
    assert "different problems" in one_line(capsys, "eval.py: ")
    some = tmp_path / "some.jsonl"
    some.write_text("".join((SMALL / "train.jsonl").read_text().splitlines(keepends=True)[:50]))
    flags = ("--steps", "1", "--method", "grpo", "--data", some)
    flags += ("--eval-data", SMALL / "valid.jsonl")
    assert run_main(tmp_path / "taught other problems", *flags) == 0
    capsys.readouterr()
    assert evaluation.main(["--compare", *folders, str(tmp_path / "taught other problems")]) == 2
    assert "different problems" in one_line(capsys, "eval.py: ")
    shutil.rmtree(tmp_path / "grpo1" / "final")  # as if it had been stopped in its last validation
    assert evaluation.main(["--compare", *folders]) == 0
    assert "left out" in capsys.readouterr().err


def test_eval_bad_input(capsys, tmp_path):
    shutil.copy(SMALL / "valid.jsonl", tmp_path / "mine.jsonl")
    model, data = f"--model {SMALL} ", f"--data {tmp_path}/mine.jsonl "
    wrong = ["", model, model + f"--data {tmp_path}/no.jsonl", model + data + "--k 99"]
    wrong += [model + data + f"--out {tmp_path}", model + data + "--samples -1"]
    wrong += [model + data + "--k 0", "--compare nowhere", "--nonsense"]
    for flags in wrong:
        assert evaluation.main(flags.split()) == 2, flags
        assert capsys.readouterr().err.splitlines()[-1].startswith("eval.py: "), flags
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.jsonl").write_text("precious")
    assert evaluation.main([*(model + data).split(), "--out", str(tmp_path / "out")]) == 2
    assert (tmp_path / "out" / "mine.jsonl").read_text() == "precious"
    assert (tmp_path / "mine.jsonl").read_text() == (SMALL / "valid.jsonl").read_text()


# --------------------------------------------------------------------------------------------------
# verify.py: each rule of judgement with its cases, then properties and hostile input


# gold == equal ; equal != different ; different
RULES = r"""
rule 1 exact values
3/4 == \frac{3}{4} ; \frac34 ; \dfrac{6}{8} ; 0.75 ; .75 ; 0.750 != 4/3 ; 0.7
3 == 3.0 ; 03 ; 3. ; +3 ; \frac{9}{3} != 3.0001 ; -3 ; 33
0 != 0.(3)
\frac{1}{3} == 0.\overline{3} ; 0.\bar{3} ; 2/6 != 0.333 ; 0.3333333333333333 ; 0.333...
\pi == pi ; π ; \frac{2\pi}{2} != 3.1416 ; 22/7
100000 == 1 x 10^5 ; 1*10**5 ; 1e5 ; 1 \times 10^{5} != 100001 ; 99999.9
2.55 \times 10^{-10} == 2.55e-10 ; 2.55E-10 ; 2.55*10^-10 ; 2.55·10⁻¹⁰ != 2.55 ; 2.55·10¹⁰
033 == 33 ; 33.0 != 3 ; 303
rule 2 hedges
5 == 2 + 3 = 5 != 3 or 5 ; 5, 6 ; \{5\} ; \{5,6\} ; x > 5 ; x \ge 5 ; [5,5]
5 != \pm 5 ; 3 = 5 ; x = 3 = 5 ; 5 ≈ 6 ; 5 ≈ 6, 7 ; 5 \text{ or } 6 ; between 4 and 5 ; 5 to 6
5 != not 5 ; at least 5 ; 5 or more ; 5 more ; 5 \pm 1 ; x \ne 5 ; (5, 6)
3, 7 == 3 \text{ as well as } 7 ; \text{both } 3 \text{ and } 7 ; 3, and 7 ; 3 \text{ or } 7 != 3 ; 3, perhaps 7 ; 3? 7
7 != 7? ; 3, perhaps 7 ; 7 (or 3) ; \pm 7 ; maybe 7 ; 7, maybe ; 7 or so ; probably 7
2, 9 == 2 \text{ and } 9 ; \text{either } 2 \text{ or } 9 ; x = 2 \text{ or } x = 9 ; 2; 9 != 2 ; 2, 9, 10 ; 2 \text{ or maybe } 9
9 != 9 or 2 ; 9 \text{ (or 2)} ; \text{between } 2 \text{ and } 9 ; 9? ; 9 \text{ possibly} ; \text{I guess } 9 ; 9 \text{ or not} ; \{9\} ; 9 \lor 2 ; 9, 9.5 ; 9 \pm 0 ; 9 \text{ unless } n=2 ; \text{likely } 9
3, 4 == 3, and 4 ; 3,and 4 != 3
rule 4 units
5 == 5 cm ; 5\text{ cm}^2 ; 5\,\mathrm{m/s} ; 5 apples ; \$5 ; $5 ; 5 m != cm
5 == 5^\circ ; 5{}^\circ ; 5° ; 5 degrees ; 5 square units ; €5 ; US\$5 != 5x ; 5 million ; 5 + cm
7e5 == 7 \times 10^5\ \mathrm{J} ; 7 \times 10^{5} m/s != 7 \times 10^6 m
5 == 5 meters a week ; 5\,\mathrm{m\,s^{-1}} ; 5\ \Omega != 5 hundred twenty ; 5 point five ; 5 lakh
5 cm == 5\text{ cm} ; 5 centimeters ; 5 != 5 m ; 50 mm ; cm ; 5 inches
\$18.90 == 18.9 ; $18.90 != 18.9 cents ; 189
15\mbox{ cm}^2 == 15 ; 15 square centimeters ; 15 sq. cm ; 15 \text{ sq cm} != 225 ; 15 m^2 ; 15 cubic centimeters
6m == 6 m != 6 ; m
120 != 5 apples! ; 5 \text{ cm}^{120}
5 != 5 pqr ; 5abc ; 5 elevenths ; 5 halves ; 5 hundredths ; 5 trillion ; 5 doubled ; 5 km - 3 km ; 5"+3" ; 5\mathrm{i} ; 5\text{x}
\pi h r^2 == \pi hr^2 ; \pi r^2 h != \pi ; \pi cm
20^\circ C == 20 ; 20°C != 20°F ; 20 cm
3000000 == 3 million != 3
5 == 5 apples ; 5 \text{ students} ; 5 \text{ units} ; 5 \text{ ways} ; 5 people ; 5 \text{ solutions} ; 5 \text{ red balls} ; 5 dollars ; 5 \text{ square feet} ; 5 \text{ correct answers} != 5 \text{ quadrillion} ; 5 quintillion ; 5 \text{ octal} ; 5 \text{ rejected} ; 5 \text{ hexadecimal} ; 5 \text{ in binary} ; 5 excluded ; 5 \text{ is impossible} ; 5 tripled ; 5 \text{ invalid} ; 5 \text{ percent} + 1 ; 5 \text{ unlikely} ; 5 septillion ; 5 \text{ discarded} ; 5 thrice ; 5 \text{ or thereabouts} ; 5 gross ; 5 \text{ to the fourth} ; 5 \text{ quarters} ; 5 googol ; 5 \text{ extraneous}
12 == 12 \text{ marbles} != 12 \text{ octal} ; 12 \text{ hex} ; 12 nonary ; \text{half of } 12 ; \text{a dozen } 12
5 == 5 eV ; 5 nm ; 5 kJ/mol ; 5 \text{ kPa} ; 5 ms ; 5 lbs ; 5 hrs ; 5\,\text{\AA} ; 5 \AA ; 5 \text{ M} ; 5\,\frac{\text{km}}{\text{h}} ; 5 \frac{\text{m}}{\text{s}^2} ; 5\ \mathrm{MeV} ; 5 mol ; 5\text{ kWh} ; 5 \text{ J/(mol K)} ; 5 GHz ; 5 \mu\text{m} ; 5\ \text{µs} ; 5 erg/s ; 5 L/min ; 5 \text{ ft/s} ; 5\,\mathrm{kg\cdot m/s^2} ; 5 m/s^2 ; 5 \mathrm{~km} ; 5~\text{atm} != 5x ; 5 \text{ x} ; 5 xyz ; 5 m + n ; 5n ; 5 ab ; 5 eV^{x} ; \text{kPa} ; \frac{\text{km}}{\text{h}} ; 5i ; 5 e
60 \text{ km/h} == 60\,\frac{\text{km}}{\text{h}} ; 60 ; 60 km/h ; 60 \text{ kilometers/hour} != 60 m/h ; 60 \text{ km} ; 60 \text{ km/s}
8.49e-4 == 8.49e-4 \text{ M} ; 8.49 \times 10^{-4}\text{ M} ; 8.49 \times 10^{-4}\ \mathrm{mol/L} != 8.49 \text{ M} ; 8.49e-3 \text{ M}
5 eV == 5 \text{ eV} ; 5 ; 5\,\mathrm{eV} != 5 keV ; 5 MeV ; 5 J
f(x)=x == f(x)=x \text{ for all } x ; f(x) = x, \text{ where } x \in \mathbb{R} ; f(x)=x \text{ for every real } x ; f(x) = x \; \forall x ; f(x)=x \text{ for all } x \in \mathbb{R} ; x != f(x)=x+1 \text{ for all } x ; f(x) = x \text{ if } x > 0 ; f(x)=x \text{ or } f(x) = 0 \text{ for all } x
n^2 == n^2 \quad (n \ge 1) ; n^2, n \ge 1 ; n^2 \text{ for all } n \ge 1 ; n^2 \text{ for } n \ge 1 ; n^2, \text{ where } n \in \mathbb{N} ; n^2 \text{ with } n \geq 1 != n^3 \quad (n \ge 1) ; n^2 \text{ if } n \text{ is even} ; n^2 \text{ or } n ; n^2, n ; n \ge 1
x+C == x+C, \text{ where } C \in \mathbb{R} ; x + C, \text{ where } C \text{ is a constant} ; x + C, C \in \mathbb{R} ; x+C \text{ for any constant } C != x, \text{ where } C = 0 ; 2x+C, \text{ where } C \in \mathbb{R}
1 != 1 \text{ if } n \text{ is even} ; 1 \text{ for even } n ; x = 1, x > 5 ; 1 \text{ when } n = 2
n^2 (n \ge 1) == n^2 ; n^2, n \ge 1 != n^2 (n \ge 2) ; n^2, n > 1
18 == \text{The answer is } 18 ; \text{Answer: } 18 ; \text{Total cost} = 18 ; \text{Maximum} = 18 ; \text{The maximum value is } 18 ; \text{Total: } \$18 ; Total = 18 ; \text{area} = 18 ; \text{There are } 18 \text{ students} ; Area of triangle = 18 ; \text{final answer: } 18 != \text{Not } 18 ; \text{The answer is not } 18 ; \text{at most } 18 ; \text{twice } 18 ; \text{half of } 18 ; \text{minus } 18 ; \text{more than } 18 ; \text{Total} > 18 ; \text{Team } 2 = 18 + 1 ; \text{double } 18 ; \text{square of } 18 ; \text{perhaps } 18 ; \text{anything but } 18
1, 3 == \text{Minimum: } 1, \text{ Maximum: } 3 ; \text{min} = 1, \text{max} = 3 ; \text{Minimum} = 1, \text{Maximum} = 3 != \text{Minimum: } 1 ; \text{Minimum: } 1, \text{ Maximum: } 4
12 == 12^{\text{th}} ; 12th ; 12^{th} ; the 12th ; 12^\text{th} != 12 + th ; 12^{t} ; \frac{1}{12} ; 112th ; 12 twelfths
15th Day == 15 ; 15th ; 15th day ; Day 15 ; 15^{\text{th}} \text{ day} != 5th Day ; 14th ; 15 hours
Day 15 == 15 ; day 15 != Week 15 ; \text{Room } 15 ; Day 14
21 == 21st ; 21^{st} != 22nd ; 2^{1st}
42 == '42' ; `42` ; "42" ; \$42\$ != '43' ; '4' '2' ; 42'
20\% == 20 pct ; 20 percent ; 20\% ; 20 per cent != 2 pct ; 20 apples
18 == \text{\$18} ; \text{\$}18 ; \text{Janet makes \$18 per day} ; 18 miles a day != 18a ; -\$18
-5 == -\$5 != \$5 ; 5 ; \$-6
C == \text{Option C} ; \text{Choice C} ; \text{C} != \text{Option D} ; \text{Option B}
5 == ₹5 ; ¥5 ; Rs. 5 ; 5 US dollars ; Rs 5 ; 5 rupees ; 5 USD ; \text{Rs. } 5 ; ₹ 5 ; \yen 5 ; 5 yen ; US$5 ; \pounds 5 != ₹6 ; Rs. 5 or 6 ; ¥5+1 ; 5 US dollars each or 3 ; ¥
\$5 == 5 US dollars ; 5 dollars ; US\$5 ; 5 != ₹5 ; €5 ; 5 cents
8 == 8千米 ; 8 公里 ; 8分钟 != 大于8 ; 小于8 ; 8万 ; 8千
18 == 18元 ; 18 元 ; 18个 ; 18 人 ; 18元。 != 18万 ; 18或19 ; 不是18 ; 约18 ; 18倍 ; 18万元 ; 18亿
30 == 30 marbles ; 30 \text{ minutes} ; 30 \text{ cm}^3 ; 30 \text{ pages per day} ; 30 handshakes ; 30\text{ even numbers} ; 30 square inches ; 30 \text{ different ways} != 30 sextillion ; 30 \text{ billion} ; 30 \text{ hundredths} ; 30 \text{ quaternary} ; 30 \text{ base } 7 ; 30 \text{ false} ; 30 \text{ cubed} ; 30 \text{ doubled} ; 30 \text{ incorrect} ; 30 \text{ is wrong} ; 30 \text{ not} ; 30 \text{ or more} ; 30 \text{ at most} ; 30 \text{ factorial} ; 30 \text{ thirds} ; 30 \text{ halves} ; 30 \text{ hundred} ; 30 \text{ lakh} ; 30 \text{ nonillion} ; 30 \text{ omitted} ; 30 \text{ in hexadecimal} ; 30 \text{ refused} ; 30 \text{ ruled out} ; 30 \text{ duodecimal} ; 30 \text{ percent off} ; 30 \text{ sixteenths} ; 30 \text{ inverted}
3.2 == 3.2 \text{ kJ} ; 3.2 \mu m ; 3.2\,\mu\mathrm{m} ; 3.2 MW ; 3.2 \text{ kcal} ; 3.2 ha ; 3.2 mL ; 3.2 \text{ N/m} ; 3.2 \text{ rad/s} ; 3.2\ \mathrm{kg\,m^{-3}} ; 3.2 \text{ g/cm}^3 ; 3.2 \mathrm{\ cm/s} ; 3.2 \frac{\mathrm{kg}}{\mathrm{m}^3} ; 3.2\ \text{ly} ; 3.2 \text{ V} ; 3.2 km/h ; 3.2 m s^{-1} ; 3.2 kg m^2 ; 3.2 \text{ parsecs} ; 3.2\text{ Å} ; 3.2 dB ; 3.2 \text{ gal} ; 3.2 W/m^2 ; 3.2 \times 10^0 \text{ mol} != 3.2 \text{ pq} ; 3.2 t ; 3.2 x y ; 3.2 R ; 3.2k ; 3.2 \text{ m} + 1 ; 32 kJ ; 3.2 \text{ km} \cdot x ; 3.2a ; 3.2 \text{ MW} - 1 \text{ MW}
5 \text{ kJ} == 5 kJ ; 5 \mathrm{\,kJ} != 5 J ; 5 \text{ MJ} ; 5 kcal
x^2+1 == x^2+1 \text{ for all real } x ; x^2 + 1, \quad x \in \mathbb{R} ; x^2+1 \text{ where } x > 0 ; x^2+1, x > 0 ; x^2+1 \quad \forall x \in \mathbb{R} ; x^2+1 \text{ for } x \ge 0 ; f(x) = x^2+1 \text{ for each } x ; f(x) = x^2+1, x \in \mathbb{R} != x^2 + 2 \text{ for all } x ; x^2+1, x^2+2 ; x^2+1 \text{ or } x \text{ for all } x ; x \text{ where } x^2+1 = 2 ; x^2+1 \text{ when } x \text{ is odd} ; x^2 + 1 \text{ if } x > 0
x > 2 == x > 2 ; (2, \infty) != x > 2, x < 5 ; x > 2, x \ne 3
x = 2, y > 3 == x = 2, y > 3 != x = 2
12 == \text{Answer} = 12 ; \text{Answer: 12} ; \text{Sum: } 12 ; \text{area} = 12 \text{ cm}^2 ; \text{the total is } 12 ; \text{number of ways} = 12 ; \textbf{Answer: } 12 ; \text{Largest value} = 12 ; \text{max} = 12 ; \text{Perimeter } = 12 ; \text{He has } 12 \text{ apples} ; \text{Result}: 12 != \text{Answer} \ne 12 ; \text{Not equal to } 12 ; \text{less than } 12 ; \text{never } 12 ; \text{the cube of } 12 ; \text{negative } 12 ; \text{maybe } 12 ; \text{Answer: } 12 \text{ or } 13 ; \text{Half: } 12 ; \text{12 is wrong} ; \text{opposite of } 12 ; \text{triple } 12 ; \text{one of } 11, 12 ; \text{at least } 12 ; \text{wrong answer: } 12
3 == 3rd ; 3^{rd} ; 3^{\text{rd}} ; the 3rd ; \text{3rd place} != 1/3rd ; 13th ; 3 thirds ; 3^{d}
11 == 11th ; 11^{\text{th}} \text{ term} != 11 elevenths ; 1^{1th}1
40 == ₹40 ; Rs.40 ; 40 rupees ; ¥40 ; 40 yen ; \text{USD } 40 ; 40 pounds ; £40 ; 40 \text{ US dollars} ; 40€ ; 40 euros ; EUR 40 ; 40 ¢ != ₹4.0 ; ₹40 + 1 ; Rs 400 ; 40 rupees or dollars 50
\$40 == US\$40 ; 40 USD ; 40 US dollars != ₹40 ; £40 ; 40 cents ; 40 yen
15\% == 15 pct ; 15 per cent ; 15 pct. != 0.15 pct ; 15 points
25 == 25元 ; 25 个 ; 25平方厘米 ; 25米 ; 25 人 != 25万 ; 25百 ; 约25 ; 非25 ; 25或26 ; 25倍 ; 25以上 ; 25分之一
5 != 5 maximum ; a minimum of 5 ; maximum 5 ; 5 is too small ; at least 5 ; 5 \text{ is odd} ; 5 \text{ minimum}
5 == \text{Minimum value: } 5 ; \text{the least value is } 5 ; \text{time} = 5 \text{ s} ; \text{the larger number is } 5
rule 5 thousands
1234 == 1,234 ; 1{,}234 ; 1,\!234 ; 1\!,\!234 != 1, 234 ; 12,34
2400, 864 == 2,400, 864 != 2400864
1234567 == 1,234,567 ; \$1,234,567 ; 1\;234\;567 != 1,234,56 ; 1.234.567
3.14 != 3,14 ; 3. 14 ; 3 .14
123 != 0,123 ; 0.123
(-312,123,231) == (-312, 123, 231) != -312123231
(2,251,252) == (2, 251, 252) != 2251252 ; (2, 251252)
rule 6 percent
50\% == 50% ; 50 percent ; 50 per cent != 0.005 ; 5\% ; 50 cm
20 != 0.2
rule 7 mixed numbers
7/2 == 3\frac{1}{2} ; 3\frac12 ; 3 1/2 ; 3½ != 31/2 ; 3-1/2 ; 3\cdot\frac12
-7/2 == -3\frac12 ; -3 1/2 != -5/2
15 != 1 5 ; 3\ 5
5 != |5i| ; -|5|
rule 8 equations
5 == x = 5 ; 5 = x ; x ≈ 5 ; P(A) = 5 ; f(x)=5 ; f(x+1)=5 ; d(A,B)=5 ; AB = 5 ; m_{\max} = 5 != x^2 = 5 ; 2x = 5
r = 3 == 3 ; r=3 != r^2 = 3 ; r^2 = 9 ; 9
33 == m+n = 33 ; m \cdot n = 33 ; \frac{m}{n} = 33 ; a+b+c = 11 + 22 = 33 ; m\angle ABC = 33^\circ
33 != not a = 33 ; half the radius = 33 ; n squared = 33 ; n \not= 33
4 == \phi(10) = 4 ; \gcd(8, 12) = 4 ; \mathbb{P}(E) = 4 ; P(A \cap B) = 4 ; T_\infty = 4 ; ∠ABC = 4^\circ ; P(A|B) = 4 != \sin(x) = 4
33 != x + y = 33 ; xy = 33 ; 2m + n = 33 ; m + 1 = 33 ; m^2 = 33 ; m n^2 = 33 ; \pi r = 33 ; |x| = 33 ; \log_2 x = 33 ; 2^n = 33
3, 4 == p = 3, q = 4 ; x_1 = 3, x_2 = 4 != p = 3, q = 5 ; p = 3
x = 5 == 5 ; 5 = x != y = 5 ; x = 6
LRAC = SRAC == SRAC = LRAC != LRAC = LMC
y = 2x + 3 == 2x - y + 3 = 0 ; y - 2x = 3 ; 2y = 4x + 6 != y = 3x + 2 ; x = 2y + 3
x^2 + y^2 = 25 == 25 = x^2 + y^2 ; x^2 + y^2 - 25 = 0 != x^2 + y^2 = 5 ; 25
f(x) = 2x == 2x != f(x) = x ; 2
5 == \lim_{x \to 0} f(x) = 5 ; |AB| = 5 ; \mathbb{E}[X] = 5 ; \int_0^1 f(x)\,dx = 5 ; \sum_{k=1}^n a_k = 5 ; \log_2 32 = 5 ; f'(2) = 5 ; f^{-1}(3) = 5 ; \det A = 5 ; \overline{AB} = 5 ; [ABC] = 5 ; P(X = 2) = 5 ; \|v\| = 5 ; \operatorname{Var}(X) = 5 ; \text{Area}(ABC) = 5 ; |\vec{v}| = 5 ; E(X) = 5 ; S_{ABC} = 5 ; \max f(x) = 5 ; a_{10} = 5 ; S_n = 5 ; \lvert AB \rvert = 5 != |x| = 5 ; \log_2 x = 5 ; x^2 = 5 ; 2x = 5 ; \sqrt{x} = 5 ; \lim_{x \to 0} f(x) = 6 ; |AB| > 5 ; \lim_{x \to 5} f(x) ; x + 1 = 5 ; \sin x = 5 ; |AB|^2 = 5 ; AB^2 = 5 ; \sum_{k=1}^5 a_k
2x == \frac{dy}{dx} = 2x ; f'(x) = 2x ; \frac{d}{dx} x^2 = 2x ; y' = 2x != \frac{dy}{dx} = 3x ; \frac{y}{x} = 2x ; y^2 = 2x
3 == \log_2 8 = 3 ; \sqrt[3]{27} = 3 != 2 = 3 ; 2^2 = 3
f(x)=x == f(z)=z ; f(t) = t != f(z)=x ; f(z) = 2z ; f(x)=z ; f(z) = z + x
f(n)=2n+1 == f(x)=2x+1 ; f(m)=1+2m ; 2n+1 != f(x) = 2x ; f(x)=2n+1 ; f(x)=x+1
180 == \frac{6!}{2!\,2!} = 180 ; |S| = 180 ; \frac{d}{dx} f(3) = 180 ; S = \sum_{k} a_k = 180 != \frac{6!}{2!\,2!} = 181 ; |s| = 180 ; \frac{6!}{2!\,2!} \ne 180 ; \frac{6!}{2!\,2!} = 180 \text{ or } 181
3159 == 2^3 - 1^3 + \dots + 18^3 - 17^3 = 3159 != 2^3 - 1^3 + \dots + 18^3 - 17^3 ; 3159 = \dots = 3160
8 == \lim_{n\to\infty} a_n = 8 ; \frac{AB}{CD} = 8 ; |\overrightarrow{AB}| = 8 ; \operatorname{lcm}(2,8) = 8 ; \Pr(X>2) = 8 ; \int_{0}^{2} x^3 dx = 8 ; \left|\vec{a}\right| = 8 ; f(g(2)) = 8 ; \text{Area of } ABC = 8 ; \sum_{i=1}^{4} i = 8 ; \prod_{k} a_k = 8 ; \min f = 8 ; |PQ| = 8 ; \ln(e^8) = 8 ; \mathbb{V}(X) = 8 ; N(5) = 8 ; \deg p = 8 ; \sqrt{64} = 8 != |z| = 8 ; 3x = 8 ; x y = 8 ; \ln x = 8 ; \frac{x}{2} = 8 ; x^3 = 8 ; \cos x = 8 ; \lim_{x\to 8} f ; |AB| \ge 8 ; \sqrt{65} = 8 ; 4 = 8 ; \frac{1}{x} = 8 ; x - 1 = 8 ; 2^x = 8 ; \int_0^8 f(x) dx
\frac{1}{x} == \frac{d}{dx} \ln x = \frac1x ; f'(x) = \frac1x ; \frac{dy}{dx} = x^{-1} ; \frac{\partial f}{\partial x} = \frac{1}{x} != \frac{dy}{dx} = x ; \frac{dx}{dy} = -\frac{1}{x} ; x
g(x) = x^2 + a == g(t) = t^2 + a ; g(y)=a+y^2 != g(a) = a^2 + a ; g(t) = t^2 + b ; g(x) = x^2 + t ; g(t) = x^2 + a
P(x) = x - 1 == P(y) = y - 1 ; P(t) = t-1 != P(t) = 1 - t ; P(y) = x - 1
f'(x) == f^{\prime}(x) ; f ' (x) != f(x)
rule 9 tuples, sets, intervals
(3, \frac{\pi}{2}) == \left(3, \pi/2\right) != (\pi/2, 3) ; 3, \pi/2 ; (3, \pi/2, 0)
1, -2 == -2, 1 ; -2 and 1 ; x = 1 \text{ or } x = -2 ; \{1, -2\} != 1 ; (1,-2) ; 1, 2
1 \pm \sqrt{19} == 1+\sqrt{19}, 1-\sqrt{19} ; x = 1 \pm \sqrt{19} != 1+\sqrt{19}
(1,1), (3,2) == (3,2) and (1,1) != (1,1), (2,3) ; 1,1,3,2 ; (1,1)
(3,4] == 3 < x \le 4 ; x \in (3,4] ; 4 \ge x > 3 != (3,4) ; [3,4] ; [3,4) ; (4,3]
[2,5] == 2 <= x <= 5 ; 5 >= x >= 2 != 2 < x <= 5
(2,\infty) == x > 2 ; 2 < x != [2,\infty) ; x < 2 ; (-\infty,2) ; 2
(-\infty,2) \cup (3,\infty) == (3,\infty)\cup(-\infty,2) ; x<2 or x>3 != (2,3) ; x<2
(2,\infty) == \{x \mid x > 2\} ; \{x \in \mathbb{R} : 2 < x\} != \{x \mid x < 2\} ; \{2\}
(-\infty,\infty) == \mathbb{R} ; x \in \mathbb R != \mathbb{Q}
\{\{1,2\},\{3\}\} == \{\{3\},\{2,1\}\} != \{1,2,3\} ; \{\{1\},\{2,3\}\}
\{1\pm\sqrt5,-2\} == {-2, 1+√5, 1-√5} ; (-2),\{1\pm\sqrt5\} != \{1\pm\sqrt5\}
(1,2),(-1,-2) != (\pm1,\mp2)
(2,3) == 2 < x < 3 != 2 > x < 3 ; x > 2 or x < 3 ; x > 2 and x < 4 ; [2,3]
(-\infty,2)\cup(3,\infty) == x<2 \text{ or } x>3 ; x < 2, x > 3 ; x<2 \lor x>3 ; x>3 or x<2 != x<2 \text{ and } x>3 ; x<2 \land x>3 ; x < 2 ; 2<x<3
x<2 \text{ or } x>3 == x>3 \text{ or } x<2 ; (-\infty,2)\cup(3,\infty) != x<2 \text{ and } x>3 ; x>2 \text{ or } x<3 ; x<2 \land x > 3
(2,3) == x>2 \text{ and } x<3 ; 2<x<3 ; x > 2 \land x < 3 != x>2 \text{ or } x<3 ; x<2 \text{ and } x>3 ; x \ge 2 \text{ and } x<3
p \lor q == p \lor q != p \land q
1, 2 == 1 \text{ and } 2 ; 1 \text{ or } 2 ; x = 1 \text{ and } x = 2 != 1
(-\infty,2)\cup(2,\infty) == \mathbb R\setminus\{2\} ; x \ne 2 ; \mathbb{R} \setminus \{2\} ; \mathbb{R} - \{2\} ; x \neq 2 ; \{x \mid x \ne 2\} ; (-\infty, \infty) \setminus \{2\} ; x \in \mathbb{R}, x \neq 2 ; x\in\mathbb{R}\setminus\{2\} != \mathbb R\setminus\{3\} ; x \ne -2 ; \mathbb R ; x = 2 ; \mathbb{Q}\setminus\{2\} ; x > 2 ; \mathbb R\setminus\{2,3\} ; \{2\}
(-\infty,-1)\cup(-1,1)\cup(1,\infty) == \mathbb{R}\setminus\{1,-1\} ; x \ne \pm 1 ; x \ne 1 \text{ and } x \ne -1 ; x \neq -1, 1
(0,9) \cup (9,36) == (0,36) \setminus \{9\} != (0,36] \setminus \{9\} ; (0,36) ; (0,36) \setminus \{8\}
(-\infty,-1)\cup(-1,1)\cup(1,\infty) != \mathbb{R}\setminus\{1\} ; x \ne 1 ; \mathbb{R}\setminus[-1,1]
2 != x \ne 2 ; \mathbb R\setminus\{2\} ; \ne 2
[1,4] == x \ge 1 \text{ and } x \le 4 ; 1 \le x \land x \le 4 ; x \geq 1 \wedge x \leq 4 != x \ge 1 \text{ or } x \le 4 ; x \ge 1 \lor x \le 4 ; x > 1 \text{ and } x \le 4
(-\infty,-1]\cup[1,\infty) == x \le -1 \text{ or } x \ge 1 ; x \ge 1 \lor x \le -1 != x \le -1 \text{ and } x \ge 1 ; x \ge 1 \land x \le -1 ; -1 \le x \le 1
x > 3 \lor x < 1 == x<1 \text{ or } x>3 != x > 3 \land x < 1 ; x > 3
(-\infty,0)\cup(0,\infty) == x \neq 0 ; \mathbb{R}\setminus\{0\} ; \mathbb R \backslash \{0\} ; \mathbb{R} - \{0\} ; \{x \in \mathbb{R} \mid x \neq 0\} != \mathbb{Z}\setminus\{0\} ; x \ne 1 ; x > 0 ; \mathbb{R} ; \mathbb{R}\setminus\{1\} ; 0 ; \mathbb{R}\setminus(0,1) ; x \ne 0, x \ne 1
\mathbb{R}\setminus\{1,3\} != \mathbb{R}\setminus\{1\} ; (-\infty,1)\cup(3,\infty)
rule 10 radicals, pi, i
2\sqrt{3} == \sqrt{12} ; √12 ; 2√3 ; 2*sqrt(3) ; \frac{6}{\sqrt3} != 3\sqrt2 ; 3.4641016
\frac{1}{\sqrt{3}} == \frac{\sqrt{3}}{3} ; \sqrt{1/3} ; 3^{-1/2} != \sqrt3 ; 0.577
\frac{3+\sqrt5}{2} == \frac32+\frac{\sqrt5}{2} ; \frac{2}{3-\sqrt5} != \frac{3-\sqrt5}{2}
5\sqrt[3]{4} == \sqrt[3]{500} ; 5 * 2^{2/3} != 10
-\frac{\pi}{6} == -\pi/6 ; -\frac16\pi != \frac{\pi}{6} ; -30^\circ
-1 != i^4 ; 1 ; i
-4 != 4 ; 4i
\frac{1}{2i} == -\frac{i}{2} ; \frac{-1}{2}\mathrm{i} != \frac12 ; \frac{i}{2}
-1 != i^{2/3} ; \sqrt[6]{-1} \sqrt[6]{-1}
-2 != \sqrt[3]{8}
1-\sqrt2 != \sqrt{(1-\sqrt2)^2} ; ((1-\sqrt2)^8)^{1/8} ; ((1-\sqrt2)^{-2})^{-1/2}
\sqrt{x} == √x ; √ x != x
\sqrt{x+1} == \frac{1}{\sqrt{\frac{1}{x+1}}} != \sqrt{x} + 1
4\pi == π(4) != 4p
\sqrt{1009} == \sqrt{4036}/2 ; \frac{1009}{\sqrt{1009}} != \sqrt{1013}
2\pi == 2\pi \approx 6.28 ; 2π ≈ 6.283 != 2\pi \approx 6.28, 3 ; 6.28
\arcsin x == \arcsin(x) ; \sin^{-1} x ; \sin^{-1}(x) != \frac{1}{\sin x} ; \sin x
6 + 9i == 9i + 6 ; 3(2+3i) != 6 - 9i ; 9 + 6i ; 15i
1+\sqrt{3}i == 1+\sqrt{-3} != 1-\sqrt3 i
rule 11 formulas
2k+2 == 2(k+1) ; 2 + 2k != 2K+2 ; 2k+1
\frac{1}{2n+2} == \frac{1}{2(n+1)} != \frac{1}{2n}+2
\frac{\sqrt{4x+4}}{x+1} == \frac{2}{\sqrt{x+1}} ; 2(x+1)^{-1/2} != \frac{4}{\sqrt{x+1}} ; 2\sqrt{x+1}
x + 1 == \sqrt{x+1} \sqrt{x+1} ; \frac{x}{\frac{x}{x+1}} ; \frac{1}{1 - \frac{x}{x+1}} != \sqrt{x+1}
(x+1)^{20} == (1+x)^{20} != (x+1)^{21} ; x^{20}+1
\omega^2 t + \theta == ω²t + θ ; t omega^2 + theta != \omega t^2 + \theta
p - q == -(q-p) ; -q+p != q-p ; P-q
2^{n+1} == 2 \cdot 2^n != 2^n + 1 ; 2n+1
c x^{-2}-\frac{\cos(2x)}{2x^2} == \frac{2c - \cos 2x}{2x^2} != c - \cos 2x
\frac{e^{at}-e^{-at}}{2a} == \frac{1}{2a}(\exp(at) - \exp(-at)) != \frac{e^{at}}{a}
I(0) e^{-\frac{t}{RC}} == I(0)e^{-t/(RC)} != 0 ; I(0)
A \subset B != B \subset A
f \circ g != g \circ f
\overline{ab} != \overline{ba}
P(A | B) != P(B | A)
2 \pmod 6 != 3 \pmod 4
n2^{n-1} == n \cdot 2^{n-1} ; \frac{n 2^n}{2} != n^{n-1} ; 2n
\frac{10}{21} == {{10}\over{21}} ; {10 \over 21} != {{21}\over{10}}
\binom{2n}{n} == {2n \choose n} ; {{2n}\choose{n}} != \binom{n}{2n}
rule 12 matrices, bases, ratios, text
\begin{pmatrix}1&2\\3&4\end{pmatrix} == \left[\begin{array}{cc}1&2\\3&\frac82\end{array}\right]
\begin{pmatrix}1&2\\3&4\end{pmatrix} != \begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}
\begin{pmatrix}1&2\\3&4\end{pmatrix} == A = \begin{bmatrix}1 & 2 \\[4pt] 3 & 4\end{bmatrix} != 1,2,3,4
1A_{16} != A_{16} ; 1A ; 26
12_{16} == 12 base 16 != 12_1
12_8 == 12_{8} ; 12 base 8 ; (12)_8 ; {12}_8 != 12 ; 12_9 ; 10
1:2 == 1 : 2 != 2:1 ; 1,2
\text{Evelyn} == Evelyn ; evelyn ; EVELYN != Navin ; Evelyn or Navin
east == East != seat ; west
A beats B != B beats A
HTT != TTH
no solution == No solutions ; \text{no solution} != no ; solution
\text{(C)} == C. 12 ; (C) 12 ; C) 12 ; option C ; choice (C) != C. 12 or D ; A. 12 ; C. 12 D. 13
\text{(C)} == C ; (C) ; C. ; \textbf{(C)} ; (C) 12 != D ; A or C ; (C) or (D)
\text{(C)} != (A), (B), (C), (D), (E) ; ABCDE
HH, HT, TH, TT == HT, HH, TT, TH ; \text{HH, HT, TH, TT} ; HH, HT, TH and TT ; \{HH, HT, TH, TT\} ; \text{HH}, \text{HT}, \text{TH}, \text{TT} != HH, HT, TT ; HH, TH, TT ; HH, HT, HT, TT ; HH,HT,TH ; \{HH, HT, TT\}
\text{IV} == IV ; \text{IV} ; \textbf{IV} != VI ; \text{VI} ; \mathrm{VI}
HT == HT != TH
\text{no} == No != \text{on}
D == (D) A, D and F point left ; D ; \text{D: all of them} ; (D) 12 ; D) the sum is 5 ; \text{(D) } \frac{1}{2} ; \textbf{(D) } 12 != (C) A, D and F point left ; (D) or (C) ; (D) 12 (C) 13 ; A, D and F ; D or C ; (A) D
C == \text{C: 12 square units} ; C. 12 ; C != \text{D: 12 square units} ; C. 12 or D ; C, D ; A: C
\begin{pmatrix}1\\2\end{pmatrix} == \frac15\begin{pmatrix}5\\10\end{pmatrix} ; -\begin{pmatrix}-1\\-2\end{pmatrix} ; \begin{pmatrix}5\\10\end{pmatrix} \cdot \frac15 != \frac15\begin{pmatrix}5\\5\end{pmatrix} ; 5\begin{pmatrix}5\\10\end{pmatrix} ; \begin{pmatrix}5\\10\end{pmatrix} ; \frac15\begin{vmatrix}5\\10\end{vmatrix}
\frac{1}{3}\begin{bmatrix} 1 & 2 \\ 2 & 1\end{bmatrix} == \begin{bmatrix} 1/3 & 2/3 \\ 2/3 & 1/3\end{bmatrix} != \begin{bmatrix} 1 & 2 \\ 2 & 1\end{bmatrix} ; \begin{bmatrix} 1/3 & 2 \\ 2 & 1\end{bmatrix}
AB, BA == BA, AB ; \{AB, BA\} != AB ; AB, AB ; BA
\text{XI} == XI ; \text{XI} != IX ; \text{IX}
\text{MW} == MW != WM ; \text{WM}
RB, BR, BB == BB, BR, RB != RB, BB ; RB, BR ; BR, BB
B == (B) 5 cm ; \text{(B)} ; B: neither of them ; B) \frac{1}{2} ; (B) The sum is even ; \textbf{(B)}\ 24 ; B. Both A and C are false != (A) B ; A: B is true ; (B) (C) ; B or D ; not B ; (C) 5 cm ; B, D
\begin{pmatrix} 2 \\ 4 \end{pmatrix} == 2\begin{pmatrix} 1 \\ 2 \end{pmatrix} ; 2 \cdot \begin{pmatrix} 1 \\ 2 \end{pmatrix} ; \frac{1}{2} \begin{bmatrix} 4 \\ 8 \end{bmatrix} ; -2\begin{pmatrix} -1 \\ -2 \end{pmatrix} != \begin{pmatrix} 1 \\ 2 \end{pmatrix} ; 2\begin{pmatrix} 2 \\ 4 \end{pmatrix} ; 2 + \begin{pmatrix} 0 \\ 2 \end{pmatrix} ; 2^{\begin{pmatrix} 1 \\ 2 \end{pmatrix}} ; 2\begin{pmatrix} 1 & 2 \end{pmatrix}
rule 13 anything else
3!! != 720 ; 6
t(0,4] == t(0,4] ; $t(0,4]$ != (0,4]
np.arcsin(10/13) == np.arcsin(10/13). != arcsin(10/13)
0/0 == 0/0 != 0 ; 1 ; 1/0
18 == \color{red}{18} ; \bf 18 ; **18** ; 18, ; \textcolor{blue}{18} ; {\color{red} 18} ; \mathbf{18} ; \underline{18} ; {\bf 18} ; \textbf{18} ; \Large 18 ; 18; != \cancel{18} ; \not{18} ; 18, 19 ; \color{red}{19} ; 18** ; \sout{18} ; \color{red}{18} 5 ; 1,8,
6 == \color{blue} 6 ; \textcolor{red}{6} ; {\bf 6} ; \boldsymbol{6} ; __6__ ; \textit{6} ; 6; ; \Large{6} ; \underline{6} ; \mathrm{6} ; *6* ; \colorbox{yellow}{6} != \xcancel{6} ; \cancel{6}7 ; 6,7, ; \color{6}{7} ; ~6~6 ; \not 6 ; -6, ; \overline{6}6
"""


# Rule 14: gold == worked out ; worked out != of the same value, but not worked out
WORKED_OUT = r"""
71/42 == \frac{71}{42} ; 71/42 ; \frac{142}{84} ; 1\frac{29}{42} ; x = 71/42 ; 5/6+6/7=71/42 ; \frac56+\frac67 = 1\frac{29}{42} != 5/6 + 6/7 ; \frac56+\frac67 ; 71/42 = 5/6 + 6/7 ; 71 \cdot 42^{-1} ; \frac{70+1}{42}
1024 == 1024 ; 1,024 ; 1.024 \times 10^3 ; 2^{10} = 1024 ; N = 1024 ; 1024 \text{ ways} ; 1024.0 != 2^{10} ; 2^{10} \text{ ways} ; 4^5 ; 32 \cdot 32 ; 1000+24 ; N = 2^{10} ; \sqrt{1048576} ; 32^2 ; 1024 = 2^{10}
120 == 120 ; 5! = 120 ; \binom{10}{3} = 120 ; \$120 ; 120^\circ != 5! ; \binom{10}{3} ; 5 \cdot 4 \cdot 3 \cdot 2 ; 12 \times 10 ; \lfloor 120.5 \rfloor ; |-120| ; 60 + 60 ; 2(60)
0.5 == 0.5 ; \frac12 ; 1/2 ; 5 \times 10^{-1} ; \frac{-1}{-2} ; .5 != 1-0.5 ; \frac{1}{1+1} ; 2^{-1} ; \sqrt{0.25} ; 0.25 \cdot 2
100000 == 100000 ; 10^5 = 100000 ; 1 \times 10^5 ; 1e5 != 10 \cdot 10^4 + 0 ; 100^2 \cdot 10
1/3 == 0.\overline{3} ; 0.\bar{3} ; \frac{2}{6} ; -\frac{1}{-3} != 1 - 2/3 ; 3^{-1} ; \frac{1}{\sqrt{9}}
-3 == -3 ; \frac{-6}{2} ; x=-3 != 2 - 5 ; -\sqrt{9} ; i^2 \cdot 3 ; -(1+2) ; -|3|
2^{10} == 1024 ; 2^{10} ; 4^5
7 == 7 ; \boxed{7} ; 14/2 ; +7 ; 7.000 ; {7} ; (7) ; \frac{21}{3} ; a = 7 ; 3 + 4 = 7 ; \sqrt{49} = 7 ; 7 \text{ roots} != 3+4 ; \sqrt{49} ; 7! / 6! ; 3 + \frac{8}{2} ; 7 \cdot 1 ; 2^3 - 1 ; \binom{7}{1} ; x = 3 + 4 ; |7| ; 10 - 3 ; -(-7) + 0 ; 49 \div 7 ; 7^1 ; 3 + 4 \text{ apples} ; \$3 + \$4
\frac{3}{4} == 0.75 ; 75/100 ; \dfrac{3}{4} ; P = \frac34 ; \frac{-3}{-4} ; 1 - \frac14 = \frac34 != 1 - \frac14 ; 3 \cdot \frac{1}{4} ; 3 \cdot 4^{-1} ; \frac{1+2}{4} ; \frac{3!}{8} ; (\frac{\sqrt3}{2})^2 ; \frac12 + \frac14 ; \frac{1}{2} \cdot \frac{3}{2}
50\% == 50\% ; 50 percent != 25\% + 25\%
\$36 == 36 ; \$36.00 ; 36 dollars != 6 \cdot 6 ; \$6 \cdot 6 ; 6^2 ; \$6^2
90^\circ == 90 ; 90^\circ ; \angle A = 90^\circ != 45^\circ + 45^\circ ; 180 - 90 ; 2 \cdot 45^\circ
1.5 == 3/2 ; 1\frac12 ; 1.5 \times 10^0 != 3 \cdot 0.5 ; 1 + 1/2 ; \frac{0.75}{0.5} ; 3 \div 2
\sqrt{2} == \frac{2}{\sqrt2} ; \sqrt2
3, 5 == 3, 5
5 != |-5| ; \left|{-5}\right| ; \lfloor 5.5 \rfloor ; \lceil 4.5 \rceil ; 5!/4! ; \binom{5}{4}
-1 != i^2 ; i \cdot \frac{1}{i} \cdot i^2 \cdot i^4 ; (\sqrt{-1})^2 ; i^6
-4 != (2i)^2 ; \frac{4i}{i^3} \cdot i^0
-2 == -\frac{4}{2} ; 2 - 4 = -2 != \sqrt[3]{-8}
100000 != 10^5 ; 10**5 ; 10^{5} \text{ m}
2.5e-7 == 2.5 \times 10^{-7} ; 0.00000025
5 != (46-1)/9
"""


# Without a box: gold == response ; response != response
RESPONSES = r"""
18 == The answer is 17. No, wait: it is 18. ; The answer is 17. Actually, it is 18. ; The answer is 17. Sorry, that is wrong. It should be 18. ; The answer is 18. I hope it is correct. ; The answer is 18. Let me double-check: 9 + 9 = 18. ; The answer is 17. Correction: 18. ; The answer is 17 - wait, 18. ; x = 17. Wait, no. x = 18.
17 != The answer is 17. No, wait: it is 18. ; The answer is 17. Actually, it is 18. ; The answer is 17. Sorry, that is wrong. It should be 18. ; The answer is 17. No, that is wrong. ; The answer is 17. But that's impossible. ; The answer is 17. Scratch that, 18.
5 == It is not 4 but 5. ; It cannot be 4, so it is 5. != It is anything but 5. ; We get x = 5. But this is impossible, so there is no solution. ; It is certainly not 5. ; The answer is anything but 5. ; The answer is any number except 5. ; x = 5 is extraneous. ; We find x = 5. However, this contradicts the assumption. ; We get x = 5, which is impossible. ; The answer is other than 5.
96 == First \boxed{100}, but the answer is \fbox{96}. ; \fbox{96} ; \boxed 96 ; \boxed{96} and I used \boxed as asked. ; The answer is $\boxed {96}$ ; I will use \boxed for it. The answer is 96. != First \fbox{96}, then \boxed{100}. ; \fbox{96} or \fbox{97} ; \fbox{9 ; \boxed{96} but then \boxed{97 ; \boxed{96}. In the end \boxed{} ; \boxed{96} or \boxed 97
18 == The answer is 18 in total. ; Answer: There are 18 students in the class. ; The answer is 18 (not 17). ; The answer is 18: ; Answer: 18 students were present ; The answer is that there are 18 cats. ; The final answer is 18, which is even. ; The answer is 18 dollars per week. ; Answer: He paid $18 for lunch. ; The answer is $18$ square units. ; The answer is 18!!! != The answer is 18 or 19 in total. ; The answer is at least 18 in total. ; The answer is twice 18. ; The answer is about 18 or so. ; Answer: There are 18 boys and 5 girls ; The answer is 18 less than 20. ; The answer is half of 18. ; The answer is not 18 (it is 17). ; The answer is 18 squared. ; The answer is between 18 and 20. ; The answer is the square of 18.
42 == {"answer": 42} ; {"answer": "42"} ; <Answer>42</Answer> ; <answer> 42 </answer> ; $x=42$. $\blacksquare$ ; So it is $42$. ∎ ; **Answer**: 42 ; Final Answer: `42` != <Answer>43</Answer> ; {"answer": 4, "x": 2} ; {"answer": [42, 43]} ; $x=43$. $\blacksquare$
3 == \boxed{4} was my first try; later \boxed{3}. != \boxed{3} as well as \boxed{5} ; \boxed{5} as well as \boxed{3} ; \boxed{3} along with \boxed{5} ; \boxed{3} and also \boxed{5} ; \boxed{5}, possibly \boxed{3} ; either \boxed{5} or \boxed{3} ; \boxed{3}, together with \boxed{5} ; \boxed{5} and perhaps \boxed{3}; \boxed{5} plus \boxed{3} ; \boxed{5} & \boxed{3} ; \boxed{3} \text{ or } \boxed{5} ; \boxed{5} or maybe even \boxed{3}
3, 5 == \boxed{3} as well as \boxed{5} ; \boxed{5} and \boxed{3} != \boxed{3}
18 == 答案：18 ; 答案是18。 ; 答案:18元 ; 因此，答案为 18 元。 ; 最终答案：18个苹果。 != 答案：19 ; 答案不是18。 ; 答案：18或19 ; 答案：18万
12 == The answer is 10. Hmm, wait, I made a mistake. It should be 12. ; The answer is 11? No. It is 12. ; So x = 10. Oops, that is wrong: x = 12. ; The answer is 12. No doubt about it. ; The answer is 12. There is no need to simplify further. ; Answer: 12. I am not sure it could be 13. != The answer is 12. Sorry, I meant 13. ; The answer is 12... no, 14. ; The answer is 12. On second thought, it is 14. ; The answer is 12. But that contradicts the assumption, so there is no such number. ; Everything but 12 works. ; It isn't 12. ; We get n = 12, but this is impossible. ; The result can never be 12. ; It could be 12 if n were even, but that is wrong. ; All numbers except 12. ; The answer is 12. Wait, that can't be right. ; 12 is wrong. ; We get n = 12. But 12 is too large, so no such n exists.
5 == \fbox{5} ; So $\fbox{5}$. ; \boxed 5 ; The answer, in a \boxed, is \boxed{5}. ; $\boxed{5}$ (I used \boxed for it.) ; \boxed{4} is what I had first. Now \fbox{5}. != \fbox{4}. Before that I had \boxed{5}? No: \fbox{4}. ; \fbox{5}, \fbox{6} ; \boxed{5} or \fbox{6} ; \boxed ; \fbox{} ; \boxed{5}, so \boxed
24 == The answer is 24 altogether. ; Answer: They have 24 apples together. ; The answer is 24 students (including Bob). ; The answer is: 24 ; The final answer is 24 miles per hour! ; The answer is $24$ in all. ; The answer to the question is 24, as required. ; Answer: 24 is the number of ways. ; The correct answer is that Tom has 24 coins. ; Final answer: the total is 24. ; The answer is n = 24 for this triangle. ; The answer is 24 - we checked it. != The answer is 24 out of 30. ; The answer is more than 24. ; The answer is 24 plus 3. ; Answer: Tom has 24 and Ann has 25. ; The answer is one third of 24. ; The answer is 24 dozen. ; The answer is nearly 24. ; Answer: double 24 ; The answer is neither 24 nor 25. ; The answer is minus 24. ; The answer is 24 if it rains. ; The answer is 24 to 26 coins.
9 == {"answer": "9"} ; "9" ; `9` ; {"final_answer": 9} ; $n = 9$. $\square$ ; <ANSWER>9</ANSWER> ; **9** ; Answer: **9** ; \(9\) ; The answer is: `9`. != <answer>9 or 10</answer> ; {"answer": 10} ; "9", "10" ; <answer></answer>
6 != \boxed{5}. Or \boxed{6} ; \boxed{5} vs \boxed{6} ; \boxed{5} but maybe \boxed{6} ; \boxed{5}, or, if not, \boxed{6}
2 == \boxed{1} is too small. The answer is \boxed{2}. ; \boxed{2} \boxed{2} ; We had \boxed{1} and so, after a longer calculation, \boxed{2}. != \boxed{1} as well as \boxed{2} ; \boxed{2}; \boxed{1} ; \boxed{1}/\boxed{2} ; \boxed{2} or also \boxed{1} ; \boxed{1}, and maybe \boxed{2} ; \boxed{2}, otherwise \boxed{1} ; \boxed{1} respectively \boxed{2} ; \boxed{1}; else \boxed{2} ; \boxed{1} or even \boxed{2} ; \boxed{1}, then again \boxed{2} ; \boxed{1} or, less likely, \boxed{2}
30 != There is no way the answer is 30. ; 答案：30。不对，重新计算后应该是20。
64 == **Final Answer:** Kylar needs to pay $64 for the glasses. ; The answer is Rs. 64. ; Hence $\boxed4$... no: $\boxed64$ ; Hence $n = 64$. $\square$ != The answer is Rs. 65.
\text{No} == The answer is **No**. ; The answer is No. != The answer is **Yes**. ; The answer is no, wait, yes.
45 == She has \$45 left. ; Total = \$45 ; She makes 9 * \$5 = \$45 per day. ; She has $\$45$ left.
45 == \[ \text{Total cost} = 45 \text{ dollars} \] ; $\text{The answer is } 45.$ ; $\text{Answer: 45}$
45 == The answer is $45 a week, as we saw. ; The answer is 45 sheep in the three towns.
60 != She has \$45 left, out of \$60. ; It is 11 out of 60. ; Suppose the answer is 60.
60 != It is impossible to determine from 60 equations. ; There is no solution, as x = 60 is excluded.
60 != If the answer were 60, we would have a contradiction. ; Total = \$16 ; $\text{Answer: 6}$
25 == 答案是：25 ; 答案为25。 ; 所以答案是 25 个。 ; 答案：$25$ ; 【答案】25 != 答案是：26 ; 答案不是25 ; 答案：25或30 ; 答案：25万
"""


def read_cases(table: str) -> list[tuple[str, str, bool]]:
    """(answer, gold, verdict) for each answer in one of the tables above."""
    cases = []
    for line in table.strip().splitlines():
        if not line.startswith("rule "):
            gold, *groups = re.split(r" (?===|!=)", line)
            for group in groups:
                cases += [(answer, gold, group[0] == "=") for answer in group[3:].split(" ; ")]
    return cases


@pytest.mark.parametrize("answer, gold, verdict", read_cases(RULES))
def test_rule_of_judgement(answer, gold, verdict):
    assert is_equivalent(answer, gold) is is_equivalent(gold, answer) is verdict
    assert verify.same_value(answer, gold) is verify.same_value(gold, answer) is verdict
    assert is_correct(rf"So we get $\boxed{{{answer}}}$.", gold) is verdict


@pytest.mark.parametrize("answer, gold, verdict", read_cases(WORKED_OUT))
def test_rule_14_the_answer_is_worked_out(answer, gold, verdict):
    assert verify.same_value(answer, gold) and verify.same_value(gold, answer)
    assert is_equivalent(answer, gold) is verdict
    assert is_correct(rf"So we get $\boxed{{{answer}}}$.", gold) is verdict


@pytest.mark.parametrize("response, gold, verdict", read_cases(RESPONSES))
def test_response(response, gold, verdict):
    assert is_correct(response, gold) is verdict


@pytest.mark.parametrize(
    "response, answer",
    [
        (r"First \boxed{3}, and therefore the sum is \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{3} or \boxed{5}", "3, 5"),  # side by side: a hedge
        (r"$\boxed{1}$ $\boxed{2}$, $\boxed{3}$", "1, 2, 3"),
        (r"either $\boxed{16}$ or else $\boxed{18}$", "16, 18"),
        (r"\[\boxed{5}\] \boxed{5}", "5"),
        (r"$\boxed{42}$, or alternatively $\boxed{84}$", "42, 84"),
        ("(a) \\boxed{5}\n\n- (b) \\boxed{6}", "5, 6"),
        (r"$x_1 = \boxed{5}$, $x_2 = \boxed{6}$", "5, 6"),
        (r"The answer is 5, that is \boxed{5", None),  # it breaks off
        ("The final answer is $5$. I hope it is correct.", "$5$"),
        ("**Answer:** 5", "5"),
        ("The answer is **5**.", "5"),
        ("The answer is\n$$\n42\n$$", "42"),
        ("3 + 4 = 7\n#### 7", "7"),
        ("#### Step 2: add\nThe total is 7.", "7"),
        ("<answer>5</answer>", "5"),
        ("<answer>5", None),  # it breaks off
        ("The answer is 5 because 2 + 3 = 5.", "5"),
        ("The answer is not 5.", None),
        ("The answer isn't 5, it is 7.", "7"),
        ("It would be wrong to say that the answer is 100.", None),
        ("I don't think the answer is 18.", None),
        ("It is false that the answer is 37.", None),
        (r"\boxed{237}% \boxed{610}", "237, 610"),
        ("The answer is 3 apples!", "3 apples"),
        ("The answer is", None),
        ("She sold 48 + 24 = 72 clips, so it costs $1,234.50.", "1,234.50"),
        ("Hence $x = 2\\sqrt{3}$.", r"x = 2\sqrt{3}"),
        ("It is √2.", "√2"),  # and not 2
        ("So y = 2x.", "y = 2x"),
        ("The sum is - 7.", "- 7"),
        ("It costs $2 million.", "2 million"),
        ("Hence n ≡ 3 (mod 7).", "n ≡ 3 (mod 7)"),
        ("It could be 4 5 6.", "4 5 6"),
        ("5 cats and 3 dogs", "3"),
        ("It is between $5 and $7.", "5 and 7"),
        ("It cost $5 and then $7.", "7"),
        ("She has 9 * 2 = <<9*2=18>>18 dollars.", "18"),
        ("12 is not the answer.", None),
        ("It is not hard to see that the answer is 12.", "12"),
        ("The answer is 5, not 7.", "5"),
        ("The answer is 18, and we are done.", "18"),
        ("The answer is 109<|im_end|>", "109"),
        ("The answer is 42 (forty-two).", "42"),
        ("The answer is actually 42 when x = 7.", "42"),
        ("The answer is 3 (mod 7).", "3 (mod 7)"),
        ("Answer: She has 5 apples.", "She has 5 apples"),
        ("So\n$$\nx = 5\n$$", "x = 5"),
        ("The interval is $[2, 3)$.", "[2, 3)"),
        ("The total (with tax) is 5).", "5"),
        ("The total is *5*.\n\n---", "5"),
        ("The area is 16 pi.", "16 pi"),
        ("He has 5 dozen eggs.", "5 dozen"),
        (r"So x \neq 5.", r"x \neq 5"),
        ("It is 5 times 6.", "5 times 6"),
        ("She has twice 5.", "twice 5"),
        ("x = 5 / 2\nx = 2.5", "x = 2.5"),
        ("A: She paid 3 dollars. The answer is 5.", "5"),
        ("所以应该读 42 页。", "42"),
        ("5 apples or maybe 6 apples", "5 apples or maybe 6"),
        ("He needs 5 (or 6).", "5 (or 6)"),
        ("The price rose from 10 to 15 dollars.", "15"),
        ("12 * 3 = 36, and 36 +", None),
        ("It is 7 in all", "7"),
        ("The area is 5 cm^2.", "5 cm^2"),
        ("The correct option is **C**.", "C"),
        ("The answer is 5 (since 2x = 10).", "5"),
        ("We get 7. Next we count the people who can be", None),  # it breaks off
        (r"So $BC^2 = 97 - 4 \cdot \cos", None),
        ("It could be any of 14, 15, 16.", "14, 15, 16"),  # a hedge
        ("Hence $x = 3$ or $x = 5$.", "x = 3 or x = 5"),
        ("I don't know.", None),
        ("3 or 5", "3 or 5"),
        (r"<think>\boxed{3}</think> The answer is 5.", "5"),
        (r"<think>Is it \boxed{3}?</think>", "3"),
        ("<think>It may be 3", None),
        ("", None),
    ],
)
def test_extraction(response, answer):
    assert extract_answer(response) == answer


GOLDS = [
    *[
        "42",
        "-7",
        "27.0",
        "033",
        "0.15",
        "3e6",
        "2.55e-10",
        "1,234",
        r"10,\!080",
        r"\frac43",
        "-1./3",
    ],
    *[
        r"1\frac{4}{5}",
        r"11\sqrt2",
        r"\frac{20000}{\pi}",
        r"18+2\pi",
        "1+274i",
        r"\text{(E)}",
        r"\$36",
    ],
    *[
        r"90^\circ",
        r"5.4 \text{ cents}",
        r"\frac{270}7\text{ degrees}",
        "62.5%",
        "52_8",
        "p - q",
        "x=5",
    ],
    *[
        "(6,31,-1)",
        "3, 5, 7",
        r"$(2,4)$",
        r"\{1\pm\sqrt{5},-2\}",
        r"x \in [-2,7]",
        r"$k \geqslant 2$",
    ],
    *[r"(-\infty, 2) \cup (3, \infty)", r"$(-\infty, 0) \cup\{1\}$.", "y = 2x + 3", r"\cot x"],
    *[
        r"\begin{pmatrix} -1/3 \\ 2/3 \end{pmatrix}",
        r"\sqrt{4 \pi G \rho_{0} r_{0}^{2}}",
        "$221,$8$",
    ],
    *[
        r"$m n-\lfloor m / 2\rfloor$",
        r"(1 - 3e^{-2t}) u(t)",
        r"\frac{d x}{d t}=k x-a",
        "MR=SRMC",
        "m",
    ],
]


def test_every_gold_equals_itself_and_no_other():
    for gold in GOLDS:
        assert is_equivalent(gold, gold) and is_correct(gold, gold)
        assert is_correct(rf"Thus $\boxed{{{gold}}}$.", gold)
        assert is_correct(f"The answer is {gold}.", gold)
    assert not any(is_equivalent(a, b) for a, b in itertools.combinations(GOLDS, 2))


def test_a_changed_digit_or_sign_is_noticed():
    rng = random.Random(0)
    for gold in GOLDS:
        places = [i for i, char in enumerate(gold) if char in "123456789"]
        for i in rng.sample(places, min(3, len(places))):
            changed = gold[:i] + str(int(gold[i]) % 9 + 1) + gold[i + 1 :]
            assert not is_equivalent(changed, gold), (changed, gold)


FRAGMENTS = (
    r"\frac \sqrt { } ( ) [ ] \{ \} 1 2.5 x y + - ^ _ / * , \pi i \infty = < \le \pm \cup \in | !"
)
FRAGMENTS = [
    *FRAGMENTS.split(),
    " or ",
    "\\begin{pmatrix}",
    "\\end{pmatrix}",
    "&",
    "\\\\",
    "$",
    " cm",
    '"',
]


def random_answers(rng: random.Random, number: int) -> list[str]:
    """Half of them fragments of LaTeX, the other half any characters, lone surrogates included."""
    latex = ["".join(rng.choices(FRAGMENTS, k=rng.randint(1, 20))) for _ in range(number // 2)]
    return latex + [
        "".join(map(chr, rng.choices(range(0x110000), k=9))) for _ in range(number // 2)
    ]


def test_symmetric_reflexive_and_never_raises():
    rng = random.Random(1)
    answers = random_answers(rng, 1000) + GOLDS
    for a in answers:
        b = rng.choice(answers)
        assert verify.same_value(a, b) == verify.same_value(b, a), (a, b)
        assert verify.same_value(a, b) or not is_equivalent(a, b), (a, b)
        assert all(isinstance(value, str) for value in verify.candidates(a)), a
        assert is_equivalent(a, a) == bool(a.strip()), a
        is_correct(a, b)
        extract_answer(a + rng.choice(["", "\\boxed{", "the answer is", "####", "</think>"]) + b)


HOSTILE = [
    *[
        "1e999999999",
        "5" + "e" * 50,
        "9^{9^{9^9}}",
        "0/0",
        "1/0",
        "0^0",
        r"\frac{\infty}{\infty}",
        "100000000!",
        "200!" * 99,
    ],
    *[
        "1" * 10**6,
        r"\frac{1}{" * 10**4,
        "(" * 10**4,
        "{" * 300 + "5" + "}" * 290,
        "٣",
        "５",
        "1_000",
        "x=" * 200,
    ],
    *["inf", "nan", "True", "__import__('os')", "\ud800", "\x00", r"\pm1" * 100, "(x+1)^{20}" * 50],
    *[
        "10^{400}" * 70,
        "+".join(f"1/({n}+x)" for n in range(60)),
        "±" * 5 + "(" + "+".join(f"1/(x+{n})" for n in range(40)) + r")+5\text{ cm}",
        "a" + r"\," * 295 + "b",
        r"\sqrt{" * 90 + "2" + "}" * 90,
        "1," * 250,
        ",".join(map(chr, range(0x4E00, 0x4E00 + 290))),
    ],
]


def test_nested_sets_are_compared_in_no_time():
    """Sets and unions have no order; trying all orders anew at each level would take ages."""
    pair = [
        rf"\{{{a},{b}\cup " * 25 + last + r"\}" * 25
        for a, b, last in (("2", "5", "1"), ("1+1", "4+1", "0+1"), ("2", "5", "7"))
    ]
    start = time.perf_counter()
    assert is_equivalent(pair[0], pair[1]) and not is_equivalent(pair[0], pair[2])
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_hostile_answers_are_wrong_and_fast(text):
    start = time.perf_counter()
    for gold in ("5", "x+1", r"\frac12", "0", "3"):
        assert not is_equivalent(text, gold) and not is_equivalent(gold, text)
        assert not is_correct(rf"\boxed{{{text}}}", gold)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "unit",
    [
        r"\boxed{",
        "\\",
        ".",
        "the answer is ",
        r"\left\right",
        "7",
        "\n",
        "####",
        "Answer: ",
        "<answer>",
        "</think>",
        "$",
        r"\\(A) ",
    ],
)
def test_ten_megabytes(unit):
    text = unit * (10**7 // len(unit))
    start = time.perf_counter()
    extract_answer(text)
    assert not is_correct(text, "5") and not is_equivalent(text, "5")
    assert is_correct(text + r"\boxed{5}" * (unit != r"\boxed{"), "5") == (unit != r"\boxed{")
    assert time.perf_counter() - start < 10


def test_each_row_of_the_rewriting_has_an_effect(monkeypatch):
    """Its example becomes what is written beside it, and would not without the row."""
    rewrites = verify._REWRITES
    for i, (_, _, example, becomes) in enumerate(verify._ROWS):
        assert verify._normalise.__wrapped__(example) == becomes
        monkeypatch.setattr(verify, "_REWRITES", rewrites[:i] + rewrites[i + 1 :])
        assert verify._normalise.__wrapped__(example) != becomes, f"{example}: without effect"
        monkeypatch.setattr(verify, "_REWRITES", rewrites)


@pytest.mark.parametrize(
    "answer, values",
    [
        ("3, perhaps 7", ["3", "7"]),
        ("7 (or 3)", ["7", "3"]),
        (r"\pm 7", ["7", "-7"]),
        (r"x = 1 \pm \sqrt{2}", [r"x = 1+\sqrt{2}", r"x = 1-\sqrt{2}"]),
        ("7?", ["7"]),
        ("3 = 5", ["3", "5"]),
        ("x = 3 = 5", ["3", "5"]),
        (r"\text{either } 3 \text{ or } 7", ["3", "7"]),
        (r"\{3, 7\}", ["3", "7"]),
        ("3; 7", ["3", "7"]),
        ("3 and maybe 7", ["3", "7"]),
        (r"3 \text{ as well as } 7", ["3", "7"]),
        ("between 3 and 7", ["3", "7"]),
        ("3 or, less likely, 7", ["3", "7"]),
        ("3, 7", ["3", "7"]),
        ("7 is my guess", ["7"]),
        ("5 apples", ["5"]),
        ("not 7", ["7"]),
        ("at least 7", ["7"]),
        ("1,234 or .5", ["1,234", ".5"]),
        ("(1,2) or (2,1)", ["(1,2)", "(2,1)"]),
        ("x = 3 or x = 5", ["x = 3", "x = 5"]),
        ("Evelyn or Navin", ["Evelyn", "Navin"]),
        ("A: 3, B: 7", ["3", "7"]),
        ("2x or y", ["2x", "y"]),
        (r"\frac12 \text{ or } \frac{1}{3}", [r"\frac12", r"\frac{1}{3}"]),
        *[(one, [one]) for one in ("7", "(3, 7)", "[3,7)", "1,234", "x = 5", "no solution", "2x")],
        *[(one, [one]) for one in (r"2 \cdot 3 = 6", "y = 2x", "x+1", "50%", r"\frac{3}{4}")],
        ("", []),
        ("???", ["???"]),
    ],
)
def test_candidates(answer, values):
    assert verify.candidates(answer) == values


def test_no_candidate_that_is_listed_as_wrong_has_the_golds_value():
    """What a hint lists of a hedge: its candidates without the gold."""
    hedges = "{a}, perhaps {b};{b} (or {a});{b}?;either {b} or {a};maybe {b};{a} to {b};I say {b};"
    hedges += (
        r"\{{{a}, {b}\}};about {b};{b} or so;{a} \text{{ as well as }} {b};{a} versus {b};not {b}"
    )
    for gold in (
        "7",
        "-7",
        "0.25",
        "1,234",
        r"\frac43",
        "x+1",
        "(3, 7)",
        r"2\sqrt{3}",
        r"\pi",
        "E",
    ):
        for hedge in hedges.split(";"):
            answer = hedge.format(a="41", b=gold)
            named = verify.candidates(answer)
            assert not is_equivalent(answer, gold)
            assert any(verify.same_value(value, gold) for value in named), (answer, named)
            wrong = [value for value in named if not verify.same_value(value, gold)]
            assert wrong == ["41"] * ("{a}" in hedge), (answer, named)


def run_verify(capsys, *argv) -> tuple[int, str, str]:
    status = verify.main(list(argv))
    return (status, *capsys.readouterr())


def test_command_line_of_the_checker(capsys):
    """Every stage, the verdict and the rule; one line and status 2 for what the user can mend."""
    status, out, err = run_verify(capsys, r"\boxed{$5$ apples}", "5.0")
    assert status == 0 and not err
    lines = out.splitlines()
    assert lines[0].endswith("$5$ apples") and lines[1].endswith('5"apple"')
    assert "number" in lines[2] and lines[3].endswith("5.0")
    assert lines[-1].split()[0] == "right" and "rules 1 and 10" in lines[-1]
    for answer, gold, verdict, rule in (
        (r"First \boxed{3}, then \boxed{2^{10}}.", "1024", "wrong", "rule 14"),
        ("The answer is 3 or 5.", "3", "wrong", "rules 2"),
        ("I don't know.", "3", "wrong", "rule 13"),
        ("0.333", "1/3", "wrong", "rule 1"),
        ("(1,2)", "(2,1)", "wrong", "rule 9"),
        ("5 rejected", "5", "wrong", "rule 13"),
        (r"\boxed{5 cm}", "5 m", "wrong", "rule 4"),
        (r"\sqrt{12}", r"2\sqrt3", "right", "rules 1 and 10"),
        ("9" * 700, "5", "wrong", "rule 13"),
    ):
        _, out, _ = run_verify(capsys, answer, gold)
        last = out.splitlines()[-1]
        assert last.split()[0] == verdict and rule in last, out
        assert (verdict == "right") == (is_equivalent(answer, gold) or is_correct(answer, gold))
    for argv in ((), ("5",), ("5", "5", "5")):
        status, out, err = run_verify(capsys, *argv)
        assert status == 2 and not out and err.startswith("verify.py: ") and err.count("\n") == 1


def test_command_line_survives_a_closed_pipe():
    command = f"{sys.executable} verify.py 5 5 | true; {sys.executable} verify.py 5 5 | head -1"
    done = subprocess.run(command, shell=True, cwd=HERE, capture_output=True, check=False)
    assert not done.stderr


def test_command_line_survives_any_terminal():
    for encoding in ("ascii", "latin-1", "cp1252", "utf-8"):
        command = [sys.executable, "verify.py", "x≤2 π 答案 \udcff", "√3"]
        env = os.environ | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, check=False)
        assert done.returncode == 0 and b"wrong" in done.stdout and not done.stderr


def test_blank_answers_are_wrong():
    assert not is_equivalent("", "") and not is_equivalent(" ", " \n")
    assert not is_correct(r"\boxed{}", "") and not is_correct("", "")


def test_pass_at_k():
    for n in range(1, 7):
        for c, k in itertools.product(range(n + 1), range(1, n + 1)):
            draws = list(itertools.combinations([i < c for i in range(n)], k))
            assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws))
    assert pass_at_k(1000, 1, 1) == 0.001  # to the last bit: the difference is of integers
    for nonsense in ((0, 0, 1), (4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5)):
        with pytest.raises(ValueError):
            pass_at_k(*nonsense)


# --------------------------------------------------------------------------------------------------
# The small model, the repository


def test_small_model_is_an_ordinary_checkpoint(policy):
    """Its solutions are right, in its own words, and its held-out problems are not trained on."""
    names = ("train", "valid", "test")
    files = {name: lte.load_problems(SMALL / f"{name}.jsonl") for name in names}
    for problems in files.values():
        for p in problems:
            assert is_correct(p.solution, p.answer)
            ids = policy.tokenizer(p.problem + p.solution, add_special_tokens=False)["input_ids"]
            assert policy.tokenizer.decode(ids) == p.problem + p.solution
            assert policy.tokenizer.unk_token_id not in ids
    texts = [p.problem for problems in files.values() for p in problems]
    assert len(set(texts)) == len(texts)
    assert sum(p.numel() for p in policy.model.parameters()) < 2e6


def test_small_model_was_taught_the_wording_of_hints(policy):
    """Each sentence is one token of its own."""
    for text in (evaluation.INSTRUCTION, lte.KNOWN_WRONG, lte.CONCISE, lte.SILENT):
        assert len(policy.tokenizer(text, add_special_tokens=False)["input_ids"]) == 1


def test_explain_shows_one_step(capsys, tmp_path):
    """All its stages, and a table of tokens whose figures follow from each other."""
    command = [sys.executable, SMALL / "explain.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert re.findall(r"^([1-9])\. ", out, re.MULTILINE) == list("123456")
    assert lte.KNOWN_WRONG in out.split("\n2. ")[1].split("\n3. ")[0]
    assert lte.KNOWN_WRONG not in out.split("\n2. ")[0]
    hinted_part = out.partition("of a failed response")[0]
    rows = re.findall(
        r"^   '.*' +([0-9.]+) +([0-9.]+) +([0-9.]+) +([0-9.]+) +[0-9.]+$", hinted_part, re.MULTILINE
    )
    for hinted, without, ratio, weight in (map(float, row) for row in rows):
        assert ratio == pytest.approx(without / hinted, rel=0.01, abs=0.002)
        assert weight == pytest.approx(0.1 * ratio / (ratio + 0.1) ** 2, abs=0.002)
    assert len(rows) > 5
    before, after = map(float, re.search(r"after: (\S+) and (\S+)\.\n", out).groups())
    assert after > before, "the step makes the rescued response likelier"


def imports(name: str) -> set[str]:
    nodes = ast.walk(ast.parse((HERE / name).read_text(encoding="utf-8")))
    names = set()
    for node in nodes:
        names |= {node.module} if isinstance(node, ast.ImportFrom) else set()
        names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
    return {name.split(".")[0] for name in names}


def test_import_directions():
    """lte.py -> eval.py -> verify.py -> standard library, and no module evaluates code."""
    third_party = {"torch", "transformers", "numpy", "tqdm", "matplotlib"}
    ours = {"lte", "verify", "eval"}
    for name, below in (("lte", {"eval", "verify"}), ("eval", {"verify"}), ("verify", set())):
        found = imports(f"{name}.py")
        assert found & ours == below and found - ours - third_party <= sys.stdlib_module_names
        calls = ast.walk(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8")))
        named = {
            c.func.id for c in calls if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)
        }
        assert not named & {"eval", "exec", "compile", "__import__"} and "pickle" not in found
    assert not imports("verify.py") & third_party


@pytest.mark.parametrize("module", [lte, evaluation, verify], ids=["lte", "eval", "verify"])
def test_examples_in_docstrings_run(module):
    result = doctest.testmod(module)
    assert result.failed == 0 and result.attempted > 0


README = (HERE / "README.md").read_text(encoding="utf-8")


def test_readme_links_lead_to_the_functions_they_name():
    links = re.findall(r"\[`(\w+)\.(\w+)`\]\((\w+)\.py#L([0-9]+)\)", README)
    assert len(links) > 8 and README.count(".py#L") == len(links)
    for module, name, file, line in links:
        source = (HERE / f"{file}.py").read_text(encoding="utf-8").split("\n")
        found = next(i for i, text in enumerate(source, 1) if text.startswith(f"def {name}("))
        assert (module, int(line)) == (file, found), f"{name} is in line {found}"


def test_readme_mentions_flags_and_files_that_exist(capsys):
    known = (SMALL / "make.py").read_text() + (SMALL / "explain.py").read_text()
    for kind in (lte.Config, evaluation.EvalConfig):
        known += " ".join(lte.flag(f.name) for f in dataclasses.fields(kind)) + " "
    for mentioned in set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", README)):
        assert mentioned in known, mentioned
    for file in re.findall(r"\]\(([\w./-]+?)(?:#\w+)?\)", README):
        assert (HERE / file).exists(), file
    assert len(README.splitlines()) <= 200


SHORTENED = """#!/usr/bin/env bash
# Stands in for python: the README's commands with fewer steps and samples, and without network.
set -e
figures() { PYTHON -c "import matplotlib" 2>/dev/null; }
case "$*" in
  *explain.py*--figure*) figures || exit 0; exec PYTHON "$@" ;;
  *--figure*) figures && exec PYTHON "$@"; exec PYTHON "${@:1:$#-2}" ;;
  *--probe*) exec PYTHON "$@" --probe 9 ;;
  lte.py*) exec PYTHON "$@" --steps 2 --eval-samples 2 --threads 1 ;;
  small-model/make.py*) exec PYTHON "$@" --steps 2 ;;
  *) exec PYTHON "$@" ;;
esac
"""


@pytest.mark.skipif("LTE_README" not in os.environ, reason="minutes; .ci/run sets LTE_README")
def test_readme_commands_run(tmp_path):
    """Every sh block of the README, in a copy of the repository."""
    for name in ("lte.py", "eval.py", "verify.py", "requirements.txt", "README.md"):
        shutil.copy(HERE / name, tmp_path)
    for name in ("small-model", "docs"):
        shutil.copytree(HERE / name, tmp_path / name)
    shim = tmp_path / "bin" / "python"
    shim.parent.mkdir()
    shim.write_text(SHORTENED.replace("PYTHON", sys.executable))
    shim.chmod(0o755)
    replaced = {
        "pip install -r": "test -f",
        "small-model runs/base1 runs/base2": "small-model",
        "for seed in 0 1": "for seed in 0",
        "for b in 1 2": "for b in 1",
        "for s in 0 1 2": "for s in 0",
        "HuggingFaceTB/SmolLM2-135M-Instruct": "small-model --out runs/probe",
        "--max-new-tokens 160": "--max-new-tokens 24",
        "Qwen/Qwen3-0.6B-Base": "small-model",
        "--data gsm8k": "--data small-model/valid.jsonl --out runs/gsm8k",
        "--eval-data gsm8k": "--eval-data small-model/test.jsonl",
        "math500 minerva olympiadbench amc23 aime24 aime25": "small-model/valid.jsonl",
    }
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == README.count("```sh") >= 4
    assert all(text in "".join(blocks) for text in replaced)
    for block in blocks:
        for text, short in replaced.items():
            block = block.replace(text, short)
        env = os.environ | {"PATH": f"{shim.parent}:{os.environ['PATH']}"}
        command = ["bash", "-e", "-c", block]
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stderr[-2000:]}"


def test_every_numbered_choice_has_a_test():
    numbers = {int(n) for n in re.findall(r"^ ?([0-9]+)\. ", lte.__doc__, re.MULTILINE)}
    source = Path(__file__).read_text(encoding="utf-8")
    tested = {int(n) for n in re.findall(r"^def test_choice_([0-9]+)_", source, re.MULTILINE)}
    assert numbers == tested == set(range(1, 10))
