using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>The connection strings of the configuration, with passwords from secret files.</summary>
internal sealed class DatabaseSettings(IConfiguration configuration)
{
    public const string Missing =
        "The setting ConnectionStrings__Exact is missing. Set it, for example to \"Host=db;Database=exact;Username=exact\", "
        + "and Database__PasswordFile to the file with the password; or run in Development, with an embedded PostgreSQL.";

    private const string Application = "Exact";
    private const string PasswordFile = "Database:PasswordFile";

    /// <summary>Two for an operation, and one for everything else.</summary>
    private const int MinPoolSize = 3;

    private readonly DatabaseOptions options = OptionsOf(configuration);

    /// <summary>
    /// Whether public reads may go to a standby: the setting says so, and the connection string names several hosts.
    /// </summary>
    public bool ReadsFromStandbys =>
        options.ReadFromStandbys && SeveralHosts.Are(new NpgsqlConnectionStringBuilder(ConnectionString));

    /// <summary>The connection string of the application.</summary>
    public string ConnectionString { get; } =
        Read(configuration, Application) ?? throw new InvalidOperationException(Missing);

    /// <summary>
    /// The connection string of the migrator: <c>ConnectionStrings:ExactMigrator</c>, or else the application's.
    /// </summary>
    public string MigratorConnectionString { get; } =
        Read(configuration, "ExactMigrator") ?? Read(configuration, Application) ?? "";

    /// <summary>
    /// Whether the application may reach PostgreSQL through a connection pooler. The migrator refuses a pooler, so there is
    /// none if both have the same connection string.
    /// </summary>
    public bool MayBePooled => MigratorConnectionString != ConnectionString;

    /// <summary>
    /// How many seconds a query of EF Core may take: <c>Command Timeout</c> of the connection string.
    /// </summary>
    public int QuerySeconds => new NpgsqlConnectionStringBuilder(ConnectionString).CommandTimeout;

    /// <summary>
    /// Reads the password for a connection string that has none; null if no file has it. The file is read whenever a
    /// session is opened, because the password may be rotated.
    /// </summary>
    /// <exception cref="SettingException">The file cannot be read.</exception>
    public string? ReadPassword() => Read(options.PasswordFile);

    private static DatabaseOptions OptionsOf(IConfiguration configuration)
    {
        var options = new DatabaseOptions();
        Settings.Read(options, configuration);
        return options;
    }

    private static string? Read(string? passwordFile) =>
        passwordFile is not { Length: > 0 } ? null
        : SecretFile.Read(PasswordFile, passwordFile) is { Length: > 0 } password ? password
        : throw new SettingException(PasswordFile, "names a file that is empty. Write the password into it.");

    private static string? Read(IConfiguration configuration, string name)
    {
        if (configuration.GetConnectionString(name) is not { Length: > 0 } connectionString)
        {
            return null;
        }

        var setting = $"ConnectionStrings:{name}";
        var settings = ConnectionStringReader.Read(setting, connectionString);
        if (settings.Password is null)
        {
            Read(OptionsOf(configuration).PasswordFile); // a file that cannot be read is reported at the start
        }

        if (name == Application && settings.MaxPoolSize < MinPoolSize)
        {
            throw new SettingException(
                setting,
                $"has a \"Maximum Pool Size\" of {settings.MaxPoolSize}. Write {MinPoolSize} or more, because an "
                    + "import or export uses two connections, and other requests need another one meanwhile."
            );
        }

        settings.ApplicationName ??= Product.Origin;
        settings.PersistSecurityInfo = false; // otherwise Npgsql's metrics contain the password
        settings.TcpKeepAlive = true; // a COMMIT has no time limit, so a lost network must be noticed
        settings.TcpKeepAliveTime = settings.TcpKeepAliveTime is 0 ? 30 : settings.TcpKeepAliveTime;
        settings.WithoutGss();
        SeveralHosts.Complete(settings);
        return settings.ConnectionString;
    }
}
