# Two images. `docker build --target up .` is the all-in-one; without a target it is the commands and the example runner, which docker-compose.yml uses.
FROM python:3.13.7-slim-bookworm AS up
WORKDIR /app
COPY pyproject.toml constraints.txt hatch_build.py README.md LICENSE ./
COPY src src
COPY examples examples
RUN pip install --no-cache-dir -c constraints.txt '.[embedded,run]' && useradd --uid 10001 --no-create-home rvbbit \
    && mkdir /data && chown rvbbit /data
ENV PYTHONUNBUFFERED=1
USER rvbbit
VOLUME /data
EXPOSE 4317 4318 8123
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8123), 2)"]
ENTRYPOINT ["rvbbit-otel"]
# It listens for other containers, so it asks for a token: -e RVBBIT_OTEL_TOKEN=...
CMD ["up", "--data", "/data", "--host", "0.0.0.0"]

FROM python:3.13.7-slim-bookworm
WORKDIR /app
COPY pyproject.toml constraints.txt hatch_build.py README.md LICENSE ./
COPY src src
COPY examples examples
RUN pip install --no-cache-dir -c constraints.txt '.[run,example]' && useradd --uid 10001 --no-create-home rvbbit
ENV PYTHONPATH=/app/examples PYTHONUNBUFFERED=1
USER rvbbit
ENTRYPOINT ["rvbbit-otel"]
CMD ["--help"]
