"""Tests of lte.py, verify.py and eval.py: about three minutes on a CPU, nothing to download.

pytest test_lte.py                  everything
pytest test_lte.py -k choice        one test (or more) for each numbered choice of lte.py
pytest test_lte.py -k equations     the formulas of the paper, by value and by gradient
"""

from __future__ import annotations

import ast
import dataclasses
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
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

import eval as evaluation
import lte
import verify
from verify import extract_answer, is_correct, is_equivalent, pass_at_k

HERE = Path(__file__).resolve().parent
SMALL = HERE / "small-model"
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

# --------------------------------------------------------------------------------------------------
# Tiny random models, and rollouts made by hand


def tiny_model(kind: str, seed: int = 0, vocabulary: int = 40):
    """A random model of 2 layers, with weights large enough to have opinions."""
    torch.manual_seed(seed)
    common = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    common |= {"num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 64}
    ids = {"eos_token_id": 1, "bos_token_id": 2, "pad_token_id": 0}
    classes = {
        "llama": lambda: transformers.LlamaConfig(**common, **ids),
        "qwen3": lambda: transformers.Qwen3Config(
            **common, **ids, head_dim=8, tie_word_embeddings=True
        ),
        "qwen3 untied": lambda: transformers.Qwen3Config(
            **common, **ids | {"eos_token_id": [1, 7], "pad_token_id": 1}, head_dim=8
        ),
        "gpt2": lambda: transformers.GPT2Config(
            vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=4, n_positions=64, **ids
        ),
        "gemma2": lambda: transformers.Gemma2Config(
            **common, **ids, head_dim=8, sliding_window=6, final_logit_softcapping=4.0
        ),
        "mistral": lambda: transformers.MistralConfig(**common, **ids, sliding_window=6),
        "gpt_neo": lambda: transformers.GPTNeoConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            num_layers=2,
            num_heads=4,
            intermediate_size=48,
            window_size=6,
            attention_types=[[["global", "local"], 1]],
            max_position_embeddings=64,
            **ids,
        ),
        "qwen3_5": lambda: transformers.AutoConfig.for_model(
            "qwen3_5_text",
            **common,
            **ids,
            head_dim=8,
            linear_num_value_heads=4,
            linear_num_key_heads=2,
            linear_key_head_dim=8,
            linear_value_head_dim=8,
            layer_types=["linear_attention", "full_attention"],
        ),
        "gemma3n": lambda: transformers.AutoConfig.for_model(
            "gemma3n_text",
            **common | {"intermediate_size": [48] * 2},
            **ids,
            head_dim=8,
            sliding_window=6,
            layer_types=["sliding_attention", "full_attention"],
            num_kv_shared_layers=0,
            hidden_size_per_layer_input=8,
            vocab_size_per_layer_input=vocabulary,
            activation_sparsity_pattern=[0.0] * 2,
            laurel_rank=4,
        ),
        "lfm2": lambda: transformers.Lfm2Config(
            **common, **ids, layer_types=["conv", "full_attention"], block_multiple_of=8
        ),
    }
    model = transformers.AutoModelForCausalLM.from_config(classes[kind](), dtype=torch.float32)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.15)
    return model.eval()


RAGGED = [[5, 6], [7, 8, 9, 10, 11, 12, 13], [14], [3, 4, 5, 6]]
EOS = {1, 7, 20, 30}


def draw(model, prompts=RAGGED, group_size=5, new=12, temperature=1.0, seed=0, **more):
    generator = torch.Generator().manual_seed(seed)
    return lte.sample(model, prompts, group_size, new, temperature, EOS, generator, **more)


def rollout(text="", reward=0.0, truncated=False, **more) -> lte.Rollout:
    return lte.Rollout([5, 6], [7, 8, 1], [-1.0, -2.0, -0.5], text, reward, truncated, **more)


def said(answer) -> lte.Rollout:
    return rollout(f"so \\boxed{{{answer}}}")


def random_examples(seed=0, n=9) -> list[lte.Example]:
    """Rows of all lengths, on- and off-policy, of either sign of the advantage."""
    rng, examples = random.Random(seed), []
    for i in range(n):
        prompt = [rng.randrange(2, 40) for _ in range(rng.randrange(1, 9))]
        response = [rng.randrange(2, 40) for _ in range(rng.randrange(1, 14))] + [1]
        logprobs = [rng.uniform(-6, -0.1) for _ in response]
        row = lte.Rollout(prompt, response, logprobs, off_policy=i % 3 == 0)
        examples.append(lte.Example(row, rng.choice([-1.3, 0.7, 2.1])))
    return examples


def gradient(model, examples, **settings) -> torch.Tensor:
    """The gradient of one update, flat."""
    model.zero_grad(set_to_none=True)
    config = lte.Config(**settings)
    lte.accumulate_gradients(model, examples, config, lte.Tally(), first_pass=True)
    return torch.cat([p.grad.flatten() for p in model.parameters()])


# --------------------------------------------------------------------------------------------------
# The equations, by value and by gradient


def loss_and_gradient(log_ratio, advantage, off_policy, **more):
    """Loss of single tokens at the given log-ratios, and its gradient w.r.t. log pi_theta."""
    old = torch.full((len(log_ratio), 1), -2.0, dtype=torch.float64)
    logprobs = (old + torch.tensor(log_ratio, dtype=torch.float64)[:, None]).requires_grad_()
    mask, off = torch.ones_like(old, dtype=torch.bool), torch.tensor([off_policy] * len(log_ratio))
    advantages = torch.full((len(log_ratio),), advantage, dtype=torch.float64)
    loss = lte.mixed_policy_loss(logprobs, old, advantages, mask, off, **more)
    loss.backward()
    return loss.item(), logprobs.grad[:, 0]


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
    assert float(grad.abs().max()) == pytest.approx(0.25 / len(ratios))


def test_equations_on_policy_term_and_clip_quadrants():
    """min(r A, clip(r) A): no gradient just where A > 0 and r > 1+eps, or A < 0 and r < 1-eps."""
    for advantage in (2.0, -2.0):
        for r in (0.5, 0.79, 0.81, 1.0, 1.19, 1.21, 3.0):
            loss, grad = loss_and_gradient([math.log(r)], advantage, False, clip=0.2)
            stopped = r > 1.2 if advantage > 0 else r < 0.8
            clipped = min(max(r, 0.8), 1.2)
            assert loss == pytest.approx(-min(r * advantage, clipped * advantage))
            assert float(grad) == pytest.approx(0.0 if stopped else -r * advantage)


def test_equations_sum_over_tokens_and_mask():
    """Tokens add up, masked ones count neither above nor below, and normalisers are as given."""
    torch.manual_seed(0)
    logprobs, old = -torch.rand(4, 5) * 3, -torch.rand(4, 5) * 3
    mask = torch.arange(5) < torch.tensor([5, 2, 3, 1])[:, None]
    advantages, off = torch.tensor([1.0, -1.0, 0.5, 2.0]), torch.tensor([False, True, True, False])
    on_sum = off_sum = 0.0
    for i in range(4):
        for t in range(int(mask[i].sum())):
            r, a = math.exp(logprobs[i, t] - old[i, t]), float(advantages[i])
            if off[i]:
                off_sum += r / (r + 0.1) * a
            else:
                on_sum += min(r * a, min(max(r, 0.8), 1.2) * a)
    loss = lte.mixed_policy_loss(logprobs, old, advantages, mask, off)
    assert float(loss) == pytest.approx(-(on_sum + off_sum) / 11, rel=1e-5)
    loss = lte.mixed_policy_loss(logprobs, old, advantages, mask, off, tokens=(6, 5))
    assert float(loss) == pytest.approx(-(on_sum / 6 + off_sum / 5), rel=1e-5)


def test_equations_loss_stays_finite_at_extreme_ratios():
    """Off-policy any ratio can occur. What the on-policy branch makes of it must not leak in."""
    loss, grad = loss_and_gradient([800.0, -800.0, 0.0], -1.0, True)
    assert math.isfinite(loss) and torch.isfinite(grad).all()
    values = torch.tensor([[900.0, -1.0], [-1.0, -1.0]], requires_grad=True)
    flags = torch.tensor([True, False]), torch.ones(2, 2, dtype=torch.bool)
    loss = lte.mixed_policy_loss(values, torch.zeros(2, 2), torch.ones(2), flags[1], flags[0])
    loss.backward()
    assert torch.isfinite(values.grad).all()


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
# The sampler


ARCHITECTURES = ["llama", "qwen3", "qwen3 untied", "gpt2", "gemma2", "mistral"]


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sampler_log_probabilities_equal_teacher_forced_ones(kind, temperature, monkeypatch):
    """For ragged prompts, rotary and learned positions, sliding windows and capped logits; with all
    rows at once, and with few rows so that prompts have to wait for places."""
    model, choose, rows = tiny_model(kind), lte.choose, []

    def counting(logits, *args):
        rows.append(len(logits))
        return choose(logits, *args)

    monkeypatch.setattr(lte, "choose", counting)
    for max_rows in (1024, 7):
        rows.clear()
        groups = draw(model, temperature=temperature, max_rows=max_rows)
        assert max(rows) == min(max_rows, 20) and len(set(rows)) > 1, "rows that are done leave"
        for row in (r for group in groups for r in group):
            ids = torch.tensor([row.prompt_ids + row.response_ids])
            with torch.no_grad():
                logits = model(input_ids=ids).logits[0].float() / temperature
            expected = logits.log_softmax(-1)[:-1].gather(-1, ids[0, 1:, None])[:, 0]
            recorded = torch.tensor(row.logprobs)
            assert (expected[-len(row.response_ids) :] - recorded).abs().max() < 1e-5
            assert row.truncated == (row.response_ids[-1] not in EOS)
            assert not EOS & set(row.response_ids[:-1]) and len(row.response_ids) <= 12
        assert [g[0].prompt_ids for g in groups] == RAGGED and {len(g) for g in groups} == {5}
        lengths = {len(r.response_ids) for g in groups for r in g}
        assert len(lengths) > 3, "rows should end at different times, or this tests little"


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_trainer_scores_what_the_sampler_recorded(kind):
    """score(), right-padded in micro-batches, gives the log-probabilities of sampling: ratio 1."""
    model = tiny_model(kind)
    examples = [lte.Example(r, 1.0) for group in draw(model) for r in group]
    for batch in lte.micro_batches(examples, 60):
        logprobs, entropy = lte.score(model, batch, 1.0, with_entropy=True)
        old = torch.tensor([p for e in batch for p in e.rollout.logprobs])
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
    for prompt, [ours] in zip(
        RAGGED, draw(model, group_size=1, temperature=0, new=20), strict=True
    ):
        flags = {"do_sample": False, "eos_token_id": sorted(EOS), "pad_token_id": 0}
        theirs = model.generate(torch.tensor([prompt]), max_new_tokens=20, **flags)
        assert ours.response_ids == theirs[0, len(prompt) :].tolist()


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
    logits = torch.tensor([[0.5, 0.0, 0.25, 0.25, 0.0]]).log()
    for u, token in ((0, 0), (0.4999, 0), (0.5, 2), (0.7499, 2), (1 - 2**-53, 3)):
        chosen, logprob = lte.choose(logits.clone(), 1.0, torch.tensor([u], dtype=torch.double))
        assert chosen.item() == token
        assert logprob.item() == pytest.approx(float(logits[0, token]), abs=1e-6)
    tail = torch.full((1, 1000), -math.inf)
    tail[0, 3], tail[0, 999] = 0.0, math.log(1e-12)
    u = torch.tensor([1 - 1e-13], dtype=torch.double)
    assert lte.choose(tail.clone(), 1.0, u)[0].item() == 999
    assert lte.choose(tail.clone(), 0.0, u)[0].item() == 3, "greedy"


