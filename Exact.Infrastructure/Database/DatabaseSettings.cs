using Microsoft.Extensions.Configuration;

namespace Exact.Infrastructure.Database;

/// <summary>Where the database is: the connection strings of the configuration, with their passwords from secret files.</summary>
internal sealed class DatabaseSettings(IConfiguration configuration)
{
    public const string Missing =
        "There is no connection string. Set ConnectionStrings__Exact, such as \"Host=db;Database=exact;Username=exact\", "
        + "and Database__PasswordFile or a Password; or run in Development for an embedded PostgreSQL.";

    /// <summary>What the application itself uses.</summary>
    public string ConnectionString { get; } =
        Read(configuration, "Exact") ?? throw new InvalidOperationException(Missing);

    /// <summary>What the migrator uses: <c>ConnectionStrings:ExactMigrator</c>, else the same.</summary>
    public string MigratorConnectionString { get; } =
        Read(configuration, "ExactMigrator") ?? Read(configuration, "Exact") ?? "";

    private static string? Read(IConfiguration configuration, string name)
    {
        if (configuration.GetConnectionString(name) is not { Length: > 0 } connectionString)
        {
            return null;
        }

        var settings = ConnectionStringReader.Read($"ConnectionStrings:{name}", connectionString);
        if (settings.Password is null && configuration["Database:PasswordFile"] is { Length: > 0 } file)
        {
            settings.Password = SecretFile.Read("Database:PasswordFile", file);
        }

        settings.ApplicationName ??= Product.Origin;
        settings.PersistSecurityInfo = false; // else Npgsql names its metrics after the whole string, with the password
        return settings.ConnectionString;
    }
}
