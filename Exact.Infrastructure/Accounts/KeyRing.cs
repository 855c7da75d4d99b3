using System.Xml;
using System.Xml.Linq;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// The Data Protection keys, which encrypt cookies. They are made and rotated under the migration lock, so that replicas
/// share them and none makes its own.
/// </summary>
internal sealed partial class KeyRing(
    IKeyManager keys,
    NpgsqlDataSource database,
    TimeProvider time,
    ILogger<KeyRing> logger
)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(90);

    /// <summary>How long before the last key expires the next one is made. Replicas look at the keys once a day.</summary>
    private static readonly TimeSpan Lead = TimeSpan.FromDays(7);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Makes a key if there is none that lasts, or waits for the replica that makes it.</summary>
    /// <returns>Whether there is one. The service can do without for a while: only nobody can sign in.</returns>
    public async Task<bool> TryEnsureAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (!await LastsAsync(cancellationToken))
            {
                await EnsureAsync(cancellationToken);
            }

            return true;
        }
        catch (Exception e) when (PostgresErrors.FaultOf(e.GetBaseException()) is not null)
        {
            LogNotCreated(e.GetBaseException().Cause());
            return false;
        }
    }

    /// <summary>
    /// Whether there is a key that lasts and no revocation, found without the framework: its first look takes a quarter of
    /// a start.
    /// </summary>
    private async Task<bool> LastsAsync(CancellationToken cancellationToken)
    {
        var due = time.GetUtcNow() + Lead;
        var lasts = false;
        await using var command = database.CreateShortCommand("SELECT xml FROM data_protection_keys");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (ReadExpiry(reader.GetValue(0) as string) is not { } expires)
            {
                return false;
            }

            lasts |= expires >= due;
        }

        return lasts;
    }

    /// <summary>When a key expires; null if it is a revocation, or what only the framework may be able to read.</summary>
    private static DateTimeOffset? ReadExpiry(string? xml)
    {
        try
        {
            var stored = XElement.Parse(xml ?? "");
            return stored.Name == "key" ? (DateTimeOffset?)stored.Element("expirationDate") : null;
        }
        catch (Exception e) when (e is XmlException or FormatException)
        {
            return null;
        }
    }

    private async Task EnsureAsync(CancellationToken cancellationToken)
    {
        while (IsKeyDue(out var from))
        {
            await using (var connection = await database.OpenConnectionAsync(cancellationToken))
            await using (var transaction = await connection.BeginTransactionAsync(cancellationToken))
            {
                if (await MigrationLock.TryForTransactionAsync(transaction, cancellationToken))
                {
                    if (IsKeyDue(out from))
                    {
                        var key = keys.CreateNewKey(from, from + Lifetime);
                        LogCreated(key.KeyId, key.ExpirationDate);
                    }

                    return;
                }
            }

            if (from > time.GetUtcNow())
            {
                return; // somebody is migrating, and the last key still serves: the next look is early enough
            }

            await Task.Delay(Pause.WithJitter(), time, cancellationToken);
        }
    }

    private bool IsKeyDue(out DateTimeOffset from)
    {
        var now = time.GetUtcNow();
        var last = keys.GetAllKeys().Where(key => !key.IsRevoked).MaxBy(key => key.ExpirationDate)?.ExpirationDate;
        from = last > now ? last.Value : now;
        return last is null || last < now + Lead;
    }

    [LoggerMessage(
        2302,
        LogLevel.Warning,
        "Nobody can sign in if there is no key for cookies, and none was made: {Cause}"
    )]
    private partial void LogNotCreated(string cause);

    [LoggerMessage(2301, LogLevel.Information, "Created key {Key} for cookies, which expires at {ExpiresAt:u}")]
    private partial void LogCreated(Guid key, DateTimeOffset expiresAt);
}