@pytest.mark.parametrize("kind", ["llama", "gemma2", "qwen3_5", "lfm2"])
def test_what_is_sampled_depends_on_the_seed_only(kind):
    """Not on how many rows are decoded at a time (--cache-gib), nor on the other prompts."""
    model = tiny_model(kind)
    whole = [[r.response_ids for r in g] for g in draw(model, new=20)]
    for max_rows in (1, 3, 7, 19):
        few = [[r.response_ids for r in g] for g in draw(model, new=20, max_rows=max_rows)]
        assert few == whole
    others = draw(model, [RAGGED[0], [9] * 20], new=20)
    assert [r.response_ids for r in others[0]] == whole[0]
    assert len({tuple(ids) for ids in whole[0]}) == 5, "responses to one prompt differ"


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_cache_budget_in_gib(kind, monkeypatch):
    """The cache of the rows that fit takes no more than the budget, and not much less."""
    model, made = tiny_model(kind), []

    def noting(*args, **more):
        made.append(cache(*args, **more))
        return made[-1]

    cache = lte.DynamicCache
    monkeypatch.setattr(lte, "DynamicCache", noting)
    for gib in (1e-4, 3e-4):
        rows = lte.rows_that_fit(model, 19, gib)
        lte.sample(model, [[5] * 7] * rows, 1, 12, 1.0, set(), torch.Generator(), max_rows=rows)
        held = [part for layer in made[-1].layers for part in vars(layer).values()]
        held += [x for part in held if isinstance(part, dict) for x in part.values()]
        size = sum(x.nbytes for x in held if isinstance(x, torch.Tensor))
        least = 0.2 if model.config.model_type in ("gemma2", "mistral") else 0.9  # windows
        assert least < size / (gib * 2**30) <= 1
    assert lte.rows_that_fit(model, 19, 1e-9) == 1 and lte.rows_that_fit(model, 1, 4.0) == 1024


def test_cache_is_freed_at_once(monkeypatch):
    """No reference cycle may keep gigabytes until the garbage collector happens to run."""
    layers, update = [], lte.RoomyLayer.update

    def noting(self, *args, **more):
        layers.append(weakref.ref(self))
        return update(self, *args, **more)

    monkeypatch.setattr(lte.RoomyLayer, "update", noting)
    gc.disable()
    try:
        draw(tiny_model("llama"))
        assert layers and not any(layer() for layer in layers)
    finally:
        gc.enable()


def test_long_sampling_shows_a_bar_and_leaves_nothing_behind(monkeypatch, capsys):
    """Responses done of all and tokens per second, once it has taken two seconds."""
    forward = lte.next_logits

    def slow(*args):
        time.sleep(0.3)
        return forward(*args)

    draw(tiny_model("llama"))
    assert capsys.readouterr().err == "", "short work is silent"
    monkeypatch.setattr(lte, "next_logits", slow)
    draw(tiny_model("llama"))
    shown = capsys.readouterr().err
    assert re.search(r"/20 \[.*tokens/s", shown), "20 responses"
    assert not shown.split("\r")[-1].strip(), "the bar is wiped out"


@pytest.mark.parametrize("kind", ["gpt_neo", "qwen3_5", "lfm2", "gemma3n", "mistral"])
def test_models_are_checked_beyond_their_windows(kind, monkeypatch):
    """Right ones pass; a cache that is wrong just beyond the window is noticed."""
    model = tiny_model(kind)
    policy = lte.Policy(model, None, {1})
    lte.check_sampler(policy, kind)
    forward = lte.next_logits

    def wrong(model, ids, mask, position, cache):
        position = torch.where(position > 8, position - 3, position)
        return forward(model, ids, mask, position, cache)

    monkeypatch.setattr(lte, "next_logits", wrong)
    if kind != "lfm2":
        with pytest.raises(lte.UserError, match="can't handle"):
            lte.check_sampler(policy, kind)


def test_sampler_refuses_what_cannot_fit():
    with pytest.raises(lte.UserError, match="context"):
        draw(tiny_model("llama"), [[5] * 60])
    with pytest.raises(lte.UserError, match="empty"):
        draw(tiny_model("llama"), [[]])
    assert draw(tiny_model("llama"), []) == []


# --------------------------------------------------------------------------------------------------
# Hints and prompts


def test_choice_1_kinds_of_hint():
    """The paper's table: all truncated, some, none."""
    cut = rollout("and so on", truncated=True)
    assert lte.build_hint([cut] * 3) == lte.Hint("Concise")
    assert lte.build_hint([said(4), cut]) == lte.Hint("ConciseHint", ("4",))
    assert lte.build_hint([said(4), said(5)]) == lte.Hint("Hint", ("4", "5"))


def test_choice_1_answers_of_the_hint():
    """In order, one spelling a value, none of a truncated response, few, short, never the gold."""
    cut = dataclasses.replace(said(9), truncated=True)
    failed = [
        said("1/2"),
        said(7),
        said("0.5"),
        said("\\frac{2}{4}"),
        cut,
        rollout("no idea"),
        said(3),
    ]
    assert lte.build_hint(failed).answers == ("1/2", "7", "3")
    assert len(lte.build_hint([said(i) for i in range(20)]).answers) == 8
    assert lte.build_hint([said("1" * 101), said(2)]).answers == ("2",)
    assert lte.build_hint([said("14/4"), said(2)], gold="7/2").answers == ("2",)
    hedges = [
        "5 or 7",
        "5, 7",
        r"\{5,7\}",
        r"5 \text{ or } 7",
        "x=7 or x=5",
        "7 = 5",
        "7 or maybe 5",
    ]
    assert lte.build_hint([said(h) for h in hedges], gold="7") is None
    assert lte.build_hint([said("7,000"), said("17")], gold="7").answers == ("7,000", "17")


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


@pytest.fixture(scope="session")
def policy() -> lte.Policy:
    return lte.load_policy(str(SMALL))


def some_problems(n: int = 30) -> list[lte.Problem]:
    """Problems of all families."""
    problems = lte.load_problems(SMALL / "train.jsonl")
    return random.Random(0).sample(problems, n)


def small_config(**more) -> lte.Config:
    recipe = lte.read_recipe(str(SMALL)) | {"threads": 1}
    return lte.Config(**recipe | {"model": str(SMALL), "data": str(SMALL / "train.jsonl")} | more)


def test_prompt_equals_the_chat_template_for_ordinary_text(policy):
    for hint in (None, lte.Hint("Hint", ("1/2", "3/4"))):
        ids = lte.build_prompt(policy.tokenizer, "Compute 1/2 + 1/3.", hint)
        parts = ["Compute 1/2 + 1/3.", *([hint.text] if hint else []), lte.INSTRUCTION]
        message = [{"role": "user", "content": "\n\n".join(parts)}]
        chat = policy.tokenizer.apply_chat_template(
            message, tokenize=False, add_generation_prompt=True
        )
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


def test_prompt_without_chat_template(policy):
    tokenizer = transformers.AutoTokenizer.from_pretrained(SMALL)
    tokenizer.chat_template = None
    text = tokenizer.decode(lte.build_prompt(tokenizer, "Compute 1/2."))
    assert text == f"Compute 1/2.\n\n{lte.INSTRUCTION}\n" or tokenizer.unk_token in text
    assert len(lte.build_prompt(tokenizer, "Compute 1/2.")) > 3


# --------------------------------------------------------------------------------------------------
# Groups: extra rollouts and mixing


def mixed(failed=8, right=3, wrong=5, seed=0, **more) -> list[lte.Rollout]:
    group = [rollout(f"first {i}") for i in range(failed)]
    extra = [
        rollout(f"extra {i}", float(i < right), hint="Hint", off_policy=True)
        for i in range(right + wrong)
    ]
    for r in extra:
        r.prompt_ids = [9, 9, 9]
    return lte.mix_group(group, extra, random.Random(seed), **more)


def test_mixing_replaces_failed_ones_at_random():
    group = mixed(right=3)
    assert len(group) == 8 and sum(r.reward == 1 for r in group) == 3
    places = {tuple(i for i, r in enumerate(mixed(right=1, seed=s)) if r.reward) for s in range(60)}
    assert len(places) == 8, "any failed rollout may be the one that is replaced"


def test_mixing_takes_the_hint_out_of_the_prompt():
    assert all(r.prompt_ids == [5, 6] for r in mixed())
    assert [r.hint for r in mixed() if r.reward] == ["Hint"] * 3


def test_group_whose_extra_rollouts_all_fail_is_unchanged():
    assert mixed(right=0, wrong=8) == [rollout(f"first {i}") for i in range(8)]


def test_choice_2_all_right_keeps_a_failed_one():
    group = mixed(right=8, wrong=0)
    assert sum(r.reward == 1 for r in group) == 7
    assert lte.group_advantages([r.reward for r in group]).any()


