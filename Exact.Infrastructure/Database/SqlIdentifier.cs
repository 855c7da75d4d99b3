using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>Quotes the name of a table, a column or a database for use in SQL.</summary>
internal static class SqlIdentifier
{
    private static readonly NpgsqlCommandBuilder Builder = new();

    public static string Quote(string name) => Builder.QuoteIdentifier(name);
}
