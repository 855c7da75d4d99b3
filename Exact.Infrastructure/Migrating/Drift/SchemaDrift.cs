using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>Compares PostgreSQL's catalog with the model in three round trips, without changing anything.</summary>
internal sealed class SchemaDrift(DbContextOptions<ExactDbContext> contextOptions)
{
    private readonly Lazy<Task<SchemaModel>> model = new(() => Task.Run(() => SchemaModel.Read(contextOptions)));

    /// <summary>Lists the differences, the harmful first; none if the database matches the model.</summary>
    /// <param name="connection">An open connection without a transaction.</param>
    /// <param name="patience">
    /// How long to wait for the model, which is built on first use, and for a locked table.
    /// </param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    /// <exception cref="TimeoutException">The wait took longer.</exception>
    public async Task<IReadOnlyList<DriftFinding>> ReadAsync(
        NpgsqlConnection connection,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var needed = await GetModelAsync(patience, cancellationToken);
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

    /// <summary>Finds which of the tables that this code needs exist, and how many it needs.</summary>
    /// <inheritdoc cref="ReadAsync"/>
    public async Task<(IReadOnlyList<string> Found, int Needed)> FindTablesAsync(
        NpgsqlConnection connection,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var needed = await GetModelAsync(patience, cancellationToken);
        return (await SchemaCatalog.FindTablesAsync(connection, needed.Tables, cancellationToken), needed.Tables.Count);
    }

    private async Task<SchemaModel> GetModelAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            return await model.Value.WaitAsync(patience, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException("the model is still being built. Ask again in a moment.", e);
        }
    }
}
