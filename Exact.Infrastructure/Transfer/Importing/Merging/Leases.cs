namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>Leases of submissions, which no file holds: what a file changes goes back to the queue.</summary>
internal static class Leases
{
    /// <summary>The tables whose rows say whether a worker has a submission.</summary>
    public static readonly IReadOnlyList<string> Tables = ["scores", "submissions"];

    /// <summary>
    /// Makes state and lease agree: a worker keeps only what is still running, and what runs without a worker waits for
    /// one.
    /// </summary>
    public static Task<long> SettleAsync(ImportSql sql, CancellationToken cancellationToken) =>
        sql.ExecuteAsync(
            """
            UPDATE submissions b SET lease = NULL, lease_until = NULL, worker = NULL
            FROM scores s
            WHERE s.id = b.score_id AND s.status <> 'running' AND b.lease IS NOT NULL AND b.lease_until IS NOT NULL;
            UPDATE scores s SET status = 'pending'
            FROM submissions b
            WHERE b.score_id = s.id AND s.status = 'running' AND b.lease_until IS NULL
            """,
            cancellationToken
        );
}
