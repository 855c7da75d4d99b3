using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// Slows down guessing of passwords, over all replicas: in 15 minutes a network may fail ten times at one name, and a
/// hundred times at all names. Other networks are not affected, so that no stranger can lock an account.
/// </summary>
internal sealed class SignInThrottle(NpgsqlDataSource database)
{
    public const int Permitted = 10;

    /// <summary>Many people may share the address of one network.</summary>
    public const int PermittedOfNetwork = 100;

    private const string Window = "interval '15 minutes'";

    /// <summary>
    /// Counts an attempt before its password is looked at, so that parallel ones cannot exceed the limits;
    /// <see cref="ForgetAsync"/> and <see cref="TakeBackAsync"/> take it back. It also deletes old counters.
    /// </summary>
    public async Task<SignInCount> CountAsync(string username, IPAddress? address, CancellationToken cancellationToken)
    {
        await using var command = database.CreateShortCommand(
            $"""
            WITH old AS (
                DELETE FROM failed_sign_ins WHERE key IN (
                    SELECT key FROM failed_sign_ins WHERE since <= now() - {Window} AND key NOT IN ($1, $2)
                    ORDER BY since LIMIT 100 FOR UPDATE SKIP LOCKED)
            ), counted AS (
                INSERT INTO failed_sign_ins AS f (key, count, since)
                SELECT key, 1, now() FROM unnest(ARRAY[$1, $2]) key ORDER BY key
                ON CONFLICT (key) DO UPDATE SET
                    count = CASE WHEN f.since > now() - {Window} THEN least(f.count, {PermittedOfNetwork}) + 1 ELSE 1 END,
                    since = CASE WHEN f.since > now() - {Window} THEN f.since ELSE now() END
                RETURNING key, count, since + {Window} - now() AS remaining
            )
            SELECT name.count, name.remaining, network.count, network.remaining
            FROM counted name, counted network WHERE name.key = $1 AND network.key = $2
            """
        );
        AddKeys(command, username, address);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new(
            reader.GetInt32(0),
            reader.GetFieldValue<TimeSpan>(1),
            reader.GetInt32(2),
            reader.GetFieldValue<TimeSpan>(3)
        );
    }

    /// <summary>Forgets the failures of a name from this network, after the right password.</summary>
    public Task ForgetAsync(string username, IPAddress? address, CancellationToken cancellationToken) =>
        SubtractAsync("DELETE FROM failed_sign_ins WHERE key = $1", username, address, cancellationToken);

    /// <summary>Takes back an attempt whose password nobody has looked at.</summary>
    public Task TakeBackAsync(string username, IPAddress? address, CancellationToken cancellationToken) =>
        SubtractAsync(
            "UPDATE failed_sign_ins SET count = count - 1 WHERE key = $1 AND count > 0",
            username,
            address,
            cancellationToken
        );

    private async Task SubtractAsync(
        string ofName,
        string username,
        IPAddress? address,
        CancellationToken cancellationToken
    )
    {
        await using var command = database.CreateShortCommand(
            $"""
            WITH name AS ({ofName})
            UPDATE failed_sign_ins SET count = count - 1 WHERE key = $2 AND count > 0
            """
        );
        AddKeys(command, username, address);
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

    private static void AddKeys(NpgsqlCommand command, string username, IPAddress? address)
    {
        var network = NetworkOf(address);
        command.Parameters.Add(new() { Value = KeyOf($"{network} {username}") });
        command.Parameters.Add(new() { Value = KeyOf(network) });
    }

    private static string KeyOf(string counted) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(counted)));
}

/// <summary>How many attempts there have been, with this one, and how long until the counting begins again.</summary>
internal sealed record SignInCount(int OfName, TimeSpan NameRemaining, int OfNetwork, TimeSpan NetworkRemaining)
{
    /// <summary>How long to wait; null if this attempt is allowed.</summary>
    public TimeSpan? Wait =>
        OfNetwork > SignInThrottle.PermittedOfNetwork ? NetworkRemaining
        : OfName > SignInThrottle.Permitted ? NameRemaining
        : null;
}
