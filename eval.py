"""How good is a model, and which of several runs is better?

    python eval.py --model runs/lte-small-model-s0/final --data small-model/test.jsonl
    python eval.py --model NAME --data math500 minerva olympiadbench amc23 aime24 aime25 gsm8k
    python eval.py --model NAME --data a.jsonl b.jsonl --samples 16 --k 1 4 16
    python eval.py --compare runs/*                 runs of several methods and seeds, side by side
    python eval.py --compare runs/* --figure none-pass.png          the same, and a drawing of it

What it reports, and how:

 1. Pass@1 is the mean over samples, Pass@k the unbiased estimate 1 - C(n-c, k) / C(n, k) from n
    samples with c right ones; both are means over problems. The interval (95 %) comes from drawing
    the problems again with replacement, 10,000 times. It says how far the figure would move with
    other problems of the kind, not with another training seed.
 2. Prompt, sampler and checker are those of training. There is never a hint.
 3. Every sample goes to a JSONL file, so that any verdict can be looked up, and an evaluation that
    was stopped goes on where it was: the same command, again.
 4. Benchmarks by name are fetched once, checked and kept in the user's cache. Their k, which is the
    number of samples too, is the paper's as far as it is known: 4 for the larger ones, 16 for AMC
    and AIME; for a file it is 16.
 5. Runs are compared at their last validation. Differences, of the method named first to each of
    the others, are paired by model and seed; their interval (95 %) is Student's t over the pairs.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

import lte
from verify import pass_at_k

# --------------------------------------------------------------------------------------------------
# One model on files of problems

PAPER_K = {"math500": 4, "minerva": 4, "olympiadbench": 4, "gsm8k": 4}  # 16 for the others
ROLLOUTS_A_PORTION = 1024


def bootstrap_interval(values: list[float]) -> tuple[float, float]:
    """95 % interval of the mean of `values` (one a problem) under resampling of the problems."""
    values = np.asarray(values)
    drawn = np.random.default_rng(0).integers(len(values), size=(10_000, len(values)))
    low, high = np.percentile(values[drawn].mean(1), [2.5, 97.5])
    return float(low), float(high)


def summarise(groups: list[list[dict]], ks: list[int]) -> dict:
    """Pass@k with intervals, truncation rate and mean length [tokens] of graded samples."""
    samples = [row for group in groups for row in group]
    passes = []
    for k in ks:
        rates = [pass_at_k(len(g), sum(row["reward"] == 1 for row in g), k) for g in groups]
        passes.append((sum(rates) / len(rates), *bootstrap_interval(rates)))
    truncated = sum(row["truncated"] for row in samples) / len(samples)
    length = sum(row["tokens"] for row in samples) / len(samples)
    counts = {"problems": len(groups), "samples": len(groups[0])}
    return counts | {"pass": passes, "truncated": truncated, "length": length}


def table_row(name: str, summary: dict) -> str:
    cells = [f"{mean:6.1%} ({low:.1%}-{high:.1%})" for mean, low, high in summary["pass"]]
    passes = "".join(f"{cell:>24}" for cell in cells)
    rest = f"{summary['truncated']:>11.1%}{summary['length']:>9.1f}"
    return f"{name:24}{summary['problems']:>9}{summary['samples']:>8}{passes}{rest}"


def sample_rows(group: lte.Group) -> list[dict]:
    """One row a sample: what was asked, what was answered, how it was judged."""
    rows, problem = [], group.problem
    for i, rollout in enumerate(group.rollouts):
        row = {"problem": problem.problem, "reference": problem.answer, "sample": i}
        row |= {"response": rollout.text, "answer": rollout.answer, "reward": rollout.reward}
        rows.append(row | {"truncated": rollout.truncated, "tokens": len(rollout.response_ids)})
    return rows


def sample_file(
    policy: lte.Policy, problems: list[lte.Problem], samples: int, config: lte.Config, path: Path
) -> list[list[dict]]:
    """`samples` graded rows a problem, in `path` too, written a portion of the problems at a time;
    portions that are there already are not sampled again."""
    portion = max(ROLLOUTS_A_PORTION // samples, 1)
    rows = lte.read_log(path) if path.exists() else []
    if len(rows) < len(problems) * samples:
        rows = rows[: len(rows) // (portion * samples) * portion * samples]
        lte.replace_file(path, lte.json_lines(rows))
    for first in range(len(rows) // samples, len(problems), portion):
        part = problems[first : first + portion]
        groups = lte.evaluate(policy, part, samples, config, step=first)
        new = [row for group in groups for row in sample_rows(group)]
        with path.open("a", encoding="utf-8") as file:
            file.write(lte.json_lines(new))
        rows += new
        if len(rows) < len(problems) * samples:
            print(f"{path.stem}: {first + portion} of {len(problems)} problems", file=sys.stderr)
    return [rows[i : i + samples] for i in range(0, len(rows), samples)]


def check_settings(path: Path, problems: list[lte.Problem], samples: int, config) -> None:
    """Write down how the samples in `path` are made; UserError if those there were made otherwise."""
    names = ("max_new_tokens", "temperature", "seed", "system_prompt")
    settings = {name: getattr(config, name) for name in names} | {"samples": samples}
    model = Path(config.model)
    settings["model"] = str(model.resolve()) if model.is_dir() else config.model
    files = sorted(model.glob("*.safetensors"))
    settings["weights"] = [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in files]
    asked = json.dumps([[p.problem, p.answer] for p in problems])
    settings["problems"] = hashlib.sha256(asked.encode()).hexdigest()
    note = path.with_suffix(".settings.json")
    same = note.exists() and note.read_text() == json.dumps(settings)
    if (path.exists() or note.exists()) and not same:
        raise lte.UserError(f"{path} is not of this model and these settings: choose another --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    lte.replace_file(note, json.dumps(settings))


def evaluate_files(args: argparse.Namespace) -> None:
    """Sample and grade every file or benchmark; print the table."""
    given = {name: getattr(args, name) for name in SETTINGS}
    given = {name: value for name, value in given.items() if value is not None}
    config = lte.Config(**lte.read_recipe(args.model) | {"model": args.model} | given)
    lte.check_config(config)
    counts = sample_counts(args)
    files = {name: lte.locate(name, lte.BENCHMARKS) for name in args.data}
    problems = {name: lte.load_problems(path) for name, path in files.items()}
    outputs = {name: Path(args.out) / f"{Path(name).stem}.jsonl" for name in args.data}
    resolved = {path.resolve() for path in outputs.values()}
    if len(resolved) < len(args.data) or resolved & {path.resolve() for path in files.values()}:
        message = "two data sets of one name, or samples would overwrite data: "
        raise lte.UserError(message + "rename data or choose another --out")
    for name, path in outputs.items():
        check_settings(path, problems[name], counts[name], config)
    policy = lte.sampling_policy(lte.policy_for(config), config)
    for some in problems.values():
        lte.check_prompts(policy, some, config)
    print_head(args.k)
    summaries = []
    for name, path in outputs.items():
        groups = sample_file(policy, problems[name], counts[name], config, path)
        ks = sorted(set(args.k)) if args.k else [1, counts[name]]
        summaries.append(print_rows(name, problems[name], groups, ks))
        print(f"{'':24}samples: {path}")
    if len(summaries) > 1:
        columns = zip(*(summary["pass"] for summary in summaries), strict=True)
        means = [sum(mean for mean, _, _ in column) / len(column) for column in columns]
        print(f"{'average':41}" + "".join(f"{f'{mean:6.1%}':>24}" for mean in means))


def sample_counts(args: argparse.Namespace) -> dict[str, int]:
    """Samples a problem for each data set; UserError if --samples or --k make no sense."""
    counts = dict.fromkeys(args.data, args.samples)
    if args.samples is None:
        counts = {name: PAPER_K.get(name, 16) for name in args.data}
    least = min(counts.values())
    if least < 1:
        raise lte.UserError(f"--samples is {least}: it must be at least 1")
    if args.k and not 1 <= min(args.k) <= max(args.k) <= least:
        raise lte.UserError(f"--k must be between 1 and --samples, {least}")
    return counts


def print_head(ks: list[int] | None) -> None:
    heads = [f"Pass@{k}" for k in sorted(set(ks))] if ks else ["Pass@1", "Pass@samples"]
    columns = "".join(f"{head:>24}" for head in heads)
    print(f"{'':24}{'problems':>9}{'samples':>8}{columns}  truncated   length")


def print_rows(name: str, problems: list[lte.Problem], groups: list, ks: list[int]) -> dict:
    """A row for each family of a data set, if it has any, and one for all of it: its summary."""
    families = defaultdict(list)
    for problem, group in zip(problems, groups, strict=True):
        families[problem.family].append(group)
    for family in sorted(f for f in families if f):
        print(table_row(f"  {family}", summarise(families[family], ks)))
    summary = summarise(groups, ks)
    print(table_row(Path(name).stem, summary))
    return summary


# --------------------------------------------------------------------------------------------------
# Several runs


# 97.5 % quantiles of Student's t for 1, 2, ... degrees of freedom; beyond, the normal one.
STUDENT_T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179]
STUDENT_T += [2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064]


def mean_and_sd(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (nan for one value)."""
    sd = statistics.stdev(values) if len(values) > 1 else math.nan
    return statistics.fmean(values), sd


