# syntax=docker/dockerfile:1
#
# postsync with what it needs (ffmpeg, espeak-ng) on Debian 12. No root, nothing written outside of /data and /tmp.
#
#   docker build -t postsync .
#   docker run --init --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -v postsync-data:/data -p 127.0.0.1:8080:8080 postsync

FROM docker.io/library/rust:1.95.0-slim-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p postsync \
    && cp target/release/postsync /usr/local/bin/postsync

FROM docker.io/library/debian:12.15-slim
# The versions are those of this Debian, which mends its security holes under them.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends espeak-ng ffmpeg \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin postsync \
    && install -d -m 700 -o postsync -g postsync /data
COPY --from=build /usr/local/bin/postsync /usr/local/bin/postsync
ENV POSTSYNC_LISTEN=0.0.0.0:8080 \
    POSTSYNC_DATA_DIR=/data
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
# Without curl: bash speaks enough HTTP for it. Not /readyz, which is 503 where the disk is full: a restart frees none.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q ' 200 ' <&3"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["postsync"]
CMD ["serve"]
