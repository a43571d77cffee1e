# Any Debian with Python 3.11 to 3.13 serves as a base, if it has venv, bash and openssl.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
COPY deploy/image/needed.py pyproject.toml requirements.lock ./
# Two environments: what only builds stays behind. Every package is checked against the hashes of the lock. Where there
# is no wheel (Faust's on arm64) pip builds one of the source; without a compiler Faust leaves its C part out.
RUN python3 needed.py > run.txt \
    && python3 -m venv /opt/tetrastash \
    && /opt/tetrastash/bin/python -m pip install --no-cache-dir --require-hashes -r run.txt
RUN python3 needed.py setuptools > build.txt \
    && python3 -m venv /opt/build \
    && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r build.txt
COPY README.md LICENSE ./
COPY agents agents
COPY schemas schemas
COPY app app
RUN /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/tetrastash/bin/python -m pip install --no-cache-dir --no-deps /dist/*.whl \
    && /opt/tetrastash/bin/python -m pip uninstall --yes pip setuptools

FROM ${BASE} AS runtime
LABEL org.opencontainers.image.title="tetrastash" \
      org.opencontainers.image.description="Cilium Tetragon's events into Elasticsearch: every one, once" \
      org.opencontainers.image.licenses="Apache-2.0"
# The group may write, so that ship keeps its positions there too when it runs as root to read Tetragon's log.
RUN groupadd --gid 1000 tetrastash \
    && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tetrastash \
    && install --directory --owner=1000 --group=1000 --mode=0775 /var/lib/tetrastash
COPY --from=build /opt/tetrastash /opt/tetrastash
COPY --chmod=0755 deploy/image/answers /usr/local/bin/answers
ENV PATH=/opt/tetrastash/bin:$PATH
USER 1000:1000
WORKDIR /
EXPOSE 9600
ENTRYPOINT ["tetrastash"]
CMD ["--help"]

# What docker-compose.yml runs once: it makes secrets and accounts, and writes the demo's logs.
FROM runtime AS compose
USER 0:0
COPY --chmod=0755 examples /opt/compose/examples
COPY --chmod=0755 deploy/compose /opt/compose
# A new volume takes the owner and the mode of the folder that it is put on.
RUN install --directory --owner=1000 --group=1000 --mode=0700 /secrets/elastic /secrets/elasticsearch \
        /secrets/kibana /secrets/worker \
    && install --directory --owner=1000 --group=1000 --mode=0755 /var/log/demo \
    && openssl version
USER 1000:1000
WORKDIR /opt/compose
ENTRYPOINT []
CMD ["/opt/compose/secrets", "/secrets"]

FROM runtime AS tetrastash
