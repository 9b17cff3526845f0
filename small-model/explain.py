"""One training step of LTE in slow motion, on one problem that nobody solves and a hint rescues.

    python small-model/explain.py                            the small model
    python small-model/explain.py --model FOLDER             a model with a train.jsonl beside it
    python small-model/explain.py --figure docs/weight.png   what a token weighs (with matplotlib)

It calls lte.train_step on one problem after another until one is rescued, and prints what the step
returns. The small model in its folder is not changed.
"""

import copy
import math
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import lte


def main(argv: list[str] | None = None) -> int:
    return lte.command("explain.py", work, argv, "it has written nothing")


def work(argv: list[str]) -> int:
    parser = ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", default=str(HERE), help="a folder with a model and train.jsonl")
    parser.add_argument("--figure", help="draw the weight of a token to this file, and end")
    args = parser.parse_args(argv)
    if args.figure:
        draw_weight(args.figure)
        return 0
    config = lte.read_config(["--model", args.model, "--updates-per-step", "1", "--device", "cpu"])
    config = replace(config, prompts_per_step=1)
    policy = lte.load_policy(args.model)
    problems = lte.load_problems(Path(args.model) / "train.jsonl")
    for step in range(1, 1001):
        before = copy.deepcopy(policy)
        optimizer = torch.optim.AdamW(policy.model.parameters(), lr=config.lr, weight_decay=0.0)
        drawn = lte.draw_problems(problems, config, step)
        [group], _ = lte.train_step(policy, policy, optimizer, drawn, config, step)
        if group.rescued and not all(rollout.right for rollout in group.extra):
            show(group, before, policy, config)
            return 0
        policy = before
    raise lte.UserError("no problem was rescued in 1000 steps")


def show(group: lte.Group, before: lte.Policy, after: lte.Policy, config: lte.Config) -> None:
    """The stages of train_step, numbered as there."""
    decode, g = before.tokenizer.decode, len(group.first)
    print(f"1. A problem, whose answer is {group.problem.answer}. The prompt:\n")
    print(decode(group.first[0].prompt_ids))
    print(f"\n   G = {g} rollouts, graded. All rewards are 0, so GRPO learns nothing here:\n")
    show_rollouts(group.first)
    print(f"\n2. The hint, of the kind {group.hint.kind}. The prompt with it:\n")
    print(decode(group.extra[0].prompt_ids))
    print(f"\n3. G = {g} extra rollouts under the hint, graded:\n")
    show_rollouts(group.extra)
    rewards = torch.tensor([rollout.reward for rollout in group.rollouts])
    mean, std = float(rewards.mean()), float(rewards.std(correction=0))
    print("\n4. Right ones take places of failed ones; one failed one stays at least.")
    print("\n5. Advantages of the mixed group, A = (R - mean) / std,", end=" ")
    print(f"mean {mean:.3f}, std {std:.3f}:\n")
    show_rollouts(group.rollouts, with_advantage=True)
    print("\n6. The update trains a rescued response under the prompt WITHOUT the hint. Of each")
    print("   token: its probability when sampled, pi_old(o' | H, q), and now, pi_theta(o' | q);")
    print("   their ratio r'; its weight in the gradient, gamma r' / (r' + gamma)^2, with gamma =")
    print(
        f"   {config.gamma}; its probability without the hint after one step on this group alone.\n"
    )
    hinted = next(rollout for rollout in group.rollouts if rollout.off_policy)
    chances = show_tokens(hinted, before, after, config)
    failed = next(rollout for rollout in group.rollouts if not rollout.right)
    pull, push = hinted.advantage / 4, failed.advantage
    print(f"\n   A hinted token pulls with A f(1 - f), at most {pull:.3f} here. Each token")
    print(f"   of a failed response pushes with A r = {push:.3f}, its ratio being 1:\n")
    show_tokens(failed, before, after, config, rows=3)
    print(
        "\n   Probability of the whole rescued response without the hint, before and after:",
        end=" ",
    )
    print(" and ".join(f"{chance:.2g}" for chance in chances) + ".")


def show_rollouts(rollouts: list[lte.Rollout], with_advantage: bool = False) -> None:
    for rollout in rollouts:
        verdict = "right" if rollout.right else "truncated" if rollout.truncated else "wrong"
        advantage = f"  A = {rollout.advantage:+.2f}" if with_advantage else ""
        print(f"   {verdict:9}{advantage}  {' '.join(rollout.text.split())[:80]}")


@torch.no_grad()
def show_tokens(rollout: lte.Rollout, before, after, config, rows: int = 1000) -> list[float]:
    """A line for each token, up to so many; the probabilities of the whole, before and after."""
    now, later = (
        lte.response_logprobs(policy.model, [rollout], config)[0].exp().tolist()
        for policy in (before, after)
    )
    sampled = [math.exp(logprob) for logprob in rollout.old_logprobs]
    first = "with hint" if rollout.off_policy else "sampled"
    print(f"   {'token':14}{first:>10}{'without':>10}{'ratio':>9}{'weight':>8}{'after':>10}")
    for i, token in enumerate(rollout.response_ids[:rows]):
        r = now[i] / sampled[i]
        weight = config.gamma * r / (r + config.gamma) ** 2 if rollout.off_policy else r
        cells = f"{sampled[i]:10.4f}{now[i]:10.4f}{r:9.4f}{weight:8.3f}{later[i]:10.4f}"
        print(f"   {before.tokenizer.decode([token])!r:14.14}{cells}")
    return [math.prod(now), math.prod(later)]


def draw_weight(path: str) -> None:
    """Weight of a token in the gradient over its ratio: shaped by f, unshaped, clipped (A > 0)."""
    try:
        import matplotlib.figure
    except ImportError:
        raise lte.UserError("a figure needs matplotlib: pip install matplotlib") from None
    gamma, clip = lte.Config.gamma, lte.Config.clip
    ratios = torch.logspace(-5, 1, 400, requires_grad=True)
    shaped = lte.shape_ratio(ratios.log(), gamma)
    curves = {
        "shaped: f(1 - f), hinted tokens": shaped * (1 - shaped),
        "unshaped: r'": ratios,
        f"clipped at {1 + clip:.1f}: r, on-policy tokens": ratios * (ratios <= 1 + clip),
    }
    grey = "#808080"
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    with matplotlib.rc_context(dict.fromkeys(names, grey) | {"font.size": 12}):
        figure = matplotlib.figure.Figure(figsize=(8, 4), layout="constrained")
        area = figure.subplots()
        styles = zip(("#D55E00", "#0072B2", "#009E73"), ("-", "--", ":"), strict=True)
        for (label, weight), (colour, style) in zip(curves.items(), styles, strict=True):
            y = weight.detach().tolist()
            area.plot(ratios.tolist(), y, label=label, color=colour, linestyle=style, linewidth=2)
        area.axvline(gamma, color=grey, linewidth=0.8)
        area.text(gamma * 0.9, 0.5, "r' = gamma", ha="right")
        area.set(xscale="log", xlim=(1e-5, 10), ylim=(0, 1.3), ylabel="weight in the gradient / A")
        area.set(xlabel="ratio r = pi_theta / pi_old")
        area.spines[["top", "right"]].set_visible(False)
        area.legend(frameon=False, loc="upper left")
        figure.savefig(path, dpi=110, transparent=True)
    print(f"figure: {path}")


if __name__ == "__main__":
    sys.exit(main())
