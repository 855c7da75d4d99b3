using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Accounts;

/// <summary>The highest cost of a password hash in use, which every refused sign-in takes.</summary>
internal sealed class PasswordCost(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>An import may bring costlier hashes; Django raises its cost with each release.</summary>
    private static readonly TimeSpan Validity = TimeSpan.FromMinutes(10);

    private (int Iterations, DateTimeOffset At)? known;

    public async Task<int> FindHighestAsync(CancellationToken cancellationToken)
    {
        if (known is { } last && time.GetUtcNow() - last.At < Validity)
        {
            return last.Iterations;
        }

        // A number of ten digits or more is above the limit, and no cast may fail on it.
        await using var command = database.CreateShortCommand(
            """
            SELECT coalesce(max(n::int) FILTER (WHERE n ~ '^[0-9]+$' AND length(n) < 9), 0)
            FROM users, split_part(password_hash, '$', 2) AS n
            WHERE starts_with(password_hash, 'pbkdf2_')
            """
        );
        var found = (int)(await command.ExecuteScalarAsync(cancellationToken))!;
        var highest = Math.Clamp(found, PasswordHashes.Iterations, PasswordHashes.MaxIterations);
        known = (highest, time.GetUtcNow());
        return highest;
    }
}