def mean_interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and 95 % t interval of a few values (paired differences)."""
    mean, sd = mean_and_sd(values)
    t = STUDENT_T[len(values) - 2] if 2 <= len(values) <= len(STUDENT_T) + 1 else 1.96
    half = t * sd / math.sqrt(len(values))
    return mean, mean - half, mean + half


def read_run(folder: str) -> dict:
    """Settings, metrics, first and last validation of a run's folder."""
    path = Path(folder)
    settings = lte.read_settings(path / "config.json", "settings")
    try:
        metrics, _, validations = (lte.read_log(path / name) for name in lte.Run.LOGS)
        ended = metrics[-1]["step"] == validations[-1]["step"] and (path / "final").is_dir()
        run = {"settings": settings, "key": (settings["model"], settings["seed"])}
        run |= {"metrics": metrics, "first": validations[0], "last": validations[-1]}
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise lte.UserError(f"{folder} is not the folder of a run that ended: {error}") from None
    if not ended:
        raise lte.UserError(f"{folder} has no validation after its last step: did the run end?")
    return run


NO_PART_OF_A_LABEL = ("method", "model", "data", "eval_data", "out", "seed")
NO_PART_OF_A_LABEL += lte.MAY_CHANGE_ON_RESUME


def group_by_method(found: list[tuple[str, dict]]) -> dict[str, list[dict]]:
    """Runs (with their folders) by label: the method, and the settings that are not those of the
    first run."""
    first = found[0][1]["settings"]
    methods: dict[str, list[dict]] = defaultdict(list)
    for folder, run in found:
        words = [run["settings"]["method"]]
        for name, value in run["settings"].items():
            if name not in NO_PART_OF_A_LABEL and value != first.get(name):
                words += [lte.flag(name)] if value is True else [lte.flag(name), str(value)]
        others = methods[" ".join(words)]
        if any(run["key"] == other["key"] for other in others):
            raise lte.UserError(f"{folder}: the same method, model and seed as another of the runs")
        others.append(run)
    return methods