def test_hints_go_to_none_pass_groups_only(policy):
    """And never hold the reference answer; the examples to train on never hold the hint."""
    config = small_config(method="lte")
    problems = some_problems(40)
    groups = lte.sample_groups(policy, problems, config, torch.Generator().manual_seed(0))
    for group in groups:
        lte.grade(group.rollouts, group.problem, policy.tokenizer)
        group.passed = sum(r.reward == 1 for r in group.rollouts)
    retried = lte.sample_again(policy, groups, config, torch.Generator().manual_seed(1))
    assert 0 < len(retried) < len(groups)
    for group in groups:
        assert bool(group.extra) == (group.passed == 0) == (group.hint is not None)
        if group.hint:
            gold = group.problem.answer
            assert not any(verify.is_equivalent(a, gold) for a in group.hint.answers)
            assert group.extra[0].prompt_ids != group.rollouts[0].prompt_ids
            assert all(r.hint == group.hint.kind and r.off_policy for r in group.extra)
            for r in group.extra:
                r.reward = 1.0
            members = lte.mix_group(group.rollouts, group.extra, random.Random(0))
            plain = lte.build_prompt(policy.tokenizer, group.problem.problem)
            assert all(r.prompt_ids == plain for r in members)


def test_shuffled_hints_hold_another_problems_answers():
    def group(gold, *answers):
        return lte.Group(lte.Problem("?", gold), [said(a) for a in answers])

    groups = [
        group("1", "2", "3"),
        group("3", "4", "1"),
        group("5", "10/2", "1 or 5"),  # hedges that failed though they hold the gold
    ]
    lte.give_hints(groups, shuffled=False)
    assert [g.hint and g.hint.answers for g in groups] == [("2", "3"), ("4", "1"), None]
    lte.give_hints(groups, shuffled=True)
    assert [g.hint and g.hint.answers for g in groups] == [("4",), ("2",), None], (
        "but never the gold"
    )


def test_shuffled_hints_reach_the_extra_rollouts(policy):
    hints = {}
    for answers in ("own", "shuffled"):
        config, generator = small_config(hint_answers=answers), torch.Generator().manual_seed(0)
        groups = lte.sample_groups(policy, some_problems(12), config, generator)
        for group in groups:
            lte.grade(group.rollouts, group.problem, policy.tokenizer)
            group.passed = sum(r.reward == 1 for r in group.rollouts)
        lte.sample_again(policy, groups, config, generator)
        hints[answers] = [g.hint.answers for g in groups if g.hint and g.hint.kind == "Hint"]
    assert len(hints["own"]) > 2
    assert not any(a == b for a, b in zip(hints["own"], hints["shuffled"], strict=True))


def test_grpo_extra_and_lte_with_an_empty_hint_sample_the_same(policy, monkeypatch):
    """With nothing in the hint only the loss differs: the same rollouts, groups and advantages."""
    monkeypatch.setattr(lte, "build_hint", lambda failed, gold=None: lte.Hint("Hint"))
    seen = {}
    for method in ("lte", "grpo-extra"):
        fresh = lte.load_policy(str(SMALL))
        optimizer = torch.optim.AdamW(fresh.model.parameters(), lr=1e-3)
        config = small_config(method=method)
        groups, metrics = lte.train_step(fresh, fresh, optimizer, some_problems(), config, step=1)
        rows = [
            [(r.response_ids, r.logprobs, r.reward, r.prompt_ids) for r in g.rollouts]
            for g in groups
        ]
        seen[method] = (rows, metrics["none_pass"], metrics["rescued"], metrics["sampled_tokens"])
        off = any(r.off_policy for g in groups for r in g.rollouts)
        assert metrics["none_pass"] and off == (method == "lte" and metrics["rescued"] > 0)
    assert seen["lte"] == seen["grpo-extra"]


def test_choice_7_luffy_adds_the_solution_as_an_off_policy_response(policy):
    problem = lte.load_problems(SMALL / "train.jsonl")[0]
    prompt = lte.build_prompt(policy.tokenizer, problem.problem)
    for solution, joins in ((problem.solution, True), ("\\boxed{wrong}", False), (None, False)):
        p = dataclasses.replace(problem, solution=solution)
        group = lte.Group(p, [lte.Rollout(prompt, [5, 1], [-1.0, -1.0]) for _ in range(4)])
        lte.add_solution(policy, group)
        assert len(group.rollouts) == 4 + joins
    group = lte.Group(problem, [lte.Rollout(prompt, [5, 1], [-1.0, -1.0])])
    lte.add_solution(policy, group)
    added = group.rollouts[-1]
    assert added.reward == 1 and added.off_policy and set(added.logprobs) == {0.0}
    assert added.prompt_ids == prompt and added.response_ids[-1] in policy.eos_ids
    assert policy.tokenizer.decode(added.response_ids[:-1]) == problem.solution
    endless = dataclasses.replace(problem, solution="and " * 2000 + problem.solution)
    group = lte.Group(endless, [lte.Rollout(prompt, [5, 1], [-1.0, -1.0])])
    lte.add_solution(policy, group)
    assert len(group.rollouts) == 1, "what does not fit the context stays out"


# --------------------------------------------------------------------------------------------------
# The update


NEW_FAMILIES = ["qwen3_5", "gemma3n", "lfm2"]  # recurrent layers, shared inputs, convolutions


@pytest.mark.parametrize("kind", ["llama", "gpt2", *NEW_FAMILIES])
@pytest.mark.parametrize(
    "settings", [{}, {"separate_normalisers": True}, {"entropy_coef": 0.1}], ids=str
)
def test_gradient_does_not_depend_on_micro_batches_order_or_padding(kind, settings):
    model, examples = tiny_model(kind), random_examples()
    whole = gradient(model, examples, **settings)
    assert whole.abs().max() > 1e-3
    rounding = 1e-5 if kind in NEW_FAMILIES else 1e-6
    for budget in (1, 30, 61):
        parts = gradient(model, examples, micro_tokens=budget, **settings)
        assert (whole - parts).abs().max() < rounding * max(1, float(whole.abs().max()))
    shuffled = random.Random(1).sample(examples, len(examples))
    assert (whole - gradient(model, shuffled, **settings)).abs().max() < rounding


