"""`manage.py evaluate PATH`: our pipeline and tuned open-source models on a shop's history. Needs no database."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from unicodedata import normalize

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from personalization.management.output import writable
from personalization.recommenders.base import SIGNAL_NAMES
from personalization.services.figures import storable
from personalization.training.dataset import Dataset, build
from personalization.training.evaluate import Options, evaluate
from personalization.training.folds import Protocol
from personalization.training.plan import OPTIONAL, ranked_sources
from personalization.training.reading import as_in_file, id_texts, seconds, unknown_events
from personalization.training.tune import SAMPLERS, Search

EARLY = 1e8
"""Seconds: 1973, before any shop's first row."""
WITH_GAPS = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
"""Whole numbers with gaps stay whole: as floats, ids of 17 digits would become those of their neighbors."""
STARS = ("value", "rating", "stars")
TIMES = ("time", "date")
"""In the name of a column that holds times, and is not called timestamp."""
YEAR = 365.25 * 86_400
LONGEST = 60
"""Years; no shop's history is longer."""
NAMED = 5
FEW = 50
"""Shoppers; of fewer, an interval of 95 % holds the truth less than nine times in ten: of five, every second time."""
READ = ("interactions.parquet", "items.parquet", "shoppers.parquet")
STOPPED = 130
"""What a program that Ctrl-C ended answers a shell."""
TRADED = (("ndcg", "NDCG@10"), ("gini", "Gini"), ("coverage", "coverage"))


