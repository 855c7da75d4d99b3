using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// Slows down guessing of passwords: ten failures of a name from one network in 15 minutes, over all replicas. Other
/// networks are not affected, so that no stranger can lock an account.
/// </summary>
internal sealed class SignInThrottle(NpgsqlDataSource database)
{
    public const int Permitted = 10;

    private const string Window = "interval '15 minutes'";

    /// <summary>
    /// Counts an attempt before its password is looked at, so that parallel ones cannot exceed the limit;
    /// <see cref="ForgetAsync"/> takes it back. It also deletes old counters.
    /// </summary>
    /// <returns>How many attempts there have been, with this one, and how long until the counting begins again.</returns>
    public async Task<(int Count, TimeSpan Remaining)> CountAsync(
        string username,
        IPAddress? address,
        CancellationToken cancellationToken
    )
    {
        await using var command = database.CreateShortCommand(
            $"""
            WITH old AS (
                DELETE FROM failed_sign_ins WHERE key IN (
                    SELECT key FROM failed_sign_ins WHERE since <= now() - {Window} AND key <> $1
                    ORDER BY since LIMIT 100 FOR UPDATE SKIP LOCKED))
            INSERT INTO failed_sign_ins AS f (key, count, since) VALUES ($1, 1, now())
            ON CONFLICT (key) DO UPDATE SET
                count = CASE WHEN f.since > now() - {Window} THEN least(f.count, {Permitted}) + 1 ELSE 1 END,
                since = CASE WHEN f.since > now() - {Window} THEN f.since ELSE now() END
            RETURNING count, since + {Window} - now()
            """
        );
        command.Parameters.Add(new() { Value = KeyOf(username, address) });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetInt32(0), reader.GetFieldValue<TimeSpan>(1));
    }

    /// <summary>Forgets the failures of a name from this network, after the right password.</summary>
    public async Task ForgetAsync(string username, IPAddress? address, CancellationToken cancellationToken)
    {
        await using var command = database.CreateShortCommand("DELETE FROM failed_sign_ins WHERE key = $1");
        command.Parameters.Add(new() { Value = KeyOf(username, address) });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The first 24 bits of an IPv4 address, or 64 of IPv6: what one customer has.</summary>
    public static string NetworkOf(IPAddress? address)
    {
        if (address is null)
        {
            return "a local socket";
        }

        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var prefix = address.AddressFamily is AddressFamily.InterNetworkV6 ? 64 : 24;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(prefix / 8).Clear();
        return $"{new IPAddress(bytes)}/{prefix}";
    }

    private static string KeyOf(string username, IPAddress? address) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{NetworkOf(address)} {username}")));
}
