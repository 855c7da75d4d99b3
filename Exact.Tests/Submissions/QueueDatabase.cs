using Exact.Infrastructure.Submissions;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Submissions;

/// <summary>A database with a queue, and what a test puts into it.</summary>
public sealed class QueueDatabase(MigratedTemplate template) : MigratedDatabase(template)
{
    private ServiceProvider? services;

    internal IServiceProvider Services => services ??= ExactServices.ServicesOf(ConnectionString);

    internal SubmissionQueue Queue => Services.GetRequiredService<SubmissionQueue>();

    public Task ClearAsync() => ExecuteAsync("DELETE FROM challenges");

    /// <summary>Adds a challenge with one rule, such as <c>daily_limit=3</c>.</summary>
    public Task ChallengeAsync(string name, string closesOn = "NULL", string rules = "max_bytes=NULL") =>
        ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, closes_on)
            VALUES ('{name}', 'Tetris', '', now(), 'ada', {closesOn});
            INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores) VALUES ('{name}', '', false);
            UPDATE challenge_rules SET {rules} WHERE challenge_id = '{name}'
            """
        );

    /// <summary>Adds a pending submission.</summary>
    public Task<long> SubmitAsync(string challenge, string username = "bob") =>
        ScalarAsync<long>(
            $"""
            WITH score AS (
                INSERT INTO scores (username, challenge_id, created_at, status)
                VALUES ('{username}', '{challenge}', clock_timestamp(), 'pending') RETURNING id
            )
            INSERT INTO submissions (score_id, file, size, sha256, original_name, attempts, counts, queued_at)
            SELECT id, 'file', 1, '', 'method.py', 0, true, clock_timestamp() FROM score RETURNING id
            """
        );

    public Task ExpireAsync(long submission) =>
        ExecuteAsync($"UPDATE submissions SET lease_until = now() - interval '1 second' WHERE id = {submission}");

    /// <summary>The state, attempts, whether it counts, and the EMD score.</summary>
    public Task<string?> StateAsync(long submission) =>
        ScalarAsync<string>(
            $"""
            SELECT concat_ws(' ', s.status, b.attempts, CASE WHEN b.counts THEN 'counts' ELSE 'free' END, s.emd_score)
            FROM submissions b JOIN scores s ON s.id = b.score_id WHERE b.id = {submission}
            """
        );
}