class Command(BaseCommand):
    """Judges what the pipeline would release, on data in files."""

    help = (
        "Train on interactions.parquet (and items, shoppers) of a folder, judge on its last part, compare with peers."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the folder and what to write."""
        parser.add_argument("path", type=Path, help="folder with interactions.parquet, perhaps items and shoppers")
        parser.add_argument(
            "--protocol", choices=get_args(Protocol), default="temporal", help="which questions are asked (temporal)"
        )
        parser.add_argument(
            "--mode", choices=("repeat", "new"), default="repeat", help="new: drop items had before (repeat)"
        )
        parser.add_argument(
            "--live",
            action="store_true",
            help="teach the ranker in the middle of visits too, as trainings of a shop do",
        )
        parser.add_argument("--peers", action="store_true", help="tune and judge open-source models in the same run")
        parser.add_argument(
            "--budget",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="tuning time of our sources, and of all peers together; 0: the settings they begin with",
        )
        parser.add_argument(
            "--sampler", choices=SAMPLERS, default="tpe", help="how settings are searched for, with --budget (tpe)"
        )
        parser.add_argument("--study", metavar="FILE", help="keep the search here, and go on with it next time")
        parser.add_argument(
            "--extra", action="append", default=[], choices=OPTIONAL, help="one more source; repeatable"
        )
        parser.add_argument(
            "--exposure",
            type=float,
            default=settings.EXPOSURE_STRENGTH,
            metavar="STRENGTH",
            help="how strongly over-exposed items are held back, 0 to 1; else as EXPOSURE_STRENGTH says",
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=7,
            metavar="N",
            help="seed of what else is drawn: models, negatives, searches (7)",
        )
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the whole report, as JSON")
        parser.add_argument(
            "--recommendations", type=Path, metavar="OUT", help="write user, rank, item, score, as Parquet"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, evaluate, print, write."""
        _check(options)
        interactions, items, shoppers = _frames(options["path"])
        pictures = folder if (folder := options["path"] / "pictures").is_dir() else None
        timed = not untimed(interactions)
        if not timed:
            why = "No two rows differ in time" if "timestamp" in interactions else "There is no column timestamp"
            self.stderr.write(f"{why}: the file's order is taken for it, a second from row to row.")
            if options["protocol"] != "leave-one-out" and by_shopper(interactions):
                self.stderr.write(
                    "The rows are in the order of user_id: hardly any shopper has some before and some after a cut. "
                    "Shuffle them, or ask about each shopper's last row: --protocol leave-one-out"
                )
            interactions = interactions.assign(timestamp=np.arange(1.0, len(interactions) + 1))
        asked = _asked(options)
        with tqdm(total=100, file=sys.stderr, bar_format="{percentage:3.0f}% {elapsed} {desc}") as bar:

            def progress(message: str, share: float) -> None:
                bar.set_description_str(message)
                bar.update(max(0.0, round(100 * share) - bar.n))

            try:
                dataset = build(
                    interactions, items, shoppers, pictures=pictures, weights=settings.EVENT_WEIGHTS, timed=timed
                )
                for line in unusable(dataset, interactions, items, shoppers, timed=timed):
                    bar.clear()  # else the line stands behind it
                    self.stderr.write(line)
                found = evaluate(dataset, asked, progress=progress)
            except ValueError as error:
                raise CommandError(str(error)) from error
            except KeyboardInterrupt as stop:
                raise CommandError("stopped before the end: no report is written", returncode=STOPPED) from stop
        for why in asked.search.lost:
            self.stderr.write(f"--study: the search could not be kept: {why}")
        for line in told(found.report):
            self.stdout.write(line)
        try:
            if options["json"]:
                text = json.dumps(storable(found.report), indent=1, default=str, allow_nan=False)
                options["json"].write_text(text + "\n")
            if options["recommendations"]:
                answers = named_as_given(found.recommendations, interactions, items)
                answers.to_parquet(options["recommendations"], index=False)
        except OSError as error:
            raise CommandError(f"what was found could not be written: {error}") from error


def _check(options: Mapping[str, Any]) -> None:
    """Raise CommandError, before anything is read, for numbers out of range and files that cannot be written."""
    outputs = {name: options[name] for name in ("json", "recommendations") if options[name]}
    for name, file in outputs.items():
        writable(file, option=name)
        if file.resolve() in {(options["path"] / one).resolve() for one in READ}:
            raise CommandError(f"--{name}: {file} is read, it would be overwritten")
    if len({file.resolve() for file in outputs.values()}) < len(outputs):
        raise CommandError("--json and --recommendations: two files")
    if not 0 <= options["budget"] < float("inf"):
        raise CommandError("--budget: seconds, 0 or more")
    if not 0 <= options["exposure"] <= 1:
        raise CommandError("--exposure: 0 to 1")
    if not 0 <= options["seed"] < 2**31:
        raise CommandError(f"--seed: 0 to {2**31 - 1}")


def _asked(options: Mapping[str, Any]) -> Options:
    """Return what to compare. Raises CommandError for wishes that exclude each other, or want what is not installed."""
    try:
        return Options(
            names=ranked_sources(options["extra"]),
            protocol=options["protocol"],
            new_only=options["mode"] == "new",
            with_peers=options["peers"],
            budget_s=options["budget"],
            seed=options["seed"],
            search=Search(options["sampler"], options["study"]),
            exposure=options["exposure"],
            live=options["live"],
        )
    except ValueError as error:
        raise CommandError(str(error)) from error


def named_as_given(answers: pd.DataFrame, interactions: pd.DataFrame, items: pd.DataFrame | None) -> pd.DataFrame:
    """Return the answers with users and items as the files call them, numbers as numbers."""
    listed = None if items is None else items["item_id"]
    return answers.assign(
        user=as_in_file(answers["user"], interactions["user_id"]),
        item=as_in_file(answers["item"], interactions["item_id"], listed),
    )


def unusable(
    dataset: Dataset,
    interactions: pd.DataFrame,
    items: pd.DataFrame | None,
    shoppers: pd.DataFrame | None,
    *,
    timed: bool = True,
) -> list[str]:
    """Return what of the files tells nothing, or something else than was meant, though it is there."""
    lines = []
    if timed and len(dataset.clock) and dataset.clock[-1] < EARLY:
        lines.append(
            "All times are before 1973: numbers are seconds since 1970. Are these days, or years? Write dates."
        )
    if len(dataset.clock) and (years := (dataset.clock[-1] - dataset.clock[0]) / YEAR) > LONGEST:
        lines.append(f"The times lie {years:,.0f} years apart: are some in milliseconds, others in seconds?")
    unread = "value" not in interactions or "event" not in interactions
    if unread and (stars := [name for name in STARS if _differ(interactions.get(name))]):
        without = "without a column event all rows are purchases. " if "event" not in interactions else ""
        lines.append(f"{stars[0]} is no rating: {without}Stars are rows whose event is rating, in the column value.")
    lines += [f"{line} Names are {', '.join(SIGNAL_NAMES)}." for line in _strange(interactions)]
    listed = pd.DataFrame() if items is None else items
    numbers = [interactions.get(name) for name in ("value", "quantity", "price")] + [listed.get("price")]
    for column in numbers:
        if _unread(column, lambda given: pd.to_numeric(given, errors="coerce")):
            lines.append(f"{column.name} is not read: it holds no number, such as 12.99.")
    not_read = {"timestamp": len(interactions) and not len(dataset.clock)}
    not_read["first_seen"] = _unread(listed.get("first_seen"), seconds)
    lines += [f"{name} is not read: it holds no date and no number of seconds." for name in not_read if not_read[name]]
    for name in ("user_id", "item_id"):
        lines += _nearly_alike(
            name, *(table.get(name) for table in (interactions, items, shoppers) if table is not None)
        )
    touched = {dataset.catalogue.item_ids[code] for code in np.unique(dataset.interactions.items).tolist()}
    if not touched:
        return lines  # cleaning says why
    if items is not None and touched.isdisjoint(id_texts(items["item_id"].dropna())):
        lines.append("No interaction is of a product of items.parquet: do both call products by the same ids?")
    if shoppers is not None and set(dataset.user_ids).isdisjoint(id_texts(shoppers["user_id"].dropna())):
        lines.append("No shopper of the interactions is in shoppers.parquet: do both call shoppers by the same ids?")
    return lines


def _nearly_alike(name: str, *columns: pd.Series | None) -> list[str]:
    """Return what is to be said of ids that look the same and are not: blanks around them, or another form of Unicode.

    They are not merged: which of them the shop means, it alone knows.
    """
    ids = {one for column in columns if column is not None for one in id_texts(column.dropna()).unique().tolist()}
    spelled: dict[str, list[str]] = {}
    for one in ids:
        plain = normalize("NFC", one.strip())
        if plain and plain != one:
            spelled.setdefault(plain, [plain] if plain in ids else []).append(one)
    ways = sorted(sorted(own) for own in spelled.values() if len(own) > 1)
    if not ways:
        return []
    told = " and ".join(ascii(one) for one in ways[0][:2])
    return [
        f"{len(ways):,} of {name} are spelled in several ways, such as {told}, with blanks around them or in other "
        "forms of Unicode: each way counts as another one."
    ]


def _strange(interactions: pd.DataFrame) -> list[str]:
    """Return what is to be said of events with names that nobody knows."""
    if "event" not in interactions or not len(interactions):
        return []
    names = unknown_events(interactions["event"])
    rows = sum(names.values())
    if rows + interactions["event"].isna().sum() == len(interactions):
        return ["No event has a name that is known: all count as a view."]
    told = ", ".join([*list(names)[:NAMED], *(["…"] if len(names) > NAMED else [])])
    return [f"{rows:,} rows are events that nobody knows ({told}): they count as a view."] if names else []


def _unread(column: pd.Series | None, read: Callable[[pd.Series], pd.Series]) -> bool:
    """Return whether there is such a column and nothing in it can be read."""
    if column is None or not (given := column.dropna()).size:
        return False
    try:
        return not read(given).notna().any()
    except TypeError:  # lists
        return True


def _differ(column: pd.Series | None) -> bool:
    """Return whether there is such a column, of numbers that are not all the same."""
    return column is not None and pd.to_numeric(column, errors="coerce").nunique() > 1


def untimed(interactions: pd.DataFrame) -> bool:
    """Return whether rows have no times, or all the same. Raises CommandError where another column holds them."""
    if "timestamp" not in interactions:
        if other := [name for name in interactions if any(word in str(name).lower() for word in TIMES)]:
            raise CommandError(
                f"missing column: timestamp (is it {' or '.join(map(str, other))}? Rename it or, "
                "where it holds no times, leave it out)"
            )
        return True
    try:
        return len(interactions) > 1 and interactions["timestamp"].nunique() < 2
    except TypeError as error:
        raise CommandError("timestamp: numbers (seconds) or dates, not lists") from error


def by_shopper(interactions: pd.DataFrame) -> bool:
    """Return whether the rows of each of several shoppers stand together."""
    if "user_id" not in interactions:
        return False
    users = interactions["user_id"].astype(str)
    return bool(1 < users.nunique() == (users != users.shift()).sum() < len(users))


def told(report: Mapping[str, Any]) -> list[str]:
    """Return the report's few most asked-for lines."""
    ours = report["ours"]
    lines = [f"{report['protocol']}, {report['mode']}, {report['questions']} questions: released is {ours['rung']}"]
    lines.append(_removed(ours["data"]))
    lines += [_line(f"  rung {step['rung']} ({step['name']}), validation", step["ndcg"]) for step in ours["ladder"]]
    lines += [_metric(f"  {kind} targets", report["released"][kind]) for kind in ("warm", "cold", "together")]
    lines += [_metric(f"  own {name}", found["warm"]) for name, found in ours["test"].items()]
    lines += [_metric(f"  peer {name}", found["warm"]) for name, found in report.get("peers", {}).items()]
    if missing := report.get("peers_not_installed"):
        lines.append(f"  peers that are not installed: {', '.join(missing)}")
    for name, kind in (("newest_in_last_category", "cold"), ("cold_alone", "cold"), ("frozen_profile", "together")):
        if name in report:
            lines.append(_metric(f"  {name}, {kind}", report[name][kind]))
    if later := report.get("appeared_later", {}).get("questions"):
        lines.append(
            f"  {later} of those with a cold target wanted what has its first_seen after the cut: none could propose it"
        )
    if ours["exposure"]["chosen"]:
        lines.append(_held_back(**ours["exposure"]))
    for kind, whose in (("source", "own "), ("peer", "")):
        if f"best_{kind}" in report:
            over = report[f"over_best_{kind}"]
            times = f" ×{over['ratio']:.3f}" if over["ratio"] is not None else ""
            words = f"  {over['metric']}: over {whose}{report[f'best_{kind}']}{times}, difference"
            lines.append(_line(words, over["difference"]))
    if 0 < (shoppers := report["released"]["warm"]["ndcg@10"]["n"]) < FEW:
        more = "" if report["protocol"] == "leave-one-out" else " --protocol leave-one-out may ask more."
        lines.append(
            f"  Shoppers with a warm target: {shoppers}. Of fewer than {FEW}, intervals are too short and a difference "
            f"may be chance.{more}"
        )
    return lines


def _metric(name: str, found: dict[str, Any]) -> str:
    told = _line(f"{name}: NDCG@10", found["ndcg@10"])
    return told + f"  HR@10 {found['hit_rate@10']['value']:.4f}" if found["ndcg@10"]["n"] else told


def _removed(data: Mapping[str, Any]) -> str:
    taken = [one for one in data["removed"] if one["rows"]]
    rows = sum(one["rows"] for one in taken)
    reasons = "; ".join(f"{one['rows']:,} {one['rule']} ({one['reason']})" for one in taken)
    return f"  {rows:,} of {data['interactions'] + rows:,} rows removed{': ' if taken else ''}{reasons}"


def _held_back(*, chosen: float, curve: Sequence[Mapping[str, Any]]) -> str:
    before, after = (next(one for one in curve if one["strength"] == strength) for strength in (0.0, chosen))
    changes = (f"{title} {before[name]:.4f} to {after[name]:.4f}" for name, title in TRADED)
    return f"  over-exposed items held back by {chosen:g}, validation: {', '.join(changes)}"


def _line(name: str, interval: dict[str, Any]) -> str:
    if not interval["n"]:
        return f"{name} of nobody"
    return f"{name} {interval['value']:.4f} [{interval['low']:.4f}, {interval['high']:.4f}] n={interval['n']}"


def _frames(path: Path) -> tuple[pd.DataFrame, pd.DataFrame | None, pd.DataFrame | None]:
    """Return interactions, and items and shoppers where there are any."""
    if path.is_file():
        raise CommandError(f"{path} is a file: name the folder that holds interactions.parquet")
    interactions = _read(path / "interactions.parquet")
    if interactions is None:
        raise CommandError(f"{path / 'interactions.parquet'} does not exist: a Parquet file, or a folder of its parts")
    return interactions, _read(path / "items.parquet"), _read(path / "shoppers.parquet")


def _read(file: Path) -> pd.DataFrame | None:
    """Return the table of a file, None where there is none."""
    if not file.exists():
        return None
    try:
        table = pq.read_table(file)
        gaps = any(column.null_count and pa.types.is_integer(column.type) for column in table.columns)
        # Without what pandas noted beside: a column that was the index of a frame is a column here.
        frame = table.to_pandas(types_mapper=WITH_GAPS.get if gaps else None, ignore_metadata=True)
    except (OSError, ValueError) as error:  # of Arrow's errors each is one of these
        why = str(error).partition("\n")[0]  # some go on with the whole schema
        raise CommandError(f"{file} cannot be read as Parquet: {why}") from error
    if not len(frame.columns):
        raise CommandError(f"{file} has no columns: is it a folder without part files?")
    return frame
