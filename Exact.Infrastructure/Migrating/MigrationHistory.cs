using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Migrations.Internal;

namespace Exact.Infrastructure.Migrating;

// EF1001: the maintainers point to this class for another lock (npgsql/npgsql#6025) but keep it in an internal namespace.
#pragma warning disable EF1001
internal sealed class MigrationHistory(HistoryRepositoryDependencies dependencies)
    : NpgsqlHistoryRepository(dependencies)
#pragma warning restore EF1001
{ }
