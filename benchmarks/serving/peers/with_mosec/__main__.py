"""A `Worker` behind mosec's server in Rust, with its dynamic batching."""
# mypy: ignore-errors

import os
from typing import Any

from mosec import Server, Worker

from benchmarks.serving.reading import from_environment, read_requests

BATCHED = int(os.environ["MAX_BATCH_SIZE"]) > 1


class Reviews(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.read = from_environment(os.environ)

    def forward(self, data: Any) -> Any:
        if BATCHED:
            return read_requests(self.read, data)
        return read_requests(self.read, [data])[0]


if __name__ == "__main__":
    server = Server()
    server.append_worker(
        Reviews,
        num=int(os.environ["WORKERS"]),
        max_batch_size=int(os.environ["MAX_BATCH_SIZE"]),
        max_wait_time=int(os.environ["BATCH_MILLISECONDS"]),
        route="/predict",
    )
    server.run()
