using Microsoft.Extensions.Configuration;

namespace Exact.Infrastructure.Database;

/// <summary>The connection strings of the configuration, with passwords from secret files.</summary>
internal sealed class DatabaseSettings(IConfiguration configuration)
{
    public const string Missing =
        "The setting ConnectionStrings__Exact is missing. Set it, for example to \"Host=db;Database=exact;Username=exact\", "
        + "and Database__PasswordFile to the file with the password; or run in Development, with an embedded PostgreSQL.";

    /// <summary>The connection string of the application.</summary>
    public string ConnectionString { get; } =
        Read(configuration, "Exact") ?? throw new InvalidOperationException(Missing);

    /// <summary>
    /// The connection string of the migrator: <c>ConnectionStrings:ExactMigrator</c>, or else the application's.
    /// </summary>
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
        settings.PersistSecurityInfo = false; // otherwise Npgsql's metrics contain the password
        return settings.ConnectionString;
    }
}