def none_pass_curve(runs: list[dict]) -> list[float]:
    """Share of none-pass groups a step, mean over runs, as far as all of them go."""
    shares = []
    for run in runs:
        groups = run["settings"]["prompts_per_step"]
        shares.append([m["none_pass"] / groups for m in run["metrics"]])
    return [sum(step) / len(step) for step in zip(*shares, strict=False)]


def text_curve(values: list[float]) -> str:
    """Values between 0 and 1 as a row of bars, averaged down to 60 characters."""
    blocks, n = "▁▂▃▄▅▆▇█", len(values)
    width = min(60, n)
    parts = [values[i * n // width : (i + 1) * n // width] for i in range(width)]
    return "".join(blocks[min(int(sum(p) / len(p) * len(blocks)), 7)] for p in parts)


def compare(folders: list[str], figure: str | None) -> None:
    """Print a table of methods over models and seeds, paired differences, and none-pass curves."""
    found, reasons = [], []
    for folder in folders:
        try:
            found.append((folder, read_run(folder)))
        except lte.UserError as error:
            reasons.append(str(error))
    if not found:
        raise lte.UserError(reasons[0])
    for reason in reasons:
        print(f"left out: {reason}", file=sys.stderr)
    methods = group_by_method(found)
    runs = [run for some in methods.values() for run in some]
    k, width = runs[0]["last"]["k"], max(map(len, methods)) + 2
    if any(run["last"]["k"] != k for run in runs):
        raise lte.UserError("the runs were validated with different --eval-samples")
    if len({run["settings"]["eval_data"] or run["settings"]["data"] for run in runs}) > 1:
        raise lte.UserError("the runs were validated on different problems (--eval-data, --data)")
    print("At the last validation, in percent: mean +- sd over runs (models x seeds)\n")
    head = f"{'':{width}}{'runs':>5}{'steps':>7}{'rollouts':>10}"
    print(head + f"{'Pass@1':>15}{f'Pass@{k}':>15}{'none-pass':>15}")
    print(f"{'before':{width}}{len(runs):>5}{0:>7}{0:>10}" + rate_cells([r["first"] for r in runs]))
    for label, some in methods.items():
        steps = sum(len(r["metrics"]) for r in some) / len(some)
        rollouts = sum(m["sampled_rollouts"] for r in some for m in r["metrics"]) / len(some)
        cells = rate_cells([r["last"] for r in some])
        print(f"{label:{width}}{len(some):>5}{steps:>7.0f}{rollouts:>10.0f}{cells}")
    print_differences(methods, k, width)
    print("\nNone-pass share of each step's problems, mean of the first and of the last fifth\n")
    curves = {label: none_pass_curve(some) for label, some in methods.items()}
    for label, curve in curves.items():
        n = max(len(curve) // 5, 1)
        ends = f"{sum(curve[:n]) / n:6.1%} -> {sum(curve[-n:]) / n:6.1%}"
        print(f"{label:{width}}{ends}  {text_curve(curve)}")
    if figure:
        draw_none_pass(curves, figure)


def rate_cells(validations: list[dict]) -> str:
    """Pass@1, Pass@k and none-pass, mean +- sd."""
    cells = []
    for name in ("pass@1", "pass@k", "none_pass"):
        mean, sd = mean_and_sd([100 * v[name] for v in validations])
        cells.append(f"{mean:.1f} +- {sd:.1f}")
    return "".join(f"{cell:>15}" for cell in cells)


def print_differences(methods: dict[str, list[dict]], k: int, width: int) -> None:
    """The first method minus each other one, paired by model and seed."""
    first, *others = methods
    ours = {run["key"]: run["last"] for run in methods[first]}
    for i, label in enumerate(others):
        pairs = [(ours[r["key"]], r["last"]) for r in methods[label] if r["key"] in ours]
        cells = []
        for name, title in (("pass@1", "Pass@1"), ("pass@k", f"Pass@{k}")) if pairs else ():
            mean, low, high = mean_interval([100 * (a[name] - b[name]) for a, b in pairs])
            cells.append(f"{title} {mean:+.1f} ({low:+.1f} to {high:+.1f})")
        if i == 0:
            print(f"\n{first} minus the others, in points, by pairs: mean (95 % interval)\n")
        print(f"{label:{width}}{len(pairs):>2} pairs   " + "   ".join(cells))


def draw(path: str, lines: dict[str, tuple[list, list]], **axes) -> None:
    """Lines, by label: x and y; with names and limits of the axes. For light and dark pages."""
    try:
        import matplotlib.figure
    except ImportError:
        raise lte.UserError("a figure needs matplotlib: pip install matplotlib") from None
    grey = "#808080"
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    with matplotlib.rc_context(dict.fromkeys(names, grey) | {"font.size": 12}):
        figure = matplotlib.figure.Figure(figsize=(8, 4), layout="constrained")
        area = figure.subplots()
        for label, (x, y) in lines.items():
            area.plot(x, y, label=label, linewidth=2)
        area.set(**axes)
        area.spines[["top", "right"]].set_visible(False)
        if len(lines) > 1:
            area.legend(frameon=False)
        try:
            figure.savefig(path, dpi=120, transparent=True)
        except ValueError as error:
            raise lte.UserError(f"can't draw {path}: {error}") from None
    print(f"figure: {path}")


def draw_none_pass(curves: dict[str, list[float]], path: str) -> None:
    lines = {
        label: (range(1, len(curve) + 1), [100 * share for share in curve])
        for label, curve in curves.items()
    }
    draw(path, lines, xlabel="step", ylabel="none-pass problems [%]", ylim=(0, None))


# --------------------------------------------------------------------------------------------------
# Command line


SETTINGS = ("max_new_tokens", "temperature", "seed", "device", "threads", "cache_gib")
SETTINGS += ("system_prompt",)


def build_parser() -> lte.Parser:
    parser = lte.Parser("eval.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", help="a causal language model: folder or Hugging Face name")
    names = ", ".join(lte.BENCHMARKS)
    parser.add_argument("--data", nargs="+", help=f"JSONL files of problems, or of: {names}")
    parser.add_argument("--samples", type=int, help="samples a problem [16; benchmarks: see above]")
    parser.add_argument("--k", type=int, nargs="+", help="which Pass@k to report [1 and --samples]")
    parser.add_argument("--out", default="", help="folder for the samples [runs/eval-MODEL]")
    parser.add_argument("--compare", nargs="+", metavar="RUN", help="folders of runs to compare")
    parser.add_argument("--figure", metavar="FILE", help="draw the none-pass curves (matplotlib)")
    fields = {f.name: f for f in dataclasses.fields(lte.Config)}
    for name in SETTINGS:
        text = f"{fields[name].metadata['help']} [recipe.json's, else {fields[name].default}]"
        parser.add_argument(lte.flag(name), type=type(fields[name].default), help=text)
    return parser


def main(argv: list[str] | None = None) -> int:
    """The command line. Returns the exit status: 2, after one line, for what the user can mend."""
    lte.only_our_lines()
    try:
        args = build_parser().parse_args(argv)
        if args.compare:
            compare(args.compare, args.figure)
        elif args.model and args.data:
            args.out = args.out or f"runs/eval-{lte.short_name(args.model)}"
            evaluate_files(args)
        else:
            raise lte.UserError("give --model and --data, or --compare (see --help)")
        return 0
    except KeyboardInterrupt:
        print("eval.py: stopped; the same command goes on where this one was", file=sys.stderr)
        return 130
    except (lte.UserError, OSError) as error:
        message = str(error)
    except (RuntimeError, MemoryError) as error:
        if not lte.is_out_of_memory(error):
            raise
        message = "out of memory: lower --cache-gib; the same command goes on where this one was"
    print(f"eval.py: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
