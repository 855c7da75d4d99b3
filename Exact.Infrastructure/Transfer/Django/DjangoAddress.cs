using System.Diagnostics.CodeAnalysis;
using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Django;

/// <summary>Where a live Django database is. Its text names host and database, and never a secret.</summary>
internal sealed class DjangoAddress
{
    /// <summary>The rule that <see cref="TryParse"/> applies, for messages.</summary>
    public const string Expected =
        "must be a connection string with Host and Database, such as \"Host=db;Database=django;Username=reader\"";

    private readonly NpgsqlConnectionStringBuilder settings;

    private DjangoAddress(NpgsqlConnectionStringBuilder settings)
    {
        this.settings = settings;
        settings.ApplicationName ??= Product.Origin;
        settings.CommandTimeout = 0; // a COPY takes as long as the import
        settings.ClientEncoding = "UTF8"; // a fixture is UTF-8
        settings.WithoutGss();
        settings.TcpKeepAlive = true; // a lost network must not look like a slow one
        settings.TcpKeepAliveTime = settings.TcpKeepAliveTime is 0 ? 30 : settings.TcpKeepAliveTime;
    }

    public static bool TryParse(string? text, [NotNullWhen(true)] out DjangoAddress? address)
    {
        address = null;
        try
        {
            var settings = ConnectionStringReader.Read("Transfers:Django", text ?? "");
            address = settings is { Host.Length: > 0, Database.Length: > 0 } ? new DjangoAddress(settings) : null;
        }
        catch (SettingException)
        {
            // the caller says what is expected
        }

        return address is not null;
    }

    public NpgsqlDataSource CreateDataSource() => NpgsqlDataSource.Create(settings);

    public override string ToString() =>
        settings.Host!.Contains(',') ? $"{settings.Database} on {settings.Host}"
        : settings.Host.StartsWith('/') ? $"{settings.Database} on {settings.Host} ({settings.Port})"
        : $"{settings.Database} on {settings.Host}:{settings.Port}";
}
