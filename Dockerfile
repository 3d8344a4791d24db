# The package with its commands, and the example runner: what docker-compose.yml migrates and runs with.
FROM python:3.13.7-slim-bookworm
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir -c constraints.txt '.[run,example]' && useradd --uid 10001 --no-create-home rvbbit
COPY examples examples
ENV PYTHONPATH=/app/examples PYTHONUNBUFFERED=1
USER rvbbit
ENTRYPOINT ["rvbbit-otel"]
CMD ["--help"]
