using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>Compares PostgreSQL's catalog with the model in three round trips, without changing anything.</summary>
internal static class SchemaDrift
{
    /// <summary>Lists the differences, the harmful first; none if the database matches the model.</summary>
    /// <param name="connection">An open connection without a transaction.</param>
    /// <param name="patience">How long to wait for a locked table.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    /// <exception cref="TimeoutException">The wait took longer.</exception>
    public static async Task<IReadOnlyList<DriftFinding>> ReadAsync(
        NpgsqlConnection connection,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var needed = CompiledSchema.Current;
        try
        {
            var catalog = await SchemaCatalog.ReadAsync(connection, needed.Tables, patience, cancellationToken);
            var (expected, found) = await NormalSql.ApplyAsync(connection, needed.Elements, catalog, cancellationToken);
            return SchemaComparison.Compare(expected, found);
        }
        catch (PostgresException e) when (PostgresErrors.IsBlocked(e))
        {
            throw new TimeoutException("another session has locked one of Exact's tables. Ask again later.", e);
        }
    }
}
