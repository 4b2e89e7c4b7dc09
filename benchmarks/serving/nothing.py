"""A Flask route that does nothing, for any WSGI server: what the server and Flask cost alone."""

from __future__ import annotations

from flask import Flask, Response, request

from service.settings import Settings

ANSWER = b'{"label":"none","score":1.0}\n'

app = Flask("nothing", static_folder=None)
# What service/gunicorn.conf.py and its worker ask of an application; that nothing needs a thread is
# what makes this the least that a request can cost there.
app.config["MAX_CONTENT_LENGTH"] = Settings.max_body_bytes
app.extensions["quick"] = lambda environ: True


@app.post("/predict")
def predict() -> Response:
    request.get_data()  # a body that nobody reads would end the kept connection
    return Response(ANSWER, content_type="application/json")
