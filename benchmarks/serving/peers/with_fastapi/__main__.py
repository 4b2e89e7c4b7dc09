"""A `def` endpoint, which FastAPI runs in its pool of threads; it has no batching of its own."""
# mypy: ignore-errors

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.serving.reading import from_environment


class Reviews(BaseModel):
    text: str | None = None
    texts: list[str] | None = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = int(os.environ["THREADS"])
    app.state.read = from_environment(os.environ)
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
def predict(reviews: Reviews) -> dict[str, Any]:
    if reviews.texts is not None:
        return {"predictions": app.state.read(reviews.texts)}
    return app.state.read([reviews.text])[0]