@pytest.mark.parametrize("kind", NEW_FAMILIES)
def test_a_training_step_of_a_new_family(kind, policy, monkeypatch):
    """From rollouts to update; at its start the trainer computes what the sampler recorded."""
    model = tiny_model(kind, vocabulary=len(policy.tokenizer))
    fresh = policy._replace(model=model)
    monkeypatch.setattr(lte, "is_correct", lambda text, gold: len(text) % 7 == 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    before = [p.detach().clone() for p in model.parameters()]
    config = small_config(updates_per_step=1, max_new_tokens=12)
    _, metrics = lte.train_step(fresh, fresh, optimizer, some_problems(9), config, step=1)
    assert metrics["ratio_on"] == pytest.approx(1, abs=1e-4) and metrics["logprob_gap"] < 1e-4
    assert metrics["grad_norm"] > 0
    assert not all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("separate", [False, True])
def test_gradient_equals_that_of_the_equations_written_out(separate):
    """Row by row and token by token: prompts, EOS, temperature, clip, gamma, Z and Z', entropy."""
    model, examples = tiny_model("gpt2"), random_examples()
    flags = {"temperature": 0.7, "clip": 0.1, "gamma": 0.3, "entropy_coef": 0.05}
    ours = gradient(model, examples, **flags, separate_normalisers=separate)
    model.zero_grad(set_to_none=True)
    tokens = {False: 0, True: 0}
    for row, _ in examples:
        tokens[row.off_policy] += len(row.response_ids)
    every, objective = sum(tokens.values()), 0.0
    for row, advantage in examples:
        logits = model(input_ids=torch.tensor([row.prompt_ids + row.response_ids])).logits[0]
        for t, (token, old) in enumerate(zip(row.response_ids, row.logprobs, strict=True)):
            logp = (logits[len(row.prompt_ids) - 1 + t] / 0.7).log_softmax(-1)
            r = (logp[token] - old).exp()
            clipped = torch.minimum(r * advantage, r.clamp(0.9, 1.1) * advantage)
            term = r / (r + 0.3) * advantage if row.off_policy else clipped
            objective = objective + term / (tokens[row.off_policy] if separate else every)
            objective = objective + 0.05 * -(logp.exp() * logp).sum() / every
    (-objective).backward()
    assert (ours - torch.cat([p.grad.flatten() for p in model.parameters()])).abs().max() < 2e-6


def test_each_update_has_its_own_share_of_the_groups(policy, monkeypatch):
    """Every rollout is trained on once, in as many optimizer steps as the setting says."""
    seen, accumulate = [], lte.accumulate_gradients

    def spy(model, examples, *args):
        seen.append([id(e.rollout) for e in examples])
        accumulate(model, examples, *args)

    monkeypatch.setattr(lte, "accumulate_gradients", spy)
    fresh = lte.load_policy(str(SMALL))
    optimizer = torch.optim.AdamW(fresh.model.parameters(), lr=1e-3)
    config = small_config(updates_per_step=3)
    groups, _ = lte.train_step(fresh, fresh, optimizer, some_problems(20), config, step=1)
    assert len(seen) == 3
    assert {int(state["step"]) for state in optimizer.state.values()} == {3}
    trained = [number for part in seen for number in part]
    assert sorted(trained) == sorted(id(r) for g in groups for r in g.rollouts)


def test_choice_3_normalisers():
    """One count for both kinds of tokens, or one for each; always those of the whole update."""
    rows = [
        lte.Example(lte.Rollout([5], [6] * n, off_policy=off), 1.0)
        for n, off in ((3, 0), (4, 1), (5, 0))
    ]
    assert lte.token_counts(rows, separate=False) == (12, 12)
    assert lte.token_counts(rows, separate=True) == (8, 4)
    model, examples = tiny_model("llama"), random_examples()
    on = [e for e in examples if not e.rollout.off_policy]
    off = [e for e in examples if e.rollout.off_policy]
    total, separate = (
        gradient(model, examples),
        gradient(model, examples, separate_normalisers=True),
    )
    z = lte.token_counts(examples, separate=True)
    g_on, g_off = gradient(model, on), gradient(model, off)
    assert torch.allclose(separate, g_on + g_off, atol=1e-6)
    assert torch.allclose(total, (g_on * z[0] + g_off * z[1]) / sum(z), atol=1e-6)


def test_choice_6_groups_of_equal_rewards_count_in_the_normaliser_only():
    model, examples = tiny_model("llama"), random_examples()
    idle = [lte.Example(e.rollout, 0.0) for e in random_examples(seed=1)]
    z, more = (lte.token_counts(rows, False)[0] for rows in (examples, examples + idle))
    assert torch.allclose(
        gradient(model, examples) * z / more, gradient(model, examples + idle), atol=1e-6
    )


def test_choice_6_without_advantage_nothing_moves(policy):
    """Not even by AdamW's momentum and decay, which an optimizer step would apply."""
    fresh = lte.load_policy(str(SMALL))
    weights = fresh.model.parameters
    optimizer = torch.optim.AdamW(weights(), lr=1e-2, weight_decay=0.1)
    sum(p.square().sum() for p in weights()).backward()
    optimizer.step()  # so that there is momentum
    optimizer.zero_grad()
    before = [p.detach().clone() for p in weights()]
    for reward in (0.0, 1.0):
        group = lte.Group(lte.Problem("?", "1"), [rollout(reward=reward) for _ in range(4)])
        metrics = lte.update(fresh, optimizer, [group] * 3, small_config(updates_per_step=2))
        assert metrics["grad_norm"] == 0
    assert all(torch.equal(a, b) for a, b in zip(before, weights(), strict=True))


def test_entropy_bonus_is_the_mean_over_all_tokens():
    """Of an update that has on-policy tokens only, as those of plain GRPO."""
    model, examples = tiny_model("llama"), [lte.Example(rollout(), a) for a in (1.0, -1.0)]
    losses = []
    for coefficient in (0.0, 0.5):
        tally, config = lte.Tally(), lte.Config(device="cpu", entropy_coef=coefficient)
        lte.accumulate_gradients(model, examples, config, tally, True)
        losses.append(tally.loss)
    with torch.no_grad():
        _, entropy = lte.score(model, examples, 1.0, with_entropy=True)
    assert losses[0] - losses[1] == pytest.approx(0.5 * entropy.mean().item(), rel=1e-4)


@pytest.mark.parametrize("pad", [0, 1], ids=["pad", "pad is eos"])
def test_eos_is_in_the_loss_and_padding_is_not(pad):
    """Response tokens and nothing else are scored, the EOS among them, wherever 0 or 1 occurs."""
    model = tiny_model("llama")
    model.config.pad_token_id = pad
    rows = [([5, 0, 1], [6, 1, 7, 0, 1]), ([5], [1]), ([8, 9, 1, 1], [0, 0])]
    examples = [lte.Example(lte.Rollout(p, r), 1.0) for p, r in rows]
    logprobs, _ = lte.score(model, examples, 1.0)
    expected = []
    for prompt, response in rows:
        with torch.no_grad():
            full = model(input_ids=torch.tensor([prompt + response])).logits[0].log_softmax(-1)
        expected += [float(full[len(prompt) - 1 + t, token]) for t, token in enumerate(response)]
    assert logprobs.tolist() == pytest.approx(expected, abs=1e-5)


def test_micro_batches_keep_the_budget():
    examples = random_examples(n=40)
    for budget in (1, 50, 200):
        batches = list(lte.micro_batches(examples, budget))
        assert sorted(map(id, examples)) == sorted(id(e) for b in batches for e in b)
        assert all(len(b) == 1 or len(b) * max(e.length for e in b) <= budget for b in batches)


def test_gradient_checkpointing_does_not_change_the_gradient():
    model, examples = tiny_model("qwen3"), random_examples()
    plain = gradient(model, examples)
    model.activation_checkpointing_enable()
    model.train()
    assert torch.allclose(plain, gradient(model, examples), atol=1e-6)


def test_non_finite_gradient_skips_the_update():
    fresh = lte.load_policy(str(SMALL))
    optimizer = torch.optim.AdamW(fresh.model.parameters(), lr=1e-2)
    before = [p.detach().clone() for p in fresh.model.parameters()]
    group = lte.Group(lte.Problem("?", "1"), [rollout(reward=1.0), rollout()])
    group.rollouts[0].logprobs = [math.nan] * 3
    metrics = lte.update(fresh, optimizer, [group], small_config(updates_per_step=1))
    assert metrics["skipped_updates"] == 1
    assert all(torch.equal(a, b) for a, b in zip(before, fresh.model.parameters(), strict=True))


def test_choice_5_ratio_is_1_on_the_first_update(policy):
    """pi_old is the sampler's: before any update the trainer's log-probabilities are the same."""
    fresh = lte.load_policy(str(SMALL))
    optimizer = torch.optim.AdamW(fresh.model.parameters(), lr=1e-3)
    config = small_config(updates_per_step=1)
    groups, metrics = lte.train_step(fresh, fresh, optimizer, some_problems(), config, step=1)
    assert metrics["logprob_gap"] < 1e-5 and metrics["clip_fraction"] == 0
    assert metrics["ratio_on"] == pytest.approx(1, abs=1e-5)
    assert metrics["rescued"] and metrics["ratio_off"] < 0.99, "hinted ones are off-policy"
    rescued = [g for g in groups if any(r.off_policy for r in g.rollouts)]
    assert metrics["rescued"] == len(rescued) < metrics["none_pass"]
    assert metrics["reward"] == pytest.approx(sum(g.passed for g in groups) / 8 / len(groups))
    config = small_config(temperature=0.7)
    _, metrics = lte.train_step(fresh, fresh, optimizer, some_problems(), config, step=2)
    assert metrics["logprob_gap"] < 1e-5, "at any temperature"


@pytest.fixture
def bf16_compute(monkeypatch):
    """What a GPU does, on the CPU: float32 weights, bfloat16 computation."""
    monkeypatch.setattr(lte, "mixed_precision", lambda config: True)


def test_choice_5_in_mixed_precision_ratios_start_at_1(bf16_compute):
    """The sampler's bfloat16 differs from the trainer's; its own log-probabilities replace those."""
    fresh, config = lte.load_policy(str(SMALL)), small_config(updates_per_step=1)
    old = lte.sampling_policy(fresh, config)
    optimizer = torch.optim.AdamW(fresh.model.parameters(), lr=1e-3)
    assert {p.dtype for p in old.model.parameters()} == {torch.bfloat16}
    assert {b.dtype for b in old.model.buffers()} == {torch.float32}, "rotary frequencies"
    _, metrics = lte.train_step(fresh, old, optimizer, some_problems(), config, step=1)
    assert metrics["ratio_on"] == 1 and metrics["clip_fraction"] == 0
    assert 1e-4 < metrics["logprob_gap"] < 0.5 and metrics["rescued"]
    assert {p.dtype for p in fresh.model.parameters()} == {torch.float32}
    state = {x.dtype for s in optimizer.state.values() for x in s.values() if x.dim()}
    assert state == {torch.float32}
    for weight, copied in zip(fresh.model.parameters(), old.model.parameters(), strict=True):
        assert torch.equal(weight.bfloat16(), copied), "pi_old is refreshed after the update"
    _, metrics = lte.train_step(
        fresh, old, optimizer, some_problems(), small_config(updates_per_step=2), step=2
    )
    assert metrics["ratio_on"] != 1, "the second update is off pi_old by the first"


def off_by(monkeypatch, nats: float) -> None:
    """A sampler that records other log-probabilities than the trainer computes."""
    choose = lte.choose

    def wrong(*args):
        tokens, logprobs = choose(*args)
        return tokens, logprobs - nats

    monkeypatch.setattr(lte, "check_sampler", lambda *args: None)
    monkeypatch.setattr(lte, "choose", wrong)


def test_a_sampler_that_disagrees_with_the_trainer_ends_the_run(tmp_path, monkeypatch, capsys):
    """In float32, before the first update, in one line; and what was done so far is saved."""
    with monkeypatch.context() as patch:
        off_by(patch, 0.1)
        assert run_main(tmp_path / "run", "--eval-every", "0") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("lte.py: sampler and trainer disagree") and "0.1 nats" in error
    assert list((tmp_path / "run" / "checkpoint").glob("*.pt"))
    off_by(monkeypatch, 0.04)
    assert run_main(tmp_path / "less", "--eval-every", "0", "--steps", "1") == 0


def test_in_bf16_there_is_a_warning(bf16_compute, monkeypatch, capsys):
    for nats, warned in ((0.0, False), (2.0, True)):
        with monkeypatch.context() as patch:
            off_by(patch, nats)
            fresh, config = lte.load_policy(str(SMALL)), small_config(updates_per_step=1)
            old = lte.sampling_policy(fresh, config)
            optimizer = torch.optim.AdamW(fresh.model.parameters(), lr=1e-3)
            lte.train_step(fresh, old, optimizer, some_problems(9), config, step=1)
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

    here, there = (lte.load_policy(str(SMALL)) for _ in range(2))
    move(there.model)
    for function in ("sample", "cache_bytes"):  # inference mode hides operations
        monkeypatch.setattr(lte, function, torch.no_grad()(getattr(lte, function).__wrapped__))
    monkeypatch.setattr(torch, "tensor", tensor)
    found = []
    with NewTensors():
        for policy in (here, there):
            config = small_config(prompts_per_step=9)
            optimizer = torch.optim.AdamW(policy.model.parameters(), lr=1e-3)
            _, metrics = lte.train_step(policy, policy, optimizer, some_problems(9), config, step=1)
            names = ("reward", "rescued", "loss", "ratio_on", "ratio_off", "entropy", "grad_norm")
            found.append([metrics[name] for name in names])
        assert not OnDevice.mixed
        assert (torch.ones(2, device="meta") + torch.ones(2)).tolist() == [2, 2]
    assert OnDevice.mixed == {"add"}, "it would be noted"
    OnDevice.mixed.clear()
    assert there.model.device.type == "meta" and found[0][1] > 0
    assert found[0] == pytest.approx(found[1], abs=1e-4)


# --------------------------------------------------------------------------------------------------
# Model and data


def test_data_by_name_is_fetched_once_and_checked(tmp_path, monkeypatch):
    """With an address on this disk in place of a public one."""
    public, text = tmp_path / "public.jsonl", '{"question": "1 + 1?", "answer": "2\\n#### 2"}\n'
    public.write_text(text)
    source = lte.Source(public.as_uri(), hashlib.sha256(text.encode()).hexdigest())
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
    for source in (*lte.TRAINING_DATA.values(), *lte.BENCHMARKS.values()):
        assert re.fullmatch(r"https://\S+/[0-9a-f]{40}/\S+", source.url)
        assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)


