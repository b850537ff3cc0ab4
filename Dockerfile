# Builds quiver from source. The parser is C: the build needs cgo and gcc.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -trimpath -o /quiver ./cmd/quiver

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl && rm -rf /var/lib/apt/lists/*
COPY --from=build /quiver /usr/local/bin/quiver
VOLUME /quiver
EXPOSE 5433 8433
CMD ["quiver", "start"]
