"""Make the tasks every server is measured on: deterministic, shaped like real feedback data.

Message lengths, turns, responses, ratings and ties follow distributions measured on open
sets of rated conversations. Text is cut out of one long salad of words, which costs a copy
instead of a draw per word and still gives every message its own text.
"""

import math
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

TEXT_MAX = 20_000
TURN_COUNTS = ((1, 0.55), (2, 0.17), (3, 0.15), (4, 0.08), (5, 0.03), (8, 0.015), (18, 0.005))
RESPONSE_COUNTS = ((2, 0.80), (3, 0.10), (4, 0.07), (5, 0.02), (9, 0.01))
RATER_COUNTS = ((1, 0.80), (2, 0.10), (3, 0.10))
DIMENSIONS = ("instruction_following", "truthfulness", "conciseness", "format", "safety")
FIRST_CREATED_AT = datetime(2012, 1, 1, tzinfo=UTC)
SECONDS_BETWEEN_TASKS = 37
"""Ten million tasks end before 2024: an import refuses what was completed after today."""
MEAN_HOURS_TO_COMPLETE = 20

COMMON_WORDS = (
    "a an so we you they has have was were not can may must should often never each other "
    "more less some many when where which while then than from into over under about"
)
RARE_WORDS = (
    "17 2.71 0x1f crème Straße «quoted» ‘single’ “double” 模型 回答 Ответ 🚀 👍🏽 <i>y</i> "
    'a&b C:\\temp say:"yes" tab\there x<y | `code` **bold** $e^x$ [1] line\nbreak'
)


@dataclass(frozen=True)
class LogNormal:
    """How many characters a kind of text has; parameters of the logarithm."""

    mu: float
    sigma: float


USER_TEXT = LogNormal(4.39, 0.90)
RESPONSE_TEXT = LogNormal(6.19, 1.13)
JUSTIFICATION_TEXT = LogNormal(5.0, 0.8)


@dataclass(frozen=True)
class Shape:
    """What one set of tasks has of its own; everything else follows the shared distributions.

    `text_scale` stretches or shortens every message, which sets the mean size of a task.
    `distinct` is how many different conversations exist: tasks repeat them in turn, so that
    a page at any depth holds the same conversations as the first page.
    `with_ids` gives annotations an id and a type, as the API serves them; `with_details` adds
    titles, possible values and attachments, which only other `opts` sets show.
    `mixed_statuses` leaves three tasks in twenty not completed.
    """

    name: str
    text_scale: float
    distinct: int | None = None
    is_single_turn: bool = False
    with_ids: bool = False
    with_details: bool = False
    mixed_statuses: bool = False


LARGE = Shape("large", text_scale=3.3, with_ids=True)
LARGE_PLAIN = Shape("large-plain", text_scale=3.3)
LARGE_DETAILS = Shape("large-details", text_scale=3.3, with_ids=True, with_details=True)
SMALL = Shape("small", text_scale=0.1, is_single_turn=True, distinct=1_000, mixed_statuses=True)
SMALL_PLAIN = Shape("small-plain", text_scale=0.1, is_single_turn=True)
SMALL_IDS = Shape("small-ids", text_scale=0.1, is_single_turn=True, with_ids=True)
SMALL_DETAILS = Shape(
    "small-details", text_scale=0.1, is_single_turn=True, with_ids=True, with_details=True
)


def write_tasks(folder: Path, shape: Shape, count: int, *, batch_tasks: int) -> Path:
    """Return a JSONL file of `count` tasks, reusing the one of an earlier run.

    Its name carries a checksum of this module, so that a changed generator makes it anew.
    """
    stem = f"{shape.name}-{count}-{batch_tasks}"
    path = folder / f"{stem}.{zlib.crc32(Path(__file__).read_bytes()):08x}.jsonl"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    for outdated in folder.glob(f"{stem}.*"):
        outdated.unlink()
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as out:
        out.writelines(task_lines(shape, count, batch_tasks=batch_tasks))
    unfinished.rename(path)
    return path


def task_lines(shape: Shape, count: int, *, batch_tasks: int) -> Iterator[bytes]:
    """Yield `count` v2 Task objects, one JSON line each, `batch_tasks` of them to a batch."""
    rng = random.Random(f"{shape.name} 1")
    writer = ConversationWriter(rng, shape)
    distinct = shape.distinct or 0
    pool = [msgspec.json.encode(writer.threads()) for _ in range(min(distinct, count))]
    for index in range(count):
        threads = pool[index % distinct] if pool else msgspec.json.encode(writer.threads())
        yield task_line(shape, index, threads, rng=rng, batch_tasks=batch_tasks)


def task_line(
    shape: Shape, index: int, threads: bytes, *, rng: random.Random, batch_tasks: int
) -> bytes:
    """Return one task around already encoded threads, ending with a newline."""
    status = status_of(index) if shape.mixed_statuses else "completed"
    created_at = FIRST_CREATED_AT + timedelta(
        seconds=SECONDS_BETWEEN_TASKS * index, milliseconds=rng.randrange(1_000)
    )
    hours = rng.expovariate(1 / MEAN_HOURS_TO_COMPLETE)
    completed = ""
    if status == "completed":
        completed = f'"completed_at":"{timestamp(created_at + timedelta(hours=hours))}",'
    else:
        threads = b"[]"
    head = (
        f'{{"task_id":"task_{shape.name}_{index:08d}","project":"{project_of(shape)}",'
        f'"batch":"{batch_of(shape, index // batch_tasks)}","status":"{status}",'
        f'"created_at":"{timestamp(created_at)}",{completed}"metadata":{{"i":{index}}},"threads":'
    )
    return b"".join((head.encode(), threads, b"}\n"))


def project_of(shape: Shape) -> str:
    return f"project_{shape.name}"


