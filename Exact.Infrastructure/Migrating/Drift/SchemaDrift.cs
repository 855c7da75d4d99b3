using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>Compares PostgreSQL's catalog with the schema that this code needs. It changes nothing, and takes three round trips.</summary>
internal sealed class SchemaDrift(DbContextOptions<ExactDbContext> contextOptions)
{
    private readonly Lazy<SchemaModel> model = new(() => SchemaModel.Read(contextOptions));

    /// <summary>The tables that this code needs.</summary>
    public IReadOnlyList<string> Tables => model.Value.Tables;

    /// <summary>What differs, the harmful first; nothing if the database is as this code needs it.</summary>
    /// <inheritdoc cref="SchemaCatalog.ReadAsync"/>
    public async Task<IReadOnlyList<DriftFinding>> ReadAsync(
        NpgsqlConnection connection,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var catalog = await SchemaCatalog.ReadAsync(connection, Tables, patience, cancellationToken);
        var (expected, found) = await NormalSql.ApplyAsync(
            connection,
            model.Value.Elements,
            catalog,
            cancellationToken
        );
        return SchemaComparison.Compare(expected, found);
    }
}
