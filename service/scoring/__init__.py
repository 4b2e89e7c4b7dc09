"""Files of texts, scored: the texts of a file are read, and written again with their answers.

    source      the main process reads the input in chunks of raw records  (text.py, arrow.py)
      │
    pool        one process per core parses, scores and encodes a chunk    (worker.py, scorer.py)
      │
    output      the main process writes what comes back, in order, and
                notes after each chunk how far it is                       (output.py)

The main process loads neither torch nor a bundle, and holds a bounded number of chunks, so its
memory does not grow with the file.
"""