def batch_of(shape: Shape, number: int) -> str:
    return f"batch_{shape.name}_{number:05d}"


def status_of(index: int) -> str:
    """Return the status of a task in a mixed set: seventeen of twenty are completed.

    None is in error, as in most projects: a page over all statuses must not search for one.
    """
    return {3: "pending", 9: "canceled", 14: "pending"}.get(index % 20, "completed")


def timestamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ConversationWriter:
    """Draws conversations of one shape from one random source."""

    def __init__(self, rng: random.Random, shape: Shape) -> None:
        self._rng = rng
        self._shape = shape
        common, rare = COMMON_WORDS.split(" "), RARE_WORDS.split(" ")
        weights = [20] * len(common) + [1] * len(rare)
        self._salad = " ".join(rng.choices(common + rare, weights, k=300_000))

    def threads(self) -> list[dict[str, Any]]:
        """Return the threads of one task: a single thread with its raters."""
        rng = self._rng
        turn_count = 1 if self._shape.is_single_turn else pick(rng, TURN_COUNTS)
        submissions = [
            {
                "contributor_id": f"contributor_{rng.randrange(200)}",
                "submitted_at": timestamp(FIRST_CREATED_AT + timedelta(seconds=rng.random() * 9e7)),
            }
            for _ in range(pick(rng, RATER_COUNTS))
        ]
        return [
            {
                "id": "thread_0",
                "turns": [self._turn(f"turn_{number}") for number in range(turn_count)],
                "submissions": submissions,
                "annotations": [],
            }
        ]

    def _turn(self, turn_id: str) -> dict[str, Any]:
        count = 2 if self._shape.is_single_turn else pick(self._rng, RESPONSE_COUNTS)
        sources = [f"model_{'abcdefghi'[number]}" for number in range(count)]
        scores = [self._rating(3.6, 1.1, 5) for _ in sources]
        responses = [
            self._response(source, score) for source, score in zip(sources, scores, strict=True)
        ]
        return {
            "id": turn_id,
            "messages": [self._prompt(), *responses],
            "annotations": self._preference(sources, scores),
        }

    def _prompt(self) -> dict[str, Any]:
        content: dict[str, Any] = {"text": self._text(USER_TEXT)}
        if self._shape.with_details and self._rng.random() < 0.2:
            content["attachments"] = [
                {
                    "mime_type": "image/png",
                    "url": f"https://files.example/{self._rng.getrandbits(96):024x}.png",
                    "name": "figure.png",
                    "file_size_in_bytes": self._rng.randrange(1_000, 2_000_000),
                }
            ]
        return {"content": content, "role": "user", "source_id": "user", "annotations": []}

    def _response(self, source: str, score: int) -> dict[str, Any]:
        annotations = [self._annotation("overall", score, "integer", [1, 2, 3, 4, 5])]
        if not self._shape.is_single_turn:
            annotations += [
                self._annotation(key, self._rating(2.6, 0.6, 3), "integer", [1, 2, 3])
                for key in DIMENSIONS
            ]
            if self._rng.random() < 0.25:
                why = self._text(JUSTIFICATION_TEXT, scale=1)
                annotations.append(self._annotation("truthfulness_justification", why, "text"))
        return {
            "content": {"text": self._text(RESPONSE_TEXT)},
            "role": "assistant",
            "source_id": source,
            "model_parameters": {
                "model": source.replace("_", "-"),
                "temperature": 0.9,
                "max_completion_tokens": 2048,
            },
            "annotations": annotations,
        }

    def _preference(self, sources: Sequence[str], scores: Sequence[int]) -> list[dict[str, Any]]:
        rng = self._rng
        best = max(range(len(scores)), key=scores.__getitem__)
        is_tie = rng.random() < 0.15
        found = []
        if not is_tie:
            found.append(
                self._annotation("selected_model_id", sources[best], "category", list(sources))
            )
        if len(sources) == 2:
            likert = 4 if is_tie else rng.randint(1, 3) + 4 * best
            found.append(self._annotation("likert_value", likert, "integer", list(range(1, 8))))
        else:
            ranked = [name for _, name in sorted(zip(scores, sources, strict=True), reverse=True)]
            found.append(self._annotation("ranking", ranked, "ranked_choices"))
        if not self._shape.is_single_turn:
            why = self._text(JUSTIFICATION_TEXT, scale=1)
            found.append(self._annotation("justification", why, "text"))
        return found

    def _annotation(
        self, key: str, value: Any, kind: str, possible_values: list[Any] | None = None
    ) -> dict[str, Any]:
        if not self._shape.with_ids:
            return {"key": key, "value": value}
        annotation = {
            "id": f"ann_{self._rng.getrandbits(64):016x}",
            "key": key,
            "type": kind,
            "value": value,
        }
        if self._shape.with_details:
            annotation["title"] = key.replace("_", " ").capitalize()
            if possible_values is not None:
                annotation["possible_values"] = possible_values
        return annotation

    def _rating(self, mean: float, deviation: float, highest: int) -> int:
        return min(highest, max(1, round(self._rng.gauss(mean, deviation))))

    def _text(self, length: LogNormal, scale: float | None = None) -> str:
        """Return a piece of the salad; the longest drawn message is cut at `TEXT_MAX`."""
        stretch = self._shape.text_scale if scale is None else scale
        drawn = math.exp(self._rng.gauss(length.mu, length.sigma)) * stretch
        size = max(1, min(TEXT_MAX, int(drawn)))
        start = self._rng.randrange(len(self._salad) - size)
        return self._salad[start : start + size]


def pick(rng: random.Random, weighted: Sequence[tuple[int, float]]) -> int:
    values, weights = zip(*weighted, strict=True)
    return rng.choices(values, weights)[0]
