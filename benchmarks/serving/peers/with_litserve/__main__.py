"""A `LitAPI` with LitServe's dynamic batching."""
# mypy: ignore-errors

import os
from typing import Any

import litserve as ls

from benchmarks.serving.reading import from_environment, read_requests

BATCHED = int(os.environ["MAX_BATCH_SIZE"]) > 1


class ReviewsAPI(ls.LitAPI):
    def setup(self, device: str) -> None:
        self.read = from_environment(os.environ)

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        return request

    # LitServe's own hands tensors and arrays on as well; these are dicts.
    def batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return inputs

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return output

    def predict(self, inputs: Any) -> Any:
        if BATCHED:
            return read_requests(self.read, inputs)
        return read_requests(self.read, [inputs])[0]

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    api = ReviewsAPI(
        max_batch_size=int(os.environ["MAX_BATCH_SIZE"]),
        batch_timeout=int(os.environ["BATCH_MILLISECONDS"]) / 1_000,
    )
    server = ls.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=int(os.environ["WORKERS"]),
        fast_queue=os.environ["FAST_QUEUE"] == "1",
    )
    server.run(
        host=os.environ["HOST"],
        port=int(os.environ["PORT"]),
        num_api_servers=int(os.environ["API_SERVERS"]),
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
