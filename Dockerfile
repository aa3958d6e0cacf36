# The image of Flowcast: one program. The command selects the process, for example `docker run flowcast consumer`.
# It works with the classic builder, so it uses no cache mounts; a separate layer contains the compiled dependencies.
#
# The container may have a read-only file system. Only `flowcast server` with uploads and the commands that import lists write
# files, into the temporary folder: /tmp, or `[lists] temporary_folder`. Mount a volume there; docs/DEPLOY.md describes its size. A consumer
# with `[consumer] journal` writes there; a new volume at /var/lib/flowcast/journal belongs to the user of the image.

# The manifests with empty sources: this layer changes only when a dependency does.
FROM rust:1-bookworm AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path './.cargo/*' \
        ! -path '*/src/lib.rs' ! -path '*/src/main.rs' -delete \
 && find . -type d -empty -delete \
 && for source in $(find . -name '*.rs'); do echo 'fn main() {}' > $source; done

FROM rust:1-bookworm AS build
# The Cargo profile: `release`, or `faults` without link-time optimization, which builds faster and runs a little slower.
ARG PROFILE=release
WORKDIR /src
COPY --from=manifests /src .
RUN cargo build --profile "$PROFILE" --locked --package cli
COPY . .
# The commit, which `flowcast --version` shows: the context of the build does not contain the repository.
ARG FLOWCAST_COMMIT=
# Cargo compares modification times, and the sources may be older than the build of the empty sources.
RUN find crates -name '*.rs' -exec touch {} + \
 && cargo build --profile "$PROFILE" --locked --package cli \
 && cp "target/$PROFILE/flowcast" /usr/local/bin/flowcast

FROM debian:bookworm-slim
RUN useradd --system --user-group --uid 10001 --no-create-home --home-dir /flowcast flowcast \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/flowcast/journal
# The root certificates for TLS connections to providers, PostgreSQL and RabbitMQ.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/bin/flowcast /usr/local/bin/flowcast
# The folder in which Flowcast looks for flowcast.toml.
WORKDIR /flowcast
USER 10001:10001
# Drain: requests in flight end, and no new ones begin.
STOPSIGNAL SIGTERM
ENTRYPOINT ["flowcast"]
CMD ["--help"]
