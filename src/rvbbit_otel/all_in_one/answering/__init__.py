"""The steps between a question over HTTP and its answer: parameters, formats, compression, headers."""