def test_system_prompt(policy, tmp_path):
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


def test_choice_8_dropout_is_off(tmp_path, policy):
    model = tiny_model("gpt2")
    assert model.config.resid_pdrop > 0
    model.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    loaded = lte.load_policy(str(tmp_path)).model
    ids = torch.tensor([[5, 6, 7]])
    assert torch.equal(loaded.train()(input_ids=ids).logits, loaded.eval()(input_ids=ids).logits)


def test_eos_ids_are_a_set_from_all_sources(tmp_path, policy):
    model = tiny_model("llama")
    model.generation_config.eos_token_id = [4, 3]
    model.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    assert lte.load_policy(str(tmp_path)).eos_ids == {1, 3, 4, policy.tokenizer.eos_token_id}


def test_problems_under_common_names(tmp_path):
    rows = [
        {"problem": "a", "answer": "1", "solution": "s", "family": "f"},
        {"question": "b", "answer": "so 2 + 2\n#### 4"},
        {"prompt": "c", "final_answer": ["5"]},
        {"question": "d\ud800", "answer": 6},
        {"problem": "e", "solution": r"First 1, so \boxed{7}.", "family": 0},
        {"problem": "f", "answer": 10**400, "solution": [r"\boxed{8}"]},
    ]
    path = tmp_path / "p.jsonl"
    path.write_text("\n\n".join(map(json.dumps, rows)) + "\n")
    problems = lte.load_problems(path)
    assert problems[0] == lte.Problem("a", "1", "s", "f")
    assert problems[1] == lte.Problem("b", "4", "so 2 + 2\n#### 4")
    assert [p.answer for p in problems[:5]] == ["1", "4", "5", "6", "7"]
    assert problems[3].problem == "d?" and problems[4].family is None
    assert problems[5] == lte.Problem("f", str(10**400))


def test_choice_9_problems_are_drawn_by_epochs():
    """Each epoch holds every problem once, in an order of its own."""
    problems = [lte.Problem(str(i), "1") for i in range(10)]
    config = lte.Config(prompts_per_step=4)
    drawn = [p.problem for step in range(1, 6) for p in lte.draw_problems(problems, config, step)]
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == sorted(str(i) for i in range(10))
    assert drawn[:10] != drawn[10:]
    assert drawn[4:8] == [p.problem for p in lte.draw_problems(problems, config, 2)]


# --------------------------------------------------------------------------------------------------
# The main job


def run_main(out: Path, *flags) -> int:
    """lte.py on the small model, shortened: 4 steps unless flags say otherwise."""
    common = ["--model", SMALL, "--out", out, "--threads", "1", "--eval-samples", "4"]
    common += ["--eval-data", SMALL / "valid.jsonl", "--eval-every", "100"]
    flags = flags if "--steps" in flags else ("--steps", "4", "--prompts-per-step", "9", *flags)
    return lte.main([str(x) for x in (*common, *flags)])


def read_log(folder: Path, name: str) -> list[dict]:
    rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    for row in rows:  # times differ from run to run
        row.pop("seconds", None)
        row.pop("tokens_per_second", None)
        row.pop("peak_gib", None)
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
    metrics, validation = (
        read_log(finished, "metrics.jsonl"),
        read_log(finished, "validation.jsonl"),
    )
    before, after = validation[0], validation[-1]
    assert [m["step"] for m in metrics] == list(range(1, 21))
    assert after["none_pass"] < before["none_pass"] - 0.2
    assert after["pass@1"] > before["pass@1"] + 0.15
    assert sum(m["rescued"] for m in metrics) > 10


def test_end_to_end_files(finished, capsys):
    for name in ("config.json", "metrics.jsonl", "samples.jsonl", "checkpoint", "final"):
        assert (finished / name).exists()
    wanted = (
        "step none_pass some_pass all_pass rescued hints reward response_tokens truncated entropy"
    )
    wanted += " clip_fraction ratio_on ratio_off logprob_gap grad_norm learning_rate sampled_tokens"
    row = json.loads((finished / "metrics.jsonl").read_text().splitlines()[0])
    assert set(wanted.split()) | {"seconds", "tokens_per_second", "peak_gib"} <= set(row)
    assert set(row["seconds"]) == {"sample", "hint", "grade", "update"} and row["peak_gib"] > 0.1
    sample = read_log(finished, "samples.jsonl")[0]
    assert {"prompt", "hint", "response", "answer", "reward"} <= set(sample)
    rescued = [s for s in read_log(finished, "samples.jsonl") if s["off_policy"]]
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


def test_choice_9_validation_does_not_change_training(tmp_path):
    assert run_main(tmp_path / "a") == 0 and run_main(tmp_path / "b", "--eval-every", "1") == 0
    assert read_log(tmp_path / "a", "metrics.jsonl") == read_log(tmp_path / "b", "metrics.jsonl")


def test_choice_9_resumed_run_equals_uninterrupted_one(tmp_path):
    """N steps and N more with --resume are 2N steps, to the last bit."""
    few = ("--prompts-per-step", "9")
    assert run_main(tmp_path / "whole", "--steps", "4", *few) == 0
    assert run_main(tmp_path / "parts", "--steps", "2", *few) == 0
    assert lte.main(["--resume", str(tmp_path / "parts"), "--steps", "4"]) == 0
    assert same_run(tmp_path / "whole", tmp_path / "parts")


