"""FastAPI under uvicorn (https://fastapi.tiangolo.com/tutorial/)."""
