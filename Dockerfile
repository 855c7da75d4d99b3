FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /src

# Packages change more rarely than code: this layer is built again only when a project or a version does.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY Exact.Domain/Exact.Domain.csproj Exact.Domain/
COPY Exact.Infrastructure/Exact.Infrastructure.csproj Exact.Infrastructure/
COPY Exact.Api/Exact.Api.csproj Exact.Api/
ARG TARGETARCH
RUN --mount=type=cache,id=nuget,target=/root/.nuget/packages \
    dotnet restore Exact.Api --arch $TARGETARCH

COPY . .
# The commit is not in the build context (.git stays outside), so the builder hands it in.
ARG REVISION
# No --no-restore: the layer above may outlive the package cache that it filled.
RUN --mount=type=cache,id=nuget,target=/root/.nuget/packages \
    dotnet publish Exact.Api --arch $TARGETARCH --output /app -p:UseAppHost=false -p:DebugType=embedded \
    -p:SourceRevisionId=$REVISION

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .

# Nothing below / is written: the container may run with a read-only root and a /tmp in memory.
ENV ASPNETCORE_HTTP_PORTS=8000
# A volume that is mounted here takes over its owner.
RUN install --directory --owner=$APP_UID --mode=700 /var/spool/exact
EXPOSE 8000
USER $APP_UID

# The image has no curl; the service knows its own port. Migrations may take their time, so "starting" lasts long;
# a start that fails ends the process and needs no health check to be noticed.
HEALTHCHECK --interval=15s --timeout=10s --retries=3 --start-period=30m --start-interval=2s \
    CMD ["dotnet", "Exact.Api.dll", "health"]
ENTRYPOINT ["dotnet", "Exact.Api.dll"]

ARG REVISION
LABEL org.opencontainers.image.title="Exact" \
      org.opencontainers.image.description="The challenge API for comparing methods that explain machine-learning models" \
      org.opencontainers.image.revision=$REVISION
