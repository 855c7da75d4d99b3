using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>Compares PostgreSQL's catalog with the schema that this code needs. It changes nothing, and takes three round trips.</summary>
internal sealed class SchemaDrift(DbContextOptions<ExactDbContext> contextOptions)
{
    private readonly Lazy<Task<SchemaModel>> model = new(() => Task.Run(() => SchemaModel.Read(contextOptions)));

    /// <summary>What differs, the harmful first; nothing if the database is as this code needs it.</summary>
    /// <param name="connection">An open connection without a transaction.</param>
    /// <param name="patience">
    /// How long to wait for the model, which takes a moment the first time, and for a table that another session has locked.
    /// </param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="TimeoutException">Either took longer.</exception>
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
            throw new TimeoutException("Another session has locked one of Exact's tables.", e);
        }
    }

    /// <summary>Which of the tables that this code needs are there, and how many it needs.</summary>
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
            throw new TimeoutException("The model is still being read.", e);
        }
    }
}
