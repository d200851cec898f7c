"""The ordinary server: FastAPI, pydantic models, SQLAlchemy ORM, a JSON column and OFFSET.

It is what one would write first, written with care: response models, indexes on what is
filtered, write-ahead logging, uvloop and httptools, answers encoded by pydantic itself. It
takes the same tasks and answers `GET /v2/tasks` with the same fields as Plaudit's default page.
"""

import hashlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from sqlalchemy import JSON, ForeignKey, Index, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

AnnotationValue = bool | int | float | str | list[str] | list[list[str]] | dict[str, Any] | None
Role = Literal["system", "user", "assistant", "function"]
Status = Literal["pending", "completed", "canceled", "error"]
AnnotationType = Literal[
    "boolean", "integer", "text", "category", "category_multiple", "file", "labeled_text",
    "ranked_choices", "ranked_groups", "rubric_criteria", "rubric_rating", "workspace_container",
]  # fmt: skip
UtcTime = Annotated[
    datetime, PlainSerializer(lambda at: at.isoformat(timespec="milliseconds") + "Z")
]


class Base(DeclarativeBase):
    pass


class KeyRow(Base):
    __tablename__ = "api_key"

    digest: Mapped[str] = mapped_column(primary_key=True)


class ProjectRow(Base):
    __tablename__ = "project"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class TaskRow(Base):
    __tablename__ = "task"
    __table_args__ = (
        Index("task_by_status", "project_id", "status"),
        Index("task_by_completion", "project_id", "status", "completed_at"),
        Index("task_by_batch", "batch", "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(unique=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    project: Mapped[str]
    batch: Mapped[str | None]
    status: Mapped[str]
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    task_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSON)
    threads: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class Annotation(BaseModel):
    id: str | None = None
    key: str
    type: AnnotationType | None = None
    value: AnnotationValue = None


class Attachment(BaseModel):
    mime_type: str | None = None
    url: str | None = None
    name: str | None = None
    file_size_in_bytes: int | None = None


class Content(BaseModel):
    text: str | None = None


class ModelParameters(BaseModel):
    model: str | None = None
    temperature: float | None = None
    max_completion_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None


class Message(BaseModel):
    content: Content
    role: Role
    source_id: str
    model_parameters: ModelParameters | None = None
    annotations: list[Annotation]


class Turn(BaseModel):
    id: str
    messages: list[Message]
    annotations: list[Annotation]


class Thread(BaseModel):
    id: str
    turns: list[Turn]
    annotations: list[Annotation]


class Task(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    task_id: str
    project: str
    batch: str | None = None
    status: Status
    created_at: UtcTime
    completed_at: UtcTime | None = None
    metadata: dict[str, Any] | None = Field(default=None, validation_alias="task_metadata")
    threads: list[Thread]


class TaskPage(BaseModel):
    tasks: list[Task]
    next_token: str | None = None


class NewAnnotation(Annotation):
    title: str | None = None
    description: str | None = None
    labels: list[str] | None = None
    possible_values: list[bool | int | str] | None = None


class NewContent(Content):
    attachments: list[Attachment] | None = None


class NewMessage(Message):
    content: NewContent
    annotations: list[NewAnnotation]


class NewTurn(Turn):
    messages: list[NewMessage]
    annotations: list[NewAnnotation]


class Submission(BaseModel):
    contributor_id: str
    submitted_at: datetime


class NewThread(Thread):
    turns: list[NewTurn]
    submissions: list[Submission] | None = None
    annotations: list[NewAnnotation]


class NewTask(BaseModel):
    """A task as it is posted; what the default page leaves out is checked and kept too."""

    task_id: str
    project: str
    batch: str | None = None
    status: Status
    created_at: datetime
    completed_at: datetime | None = None
    metadata: dict[str, Any] | None = None
    threads: list[NewThread]


engine = create_engine(os.environ["ORDINARY_DATABASE"], pool_size=10)
new_session = sessionmaker(engine, expire_on_commit=False)


@event.listens_for(engine, "connect")
def use_write_ahead_log(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA foreign_keys=ON")


@asynccontextmanager
async def create_tables(_app: FastAPI) -> AsyncIterator[None]:
    """Create the schema and let the key in that the environment names."""
    Base.metadata.create_all(engine)
    with new_session() as session:
        session.merge(KeyRow(digest=digest_of(os.environ["ORDINARY_KEY"])))
        session.commit()
    yield


app = FastAPI(lifespan=create_tables)
bearer = HTTPBearer()


def get_session() -> Iterator[Session]:
    with new_session() as session:
        yield session


OpenSession = Annotated[Session, Depends(get_session)]


def require_key(
    session: OpenSession, given: Annotated[HTTPAuthorizationCredentials, Security(bearer)]
) -> None:
    if session.get(KeyRow, digest_of(given.credentials)) is None:
        raise HTTPException(401, "unknown key")


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/v2/tasks", response_model_exclude_none=True, dependencies=[Depends(require_key)])
def list_tasks(
    session: OpenSession,
    project_name: str,
    status: Status | None = None,
    batch_name: str | None = None,
    completed_after: datetime | None = None,
    completed_before: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> TaskPage:
    """GET /v2/tasks: one page, found by counting rows from the start."""
    project = session.scalar(select(ProjectRow).where(ProjectRow.name == project_name))
    if project is None:
        raise HTTPException(404, "unknown project")
    query = select(TaskRow).where(TaskRow.project_id == project.id)
    if status is not None:
        query = query.where(TaskRow.status == status)
    if batch_name is not None:
        query = query.where(TaskRow.batch == batch_name)
    if completed_after is not None:
        query = query.where(TaskRow.completed_at > completed_after)
    if completed_before is not None:
        query = query.where(TaskRow.completed_at < completed_before)
    rows = session.scalars(query.order_by(TaskRow.id).offset(offset).limit(limit + 1)).all()
    next_token = str(offset + limit) if len(rows) > limit else None
    tasks = [Task.model_validate(row) for row in rows[:limit]]
    return TaskPage(tasks=tasks, next_token=next_token)


@app.post("/v2/tasks/bulk", dependencies=[Depends(require_key)])
def create_tasks(session: OpenSession, project_name: str, tasks: list[NewTask]) -> dict[str, int]:
    """POST /v2/tasks/bulk: store a list of tasks in one transaction."""
    project = session.scalar(select(ProjectRow).where(ProjectRow.name == project_name))
    if project is None:
        project = ProjectRow(name=project_name)
        session.add(project)
        session.flush()
    session.add_all(
        TaskRow(
            task_id=task.task_id,
            project_id=project.id,
            project=task.project,
            batch=task.batch,
            status=task.status,
            created_at=task.created_at,
            completed_at=task.completed_at,
            task_metadata=task.metadata,
            threads=[thread.model_dump(mode="json", exclude_none=True) for thread in task.threads],
        )
        for task in tasks
    )
    session.commit()
    return {"created": len(tasks)}


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]),
        loop="uvloop", http="httptools", access_log=False, log_level="warning",
    )  # fmt: skip
