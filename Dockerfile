# The image of flowcast: one executable, whose role is the command, such as `docker run flowcast consumer`.
# Plain enough for the classic builder, so it uses no cache mounts; a layer of its own keeps the compiled dependencies.
#
# It runs with a read-only file system. Only `flowcast server`, where lists are uploaded, and the commands that import lists write
# files, into the temporary folder: /tmp, or `[lists] temporary_folder`. Mount a volume there (docs/DEPLOY.md says how large).

# The manifests with empty sources: this layer changes only when a dependency does.
FROM rust:1-bookworm AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path './.cargo/*' \
        ! -path '*/src/lib.rs' ! -path '*/src/main.rs' -delete \
 && find . -type d -empty -delete \
 && for source in $(find . -name '*.rs'); do echo 'fn main() {}' > $source; done

FROM rust:1-bookworm AS build
# The Cargo profile: `release`, or `faults`, which leaves out link-time optimisation: it builds faster and runs a little slower.
ARG PROFILE=release
WORKDIR /src
COPY --from=manifests /src .
RUN cargo build --profile "$PROFILE" --locked --package cli
COPY . .
# Cargo goes by times, and the sources may be older than what was built from the empty ones.
RUN find crates -name '*.rs' -exec touch {} + \
 && cargo build --profile "$PROFILE" --locked --package cli \
 && cp "target/$PROFILE/flowcast" /usr/local/bin/flowcast

FROM debian:bookworm-slim
RUN useradd --system --user-group --uid 10001 --no-create-home --home-dir /flowcast flowcast
# The authorities that TLS connections to providers, Postgres and RabbitMQ are checked against.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/bin/flowcast /usr/local/bin/flowcast
# Where flowcast.toml is looked for.
WORKDIR /flowcast
USER 10001:10001
# Drains: what is under way ends, nothing new begins.
STOPSIGNAL SIGTERM
ENTRYPOINT ["flowcast"]
CMD ["--help"]
