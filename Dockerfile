# ldapsuggest in an image of its own: one static binary, and nothing else.
#
#   docker build --tag ldapsuggest .
#   docker run --publish 1389:1389 --publish 8443:8443 ldapsuggest
#
# docs/deployment.md tells more. Neither stage needs BuildKit.

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .

# The same sources make the same binary, wherever and whenever: no paths, no
# version control, no build ID. SOURCE_DATE_EPOCH is the date of the files.
ARG SOURCE_DATE_EPOCH=0
ARG VERSION=devel
ENV CGO_ENABLED=0
RUN go build -trimpath -buildvcs=false -ldflags="-s -w -buildid= -X main.release=$VERSION" -o /out/root/ldapsuggest ./cmd/ldapsuggest \
    && install -D --mode=0644 --target-directory=/out/root/etc/ssl/certs /etc/ssl/certs/ca-certificates.crt \
    && install -D --mode=0644 --target-directory=/out/root/etc/ldapsuggest deploy/docker/ldapsuggest.yaml \
    && mkdir --parents /out/writable/data \
    && find /out -exec touch --date="@$SOURCE_DATE_EPOCH" {} +

# The client of docker-compose.yml: the program beside the tools of OpenLDAP.
FROM debian:bookworm-slim AS client
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl ldap-utils \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/root/ldapsuggest /usr/local/bin/
USER 65532:65532

FROM scratch
ARG VERSION=devel
LABEL org.opencontainers.image.title="ldapsuggest" \
      org.opencontainers.image.description="An LDAP front end that adds the Generate Password operation to any directory" \
      org.opencontainers.image.source="https://github.com/ldapsuggest/ldapsuggest" \
      org.opencontainers.image.documentation="https://github.com/ldapsuggest/ldapsuggest/blob/main/docs/deployment.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/root/ /
COPY --from=build --chown=65532:65532 /out/writable/ /
ENV LDAPSUGGEST_CONFIG=/etc/ldapsuggest/ldapsuggest.yaml
VOLUME /data
EXPOSE 1389 1636 8443 9389
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=2 CMD ["/ldapsuggest", "health"]
ENTRYPOINT ["/ldapsuggest"]
CMD ["serve"]
