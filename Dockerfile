# Tags, not digests: each build gets the base image's security fixes. packages.lock.json fixes the NuGet packages.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /src

# Packages change less often than code. Docker builds this layer again only when a project file or a version changes.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY Exact.Domain/*.csproj Exact.Domain/packages.lock.json Exact.Domain/
COPY Exact.Infrastructure/*.csproj Exact.Infrastructure/packages.lock.json Exact.Infrastructure/
COPY Exact.Api/*.csproj Exact.Api/packages.lock.json Exact.Api/
ARG TARGETARCH
RUN --mount=type=cache,id=nuget,target=/root/.nuget/packages \
    dotnet restore Exact.Api --arch $TARGETARCH

COPY . .
# The build context does not contain .git, so the builder passes the commit, and the version (scripts/version.sh).
ARG REVISION
ARG VERSION
# Publish restores again (no --no-restore), because the package cache can be gone while the layer above still exists.
RUN --mount=type=cache,id=nuget,target=/root/.nuget/packages \
    dotnet publish Exact.Api --arch $TARGETARCH --output /app -p:UseAppHost=false -p:DebugType=embedded \
    -p:SourceRevisionId=$REVISION -p:MinVerVersionOverride=$VERSION

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .

# The service writes nothing below /, so the container can run with a read-only root and a /tmp in memory.
ENV ASPNETCORE_HTTP_PORTS=8000
# A new volume that is mounted here gets this owner.
RUN install --directory --owner=$APP_UID --mode=700 /var/spool/exact /var/lib/exact/files /var/lib/exact/backups
EXPOSE 8000
USER $APP_UID

# The image has no curl, and the service knows its own port. Migrations can take long, so the start period is long. A
# start that fails ends the process, which needs no health check.
HEALTHCHECK --interval=15s --timeout=10s --retries=3 --start-period=30m --start-interval=2s \
    CMD ["dotnet", "Exact.Api.dll", "health"]
ENTRYPOINT ["dotnet", "Exact.Api.dll"]

ARG REVISION
ARG VERSION
LABEL org.opencontainers.image.title="Exact" \
      org.opencontainers.image.description="The challenge API for methods that explain machine-learning models" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
