# The binary alone: statically linked, not root, no shell. Build with `docker build -t usher .`
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# With an explicit target the flags leave procedural macros alone, which cannot be linked statically.
RUN target="$(rustc --print host-tuple)" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin usher --target "$target" \
    && install -D "target/$target/release/usher" /image/usr/bin/usher \
    && install -d -m 0700 /volume/data

FROM scratch
# What the operating system would bring: roots of trust, and time zones.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=build /image/usr/bin/usher /usr/bin/usher
COPY --from=build --chown=65532:65532 /volume /
USER 65532:65532
# `usher.toml` and `profiles/` are read from here.
WORKDIR /etc/usher
ENV USHER_STORE__PATH=/data
VOLUME /data
# Routing engines; operators.
EXPOSE 7400 7401
ENTRYPOINT ["/usr/bin/usher"]
CMD ["serve"]