def start_run(out: Path, *flags) -> subprocess.Popen:
    """lte.py as a process of its own; 8 steps, a checkpoint at every one."""
    common = ["--model", SMALL, "--out", out, "--threads", 1, "--steps", 8, "--save-every", 1]
    common += ["--prompts-per-step", 9, "--eval-every", 3, "--eval-samples", 2]
    command = [
        sys.executable,
        HERE / "lte.py",
        *common,
        "--eval-data",
        SMALL / "valid.jsonl",
        *flags,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(list(map(str, command)), **pipes)


def wait_for(process: subprocess.Popen, happened) -> None:
    while process.poll() is None and not happened():
        time.sleep(0.005)


def test_samples_for_people_begin_with_groups_that_teach(policy):
    """A rescued one, one with right and wrong responses, then those without a gradient."""
    rewards = {"all": [1.0] * 3, "none": [0.0] * 2, "some": [0.0, 1.0], "rescued": [0.0, 1.0]}
    groups = []
    for name, some in rewards.items():
        groups.append(lte.Group(lte.Problem(name, "1"), [rollout(reward=r) for r in some]))
        groups[-1].passed = 2 * (name == "all") + (name == "some")  # luffy's solution is the third
    groups[-1].extra = [rollout(reward=1.0)]
    rows = lte.samples_to_log(groups, policy.tokenizer, 1, 5)
    assert [row["problem"] for row in rows] == ["rescued", "rescued", "some", "some", "all"]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    process = start_run(out)
    assert process.wait(timeout=300) == 0
    return out


def resumes_to_the_same_end(folder: Path, undisturbed: Path) -> bool:
    assert lte.main(["--resume", str(folder)]) == 0
    return same_run(folder, undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signal_saves_and_resume_goes_on(tmp_path, undisturbed, number):
    """Status 130 or 143, a line on how to resume, and then the same end as without the signal."""
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
        wait_for(process, (folder / "config.json").exists)
    elif moment == "in a step":
        wait_for(process, lambda: metrics.exists() and metrics.read_text().count("\n") >= 3)
        time.sleep(0.05)
    else:
        wait_for(process, lambda: metrics.exists() and metrics.read_text().count("\n") >= 3)
        wait_for(process, (folder / "checkpoint" / "state.tmp").exists)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with (folder / "samples.jsonl").open("a") as file:
        file.write('{"step": 1, "half a li')  # what a kill in the middle of a write leaves
    assert resumes_to_the_same_end(folder, undisturbed)


def test_out_of_memory_says_what_to_lower(tmp_path, monkeypatch, capsys):
    def full(*args, **kwargs):
        raise RuntimeError(
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        )

    monkeypatch.setattr(lte, "mixed_policy_loss", full)
    assert run_main(tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert "--micro-tokens" in error and "--resume" in error and error.count("\n") == 1
    assert list((tmp_path / "run" / "checkpoint").glob("state.pt"))


def test_full_disk_leaves_the_run_intact(finished, tmp_path, monkeypatch, capsys):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lte.os, "fsync", full)
    assert run_main(tmp_path / "run", "--save-every", "2") == 2
    assert "No space left" in capsys.readouterr().err
    monkeypatch.undo()
    assert lte.main(["--resume", str(tmp_path / "run")]) == 0


def test_three_unstable_updates_in_a_row_end_the_run(tmp_path, monkeypatch, capsys):
    loss = lte.mixed_policy_loss
    monkeypatch.setattr(lte, "mixed_policy_loss", lambda *a, **k: loss(*a, **k) * math.nan)
    assert run_main(tmp_path / "run", "--steps", "9") == 2
    assert "no finite gradient" in capsys.readouterr().err
    assert [m["skipped_updates"] for m in read_log(tmp_path / "run", "metrics.jsonl")] == [1, 1, 1]
    assert list((tmp_path / "run" / "checkpoint").glob("state.pt"))


def test_hostile_text_breaks_neither_prompt_nor_log(tmp_path, policy, capsys):
    """Special tokens, control characters, escapes and half surrogates are text like any."""
    special = "".join(policy.tokenizer.all_special_tokens)
    hostile = [
        "\x1b[31mred\x07",
        "a\x00b\r\n\u2028c",
        special,
        "\ud800",
        "<|im_end|>\n\n####",
        "\\boxed{1}",
    ]
    rows = [{"problem": f"Compute {x}1/2.", "answer": f"{x}1/2", "family": x} for x in hostile]
    data = tmp_path / "hostile.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    flags = ["--data", data, "--eval-data", data, "--prompts-per-step", "6", "--steps", "2"]
    assert run_main(tmp_path / "run", *flags) == 0
    out = capsys.readouterr().out
    assert all(c.isprintable() or c == "\n" for c in out)
    assert len(read_log(tmp_path / "run", "metrics.jsonl")) == 2
    assert {s["problem"][:7] for s in read_log(tmp_path / "run", "samples.jsonl")} == {"Compute"}


def test_a_model_folder_cannot_run_code(tmp_path, policy, capsys):
    """Neither by code of its own nor by a pickle."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).write_text((SMALL / name).read_text())
    torch.save(policy.model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(lte.UserError):
        lte.load_policy(str(tmp_path))
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}})
    )
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write('code')")
    with pytest.raises(lte.UserError):
        lte.load_policy(str(tmp_path))
    (tmp_path / "train.jsonl").write_text((SMALL / "train.jsonl").read_text())
    assert lte.main(["--model", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "ran").exists()


def test_a_checkpoint_that_is_broken_ends_the_run_and_stays(tmp_path, undisturbed, capsys):
    """And one that can't be loaded for want of memory is no broken one."""
    shutil.copytree(undisturbed, tmp_path / "run")
    path = tmp_path / "run" / "checkpoint" / "state.pt"
    log, whole = (tmp_path / "run" / "metrics.jsonl").read_text(), path.read_bytes()
    path.write_bytes(b"torn")
    assert lte.main(["--resume", str(tmp_path / "run")]) == 2
    assert "state.pt can't be read" in capsys.readouterr().err
    assert path.exists() and (tmp_path / "run" / "metrics.jsonl").read_text() == log
    path.write_bytes(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lte.torch, "load", raising(torch.OutOfMemoryError("full")))
        assert lte.main(["--resume", str(tmp_path / "run")]) == 2
    assert "out of memory" in capsys.readouterr().err
    assert resumes_to_the_same_end(tmp_path / "run", undisturbed)


def raising(error: Exception):
    def fail(*args, **kwargs):
        raise error

    return fail


def test_settings_of_the_optimizer(tmp_path):
    """AdamW's first step is lr for every weight with a gradient, and there is no weight decay."""
    assert run_main(tmp_path / "run", "--lr", "1e-5", "--steps", "1") == 0
    before, after = lte.load_policy(str(SMALL)).model.state_dict(), weights(tmp_path / "run")
    moved = torch.cat([(after[name] - before[name]).abs().flatten() for name in before])
    assert 0.9e-5 < moved.max() < 1.05e-5 and (moved > 0.9e-5).float().mean() > 0.5


FLAGS = ["--method grpo", "--method grpo-extra", "--method luffy", "--entropy-coef 0.01"]
FLAGS += ["--hint-answers shuffled", "--rollouts 300", "--gradient-checkpointing"]


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


def broken_inputs(folder: Path) -> dict[str, tuple[list, str]]:
    """Name -> flags that are wrong in one way, and what the message must say."""
    files = {
        "empty": "",
        "broken": '{"problem": "1+1", "answer": "2"}\n{"problem": \n',
        "no-answer": '{"problem": "1+1"}\n',
        "no-problem": '{"answer": "2"}\n',
        "list": "[1, 2]\n",
        "long": json.dumps({"problem": "1 + " * 5000 + "1", "answer": "2"}) + "\n",
    }
    files["nan"] = '{"problem": "1+1", "answer": NaN}\n'
    files["hollow"] = '{"problem": "1+1", "answer": "so #### "}\n'
    files["plain"] = '{"problem": "1+1", "answer": "2"}\n'
    files["see"] = '{"problem": "1+1", "answer": "2", "solution": "see the book"}\n'
    for name, text in files.items():
        (folder / f"{name}.jsonl").write_text(text)
    shutil.copytree(SMALL, folder / "torn")
    (folder / "torn" / "model.safetensors").write_bytes(b"junk")
    model = ["--model", SMALL]
    return {
        "missing model": (["--model", folder / "nowhere"], "nowhere"),
        "missing data": ([*model, "--data", folder / "nowhere.jsonl"], "nowhere.jsonl"),
        "empty file": ([*model, "--data", folder / "empty.jsonl"], "no problems"),
        "broken line": ([*model, "--data", folder / "broken.jsonl"], "line 2"),
        "no answer": ([*model, "--data", folder / "no-answer.jsonl"], "line 1 has no answer"),
        "no problem": ([*model, "--data", folder / "no-problem.jsonl"], "line 1 has no problem"),
        "no object": ([*model, "--data", folder / "list.jsonl"], "line 1"),
        "long prompt": ([*model, "--data", folder / "long.jsonl"], "context"),
        "group of one": ([*model, "--group-size", "1"], "--group-size is 1"),
        "unknown method": ([*model, "--method", "ppo"], "ppo"),
        "unknown flag": ([*model, "--nonsense", "1"], "--nonsense"),
        "no number": ([*model, "--lr", "fast"], "--lr"),
        "not a number": ([*model, "--lr", "nan"], "--lr"),
        "answer is no number": ([*model, "--data", folder / "nan.jsonl"], "line 1 has no answer"),
        "answer is empty": ([*model, "--data", folder / "hollow.jsonl"], "line 1 has no answer"),
        "folder as data": ([*model, "--data", folder], "no file"),
        "binary data": ([*model, "--data", SMALL / "model.safetensors"], "can't read"),
        "no solutions": (
            [*model, "--method", "luffy", "--data", folder / "plain.jsonl"],
            "solution",
        ),
        "torn weights": (["--model", folder / "torn", "--data", SMALL / "train.jsonl"], "torn"),
        "useless solutions": (
            [*model, "--method", "luffy", "--data", folder / "see.jsonl"],
            "right",
        ),
        "temperature 0": ([*model, "--temperature", "0"], "--temperature"),
        "next to no temperature": ([*model, "--temperature", "1e-40"], "--temperature"),
        "huge clip": ([*model, "--clip", "1e300"], "--clip is 1e+300"),
        "huge group": ([*model, "--group-size", str(10**18)], "--group-size"),
        "huge step": ([*model, "--prompts-per-step", str(10**9)], "a million rollouts"),
        "no run": (["--resume", folder / "nowhere"], "nowhere"),
        "no such GPU": ([*model, "--device", "cuda:99"], "use --device cpu"),
        "odd device": ([*model, "--device", "cuda:9999"], "use cpu, cuda or cuda:N"),
        "no such benchmark": ([*model, "--eval-data", "nosuch"], "aime24"),
        "broken bytes": ([*model, "--system-prompt", "\udcff"], "UTF-8"),
        "a run to explain": (["--explain", "--resume", folder / "nowhere"], "nowhere"),
    }


def test_a_break_outside_of_the_loop_is_one_line(tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(lte, "policy_for", stop)
    assert run_main(tmp_path / "run", "--steps", "1") == 130
    assert capsys.readouterr().err.startswith("lte.py: stopped")


def test_a_folder_with_nothing_but_a_half_written_file_is_free(tmp_path):
    (tmp_path / "config.tmp").write_text("{")
    assert run_main(tmp_path, "--steps", "1", "--eval-every", "0") == 0


def test_eos_of_a_model_with_text_and_image_parts(tmp_path):
    """The config of such a model has no end-of-sequence token of its own; its text part may."""
    sizes = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16}
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


def test_bad_input_gets_one_line_and_status_2(tmp_path, capsys):
    for name, (flags, expected) in broken_inputs(tmp_path).items():
        out = [] if name == "no run" else ["--out", tmp_path / "out"]
        status = lte.main([str(f) for f in (*flags, *out)])
        error = capsys.readouterr().err
        assert status == 2 and expected in error, name
        assert error.count("\n") == 1 and error.startswith("lte.py: "), name
        assert not (tmp_path / "out").exists(), "nothing is left behind"


@pytest.mark.parametrize(
    "recipe",
    ['{"learning_rat": 1}', '{"lr": "fast"}', '{"steps": 1.9}', '{"out": "x"}', "[1]", "{"],
)
def test_broken_recipe_is_reported(tmp_path, recipe, capsys):
    (tmp_path / "recipe.json").write_text(recipe)
    assert lte.main(["--model", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "recipe.json" in error and error.count("\n") == 1


def test_foreign_folder_is_left_alone(tmp_path, capsys):
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "thesis.txt").write_text("years of work")
    assert run_main(tmp_path) == 2
    assert (tmp_path / "final" / "thesis.txt").exists()
    assert "--out" in capsys.readouterr().err


def test_folder_of_another_run_is_left_alone(finished, capsys):
    before = (finished / "metrics.jsonl").read_text()
    assert run_main(finished) == 2
    assert "--resume" in capsys.readouterr().err
    assert (finished / "metrics.jsonl").read_text() == before


def test_explain_shows_one_step(capsys):
    """All its stages, and a table of tokens whose figures follow from each other."""
    assert lte.main(["--model", str(SMALL), "--explain", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"^([1-9])\. ", out, re.MULTILINE) == list("12345678")
    assert lte.KNOWN_WRONG in out.split("4. The hint")[1].split("5. G")[0]
    assert lte.KNOWN_WRONG not in out.split("4. The hint")[0]
    rows = re.findall(
        r"^   '.*' +([0-9.]+) +([0-9.]+) +([0-9.]+) +([0-9.]+) +[0-9.]+$", out, re.MULTILINE
    )
    for hinted, without, ratio, weight in (map(float, row) for row in rows):
        assert ratio == pytest.approx(without / hinted, rel=0.01, abs=0.002)
        assert weight == pytest.approx(0.1 * ratio / (ratio + 0.1) ** 2, abs=0.002)
    assert len(rows) > 5
    before, after = map(float, re.search(r"after: (\S+) and (\S+)\.\n", out).groups())
    assert after > before, "the step makes the rescued response likelier"
    assert lte.main(["--model", str(SMALL), "--explain", "--method", "grpo-extra"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_folders_are_named_after_the_run_of_a_final_model(tmp_path):
    for model, name in ((tmp_path / "a" / "final", "a"), (tmp_path / "b", "b"), ("Org/c", "c")):
        assert lte.short_name(str(model)) == name


def test_resume_refuses_other_problems(tmp_path, capsys):
    data = tmp_path / "mine.jsonl"
    lines = (SMALL / "train.jsonl").read_text().splitlines(keepends=True)
    data.write_text("".join(lines))
    flags = ("--data", data, "--steps", "1", "--prompts-per-step", "3", "--eval-every", "0")
    assert run_main(tmp_path / "run", *flags) == 0
    data.write_text("".join(lines[1:]))
    more = ["--resume", str(tmp_path / "run"), "--steps", "2"]
    assert lte.main(more) == 2 and "training problems" in capsys.readouterr().err
    data.write_text("".join(lines))
    assert lte.main(more) == 0


def test_resume_refuses_settings_that_matter(finished, capsys):
    assert lte.main(["--resume", str(finished), "--lr", "0.5"]) == 2
    assert "--lr" in capsys.readouterr().err


# --------------------------------------------------------------------------------------------------
# verify.py: each rule of judgement with its cases, then properties and hostile input


# gold == equal ; equal != different ; different
RULES = r"""
rule 1 exact values
3/4 == \frac{3}{4} ; \frac34 ; \dfrac{6}{8} ; 0.75 ; .75 ; 0.750 != 4/3 ; 0.7
3 == 3.0 ; 03 ; 3. ; +3 ; \frac{9}{3} != 3.0001 ; -3 ; 33
0 != 0.(3)
\frac{1}{3} == 0.\overline{3} ; 0.\bar{3} ; 2/6 != 0.333 ; 0.3333333333333333
\pi == pi ; π ; \frac{2\pi}{2} != 3.1416 ; 22/7
100000 == 1 x 10^5 ; 10**5 ; 1e5 ; 10^5 ; 1 \times 10^{5} != 100001 ; 99999.9
2.55 \times 10^{-10} == 2.55e-10 ; 2.55E-10 ; 2.55*10^-10 ; 2.55·10⁻¹⁰ != 2.55
033 == 33 ; 33.0 != 3 ; 303
rule 2 hedges
5 == 2 + 3 = 5 != 3 or 5 ; 5, 6 ; \{5\} ; \{5,6\} ; x > 5 ; x \ge 5 ; [5,5]
5 != \pm 5 ; 3 = 5 ; x = 3 = 5 ; 5 ≈ 6 ; 5 ≈ 6, 7 ; 5 \text{ or } 6 ; between 4 and 5 ; 5 to 6
5 != not 5 ; at least 5 ; 5 or more ; 5 more ; 5 \pm 1 ; x \ne 5 ; (5, 6)
rule 4 units
5 == 5 cm ; 5\text{ cm}^2 ; 5\,\mathrm{m/s} ; 5 apples ; \$5 ; $5 ; 5 m != cm
5 == 5^\circ ; 5{}^\circ ; 5° ; 5 degrees ; 5 square units ; €5 ; US\$5 != 5x ; 5 million ; 5 + cm
7e5 == 7 \times 10^5\ \mathrm{J} ; 7 \times 10^{5} m/s != 7 \times 10^6 m
5 == 5 meters a week ; 5\,\mathrm{m\,s^{-1}} ; 5\ \Omega != 5 hundred twenty ; 5 point five ; 5 lakh
5 cm == 5\text{ cm} ; 5 centimeters ; 5 != 5 m ; 50 mm ; cm ; 5 inches
\$18.90 == 18.9 ; $18.90 != 18.9 cents ; 189
15\mbox{ cm}^2 == 15 ; 15 square centimeters != 225 ; 15 m^2
6m == 6 m != 6 ; m
120 != 5 apples! ; 5 \text{ cm}^{120}
5 != 5 pqr ; 5abc ; 5 elevenths ; 5 halves ; 5 hundredths ; 5 trillion ; 5 doubled ; 5 km - 3 km ; 5"+3" ; 5\mathrm{i} ; 5\text{x}
\pi h r^2 == \pi hr^2 ; \pi r^2 h != \pi ; \pi cm
20^\circ C == 20 ; 20°C != 20°F ; 20 cm
3000000 == 3 million != 3
rule 5 thousands
1234 == 1,234 ; 1{,}234 ; 1,\!234 ; 1\!,\!234 != 1, 234 ; 12,34
2400, 864 == 2,400, 864 != 2400864
1234567 == 1,234,567 ; \$1,234,567 ; 1\;234\;567 != 1,234,56 ; 1.234.567
3.14 != 3,14 ; 3. 14 ; 3 .14
123 != 0,123 ; 0.123
(2,251,252) == (2, 251, 252) != 2251252 ; (2, 251252)
rule 6 percent
50\% == 50% ; 50 percent ; 50 per cent != 0.005 ; 5\% ; 50 cm
20 != 0.2
rule 7 mixed numbers
7/2 == 3\frac{1}{2} ; 3\frac12 ; 3 1/2 ; 3½ != 31/2 ; 3-1/2 ; 3\cdot\frac12
-7/2 == -3\frac12 ; -3 1/2 != -5/2
15 != 1 5 ; 3\ 5
5 == |-5| ; \left|{-5}\right| ; \lfloor 5.5 \rfloor ; \lceil 4.5 \rceil ; 5!/4! ; \binom{5}{4} != |5i| ; -|5|
rule 8 equations
5 == x = 5 ; 5 = x ; x ≈ 5 ; P(A) = 5 ; f(x)=5 ; f(x+1)=5 ; d(A,B)=5 ; AB = 5 ; m_{\max} = 5 != x^2 = 5 ; 2x = 5
r = 3 == 3 ; r=3 != r^2 = 3 ; r^2 = 9 ; 9
33 == m+n = 33 ; m \cdot n = 33 ; \frac{m}{n} = 33 ; a+b+c = 11 + 22 = 33 ; m\angle ABC = 33^\circ
33 != not a = 33 ; half the radius = 33 ; n squared = 33 ; n \not= 33
4 == \phi(10) = 4 ; \gcd(8, 12) = 4 ; \mathbb{P}(E) = 4 ; P(A \cap B) = 4 ; T_\infty = 4 ; ∠ABC = 4^\circ ; P(A|B) = 4 != \sin(x) = 4
33 != x + y = 33 ; xy = 33 ; 2m + n = 33 ; m + 1 = 33 ; m^2 = 33 ; m n^2 = 33 ; \pi r = 33 ; |x| = 33 ; \log_2 x = 33 ; 2^n = 33
3, 4 == p = 3, q = 4 ; x_1 = 3, x_2 = 4 != p = 3, q = 5 ; p = 3
x = 5 == 5 ; 5 = x != y = 5 ; x = 6
y = 2x + 3 == 2x - y + 3 = 0 ; y - 2x = 3 ; 2y = 4x + 6 != y = 3x + 2 ; x = 2y + 3
x^2 + y^2 = 25 == 25 = x^2 + y^2 ; x^2 + y^2 - 25 = 0 != x^2 + y^2 = 5 ; 25
f(x) = 2x == 2x != f(x) = x ; 2
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
rule 10 radicals, pi, i
2\sqrt{3} == \sqrt{12} ; 2√3 ; 2*sqrt(3) ; \frac{6}{\sqrt3} != 3\sqrt2 ; 3.4641016
\frac{1}{\sqrt{3}} == \frac{\sqrt{3}}{3} ; \sqrt{1/3} ; 3^{-1/2} != \sqrt3 ; 0.577
\frac{3+\sqrt5}{2} == \frac32+\frac{\sqrt5}{2} ; \frac{2}{3-\sqrt5} != \frac{3-\sqrt5}{2}
5\sqrt[3]{4} == \sqrt[3]{500} ; 5 * 2^{2/3} != 10
-\frac{\pi}{6} == -\pi/6 ; -\frac16\pi != \frac{\pi}{6} ; -30^\circ
-1 == i^2 ; i \cdot \frac{1}{i} \cdot i^2 \cdot i^4 ; (\sqrt{-1})^2 ; i^6 != i^4 ; 1 ; i
-4 == (2i)^2 ; \frac{4i}{i^3} \cdot i^0 != 4 ; 4i
\frac{1}{2i} == -\frac{i}{2} ; \frac{-1}{2}\mathrm{i} != \frac12 ; \frac{i}{2}
-1 != i^{2/3} ; \sqrt[6]{-1} \sqrt[6]{-1}
-2 == \sqrt[3]{-8} != \sqrt[3]{8}
1-\sqrt2 != \sqrt{(1-\sqrt2)^2} ; ((1-\sqrt2)^8)^{1/8} ; ((1-\sqrt2)^{-2})^{-1/2}
\sqrt{x+1} == \frac{1}{\sqrt{\frac{1}{x+1}}} != \sqrt{x} + 1
4\pi == π(4) != 4p
\sqrt{1009} == \sqrt{4036}/2 ; \frac{1009}{\sqrt{1009}} != \sqrt{1013}
2\pi == 2\pi \approx 6.28 ; 2π ≈ 6.283 != 2\pi \approx 6.28, 3 ; 6.28
\arcsin x == \sin^{-1}(x) ; \sin^{-1} x ; \arcsin(x) != \frac{1}{\sin x} ; \sin x
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
12_8 == 12_{8} ; (12)_8 ; {12}_8 ; 12 base 8 != 12 ; 12_9 ; 10
1:2 == 1 : 2 != 2:1 ; 1,2
\text{Evelyn} == Evelyn ; evelyn ; EVELYN != Navin ; Evelyn or Navin
east == East != seat ; west
A beats B != B beats A
HTT != TTH
no solution == No solutions ; \text{no solution} != no ; solution
\text{(C)} == C. 12 ; (C) 12 ; C) 12 ; option C ; choice (C) != C. 12 or D ; A. 12 ; C. 12 D. 13
\text{(C)} == C ; (C) ; C. ; \textbf{(C)} ; (C) 12 != D ; A or C ; (C) or (D)
\text{(C)} != (A), (B), (C), (D), (E) ; ABCDE
rule 13 anything else
3!! != 720 ; 6
t(0,4] == t(0,4] ; $t(0,4]$ != (0,4]
np.arcsin(10/13) == np.arcsin(10/13). != arcsin(10/13)
0/0 == 0/0 != 0 ; 1 ; 1/0
"""


def read_cases(table: str) -> list[tuple[str, str, bool]]:
    """(answer, gold, verdict) for each answer in the table above."""
    cases = []
    for line in table.strip().splitlines():
        if not line.startswith("rule "):
            gold, *groups = re.split(r" (?===|!=)", line)
            for group in groups:
                cases += [(answer, gold, group[0] == "=") for answer in group[3:].split(" ; ")]
    return cases


@pytest.mark.parametrize("answer, gold, verdict", read_cases(RULES))
def test_rule_of_judgement(answer, gold, verdict):
    assert is_equivalent(answer, gold) is verdict
    assert is_equivalent(gold, answer) is verdict
    assert is_correct(rf"So we get $\boxed{{{answer}}}$.", gold) is verdict


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
        ("<answer>5", None),
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
        ("Answer: She has 5 apples.", "5 apples"),
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
        assert is_equivalent(a, b) == is_equivalent(b, a), (a, b)
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
# eval.py


def test_eval_table_and_samples(finished, tmp_path, capsys):
    flags = ["--model", finished / "final", "--data", SMALL / "valid.jsonl", "--samples", "4"]
    flags += ["--k", "1", "4", "--threads", "1", "--out", tmp_path]
    assert evaluation.main([str(f) for f in flags]) == 0
    rows = [json.loads(line) for line in (tmp_path / "valid.jsonl").read_text().splitlines()]
    problems = lte.load_problems(SMALL / "valid.jsonl")
    assert len(rows) == 4 * len(problems)
    assert all(r["reward"] == verify.is_correct(r["response"], r["reference"]) for r in rows)
    total = re.search(r"^valid .*?([0-9.]+)%", capsys.readouterr().out, re.MULTILINE)
    assert float(total[1]) == pytest.approx(
        100 * sum(r["reward"] for r in rows) / len(rows), abs=0.06
    )


def test_eval_goes_on_where_it_was_stopped(finished, tmp_path, capsys, monkeypatch):
    """After a kill between two portions, in the middle of one, and at the end: the same samples."""
    monkeypatch.setattr(evaluation, "ROLLOUTS_A_PORTION", 100)
    flags = ["--model", finished / "final", "--data", SMALL / "valid.jsonl", "--samples", "3"]
    flags = [*map(str, flags), "--threads", "1", "--max-new-tokens", "8", "--out", str(tmp_path)]
    assert evaluation.main(flags) == 0
    path, sampled, evaluate = tmp_path / "valid.jsonl", [], lte.evaluate
    text, printed = path.read_text(), capsys.readouterr().out
    lines = text.splitlines(keepends=True)

    def noting(policy, problems, *more, **by_name):
        sampled.append(len(problems))
        return evaluate(policy, problems, *more, **by_name)

    monkeypatch.setattr(lte, "evaluate", noting)
    for kept, parts in ((99, [33, 33, 27]), (150, [33, 33, 27]), (len(lines), [])):
        path.write_text("".join(lines[:kept]) + ('{"half' if parts else ""))
        sampled.clear()
        assert evaluation.main(flags) == 0 and sampled == parts
        assert path.read_text() == text and capsys.readouterr().out == printed
    assert evaluation.main([*flags, "--seed", "1"]) == 2
    assert "choose another --out" in capsys.readouterr().err and path.read_text() == text


def test_eval_benchmarks_by_name(finished, tmp_path, capsys, monkeypatch):
    """With the paper's numbers of samples, and an average of the data sets."""
    sources = {}
    for name in ("math500", "aime24"):
        file = tmp_path / f"{name} as published.jsonl"
        file.write_text('{"problem": "Compute 1/2 + 1/3.", "answer": "5/6"}\n')
        sources[name] = lte.Source(file.as_uri(), hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setattr(lte, "BENCHMARKS", sources)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    flags = ["--model", finished / "final", "--threads", "1", "--out", tmp_path / "out"]
    assert evaluation.main([*map(str, flags), "--data", "math500", "aime24"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^math500 +1 +4 ", out, re.MULTILINE)
    assert re.search(r"^aime24 +1 +16 ", out, re.MULTILINE)
    row = {name: re.findall(r"([0-9.]+)% ?\(", line) for name, line in by_first_word(out).items()}
    averages = re.findall(r"([0-9.]+)%", by_first_word(out)["average"])
    for mine, one, other in zip(averages, row["math500"], row["aime24"], strict=True):
        assert float(mine) == pytest.approx((float(one) + float(other)) / 2, abs=0.11)
    assert len((tmp_path / "out" / "aime24.jsonl").read_text().splitlines()) == 16
    assert evaluation.main([*map(str, flags), "--data", "math500", "nosuch"]) == 2


def by_first_word(text: str) -> dict[str, str]:
    return {line.split()[0]: line for line in text.splitlines() if line.strip()}


def test_eval_intervals():
    """The bootstrap agrees with theory, the t interval with a textbook example."""
    values = [float(i % 4 == 0) for i in range(400)]
    low, high = evaluation.bootstrap_interval(values)
    half = 1.96 * math.sqrt(0.25 * 0.75 / 400)
    assert low == pytest.approx(0.25 - half, abs=0.005) and high == pytest.approx(
        0.25 + half, abs=0.005
    )
    mean, low, high = evaluation.mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (mean, high - mean) == (3, pytest.approx(2.776 * math.sqrt(2.5 / 5)))
    assert low == pytest.approx(6 - high)


def test_eval_compares_runs(finished, tmp_path, capsys):
    for seed in ("0", "1"):
        flags = ("--method", "grpo", "--steps", "1", "--seed", seed)
        assert run_main(tmp_path / f"grpo{seed}", *flags) == 0
    folders = [finished, tmp_path / "grpo0", tmp_path / "grpo1"]
    capsys.readouterr()
    assert evaluation.main(["--compare", *map(str, folders)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^lte +1 +20 ", out, re.MULTILINE) and re.search(
        r"^grpo +2 +1 ", out, re.MULTILINE
    )
    assert re.search(r"^grpo +1 pairs", out, re.MULTILINE) and "None-pass share" in out
    assert evaluation.main(["--compare", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    flags = ("--steps", "1", "--method", "grpo-extra", "--eval-data", SMALL / "test.jsonl")
    assert run_main(tmp_path / "elsewhere", *flags) == 0
    assert evaluation.main(["--compare", *map(str, folders), str(tmp_path / "elsewhere")]) == 2
    assert "different problems" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "grpo1" / "final")  # as if it had been stopped in its last validation
    assert evaluation.main(["--compare", *map(str, folders)]) == 0
    assert "left out" in capsys.readouterr().err


def test_eval_bad_input(capsys, tmp_path):
    shutil.copy(SMALL / "valid.jsonl", tmp_path / "mine.jsonl")
    model, data = f"--model {SMALL} ", f"--data {tmp_path}/mine.jsonl "
    wrong = ["", model, model + f"--data {tmp_path}/no.jsonl", model + data + "--k 99"]
    wrong += [model + data + f"--out {tmp_path}", model + data + "--samples 0", "--compare nowhere"]
    for flags in wrong:
        assert evaluation.main(flags.split()) == 2, flags
        assert capsys.readouterr().err.count("\n") == 1, flags
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.jsonl").write_text("precious")
    assert evaluation.main([*(model + data).split(), "--out", str(tmp_path / "out")]) == 2
    assert (tmp_path / "out" / "mine.jsonl").read_text() == "precious"
    assert (tmp_path / "mine.jsonl").read_text() == (SMALL / "valid.jsonl").read_text()


# --------------------------------------------------------------------------------------------------
# The small model, the repository


def test_small_model_is_an_ordinary_checkpoint(policy):
    """Its solutions are right, in its own words, and its held-out problems are not trained on."""
    files = {
        name: lte.load_problems(SMALL / f"{name}.jsonl") for name in ("train", "valid", "test")
    }
    for problems in files.values():
        for p in problems:
            assert verify.is_correct(p.solution, p.answer)
            ids = policy.tokenizer(p.problem + p.solution, add_special_tokens=False)["input_ids"]
            assert policy.tokenizer.decode(ids) == p.problem + p.solution
            assert policy.tokenizer.unk_token_id not in ids
    texts = [p.problem for problems in files.values() for p in problems]
    assert len(set(texts)) == len(texts)
    assert sum(p.numel() for p in policy.model.parameters()) < 2e6


def test_small_model_was_taught_the_wording_of_hints():
    make = (SMALL / "make.py").read_text()
    for sentence in (lte.INSTRUCTION, lte.KNOWN_WRONG, lte.CONCISE, lte.SILENT):
        assert json.dumps(sentence) in make


def test_import_directions():
    """eval.py -> lte.py -> verify.py -> standard library, and no module evaluates code."""

    def imports(name):
        tree = ast.parse((HERE / name).read_text())
        nodes = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
        names = [
            n.module if isinstance(n, ast.ImportFrom) else a.name for n in nodes for a in n.names
        ]
        return {name.split(".")[0] for name in names}

    standard = {"__future__", "re", "fractions", "math", "itertools", "functools", "typing"}
    assert imports("verify.py") <= standard | {"collections"}
    ours = {"lte", "verify", "eval"}
    assert imports("lte.py") & ours == {"verify"} and imports("eval.py") & ours == {"lte", "verify"}
    for name in ("lte.py", "verify.py", "eval.py"):
        calls = [
            n.func
            for n in ast.walk(ast.parse((HERE / name).read_text()))
            if isinstance(n, ast.Call)
        ]
        named = {c.id for c in calls if isinstance(c, ast.Name)}
        assert not named & {"eval", "exec", "compile", "__import__"} and "pickle" not in imports(
            name
        )


README = (HERE / "README.md").read_text(encoding="utf-8")


def test_readme_links_lead_to_the_functions_they_name():
    links = re.findall(r"\[`(\w+)\.(\w+)`\]\((\w+)\.py#L([0-9]+)\)", README)
    assert len(links) > 15 and README.count(".py#L") == len(links)
    for module, name, file, line in links:
        source = (HERE / f"{file}.py").read_text(encoding="utf-8").split("\n")
        found = next(i for i, text in enumerate(source, 1) if text.startswith(f"def {name}("))
        assert (module, int(line)) == (file, found), f"{name} is in line {found}"


def test_readme_mentions_flags_and_files_that_exist():
    known = lte.build_parser().format_help() + evaluation.build_parser().format_help()
    known += (SMALL / "make.py").read_text()
    for mentioned in set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", README)):
        assert mentioned in known, mentioned
    for file in re.findall(r"\]\(([\w./-]+?)(?:#\w+)?\)", README):
        assert (HERE / file).exists(), file
    assert len(README.splitlines()) < 310


SHORTENED = """#!/usr/bin/env bash
# Stands in for python: the README's commands with fewer steps and samples, and without network.
set -e
case "$1 $2" in
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
        "pytest test_lte.py": "true",
        "for s in 0 1 2": "for s in 0",
        "Qwen/Qwen3-0.6B-Base": "small-model",
        "--data gsm8k": "--data small-model/valid.jsonl --out runs/gsm8k",
        "math500 minerva olympiadbench amc23 aime24 aime25": "small-model/valid.jsonl",
    }
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
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
    tested = {
        int(n)
        for n in re.findall(r"^def test_choice_([0-9]+)_", Path(__file__).read_text(), re.MULTILINE)
    }
    assert numbers == tested == set(range(1, 10))
