using System.Diagnostics;
using Npgsql;

namespace Exact.Bench;

/// <summary>A session that does one small thing over and over, and remembers how long the longest took.</summary>
internal sealed class Probe : IAsyncDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly Task running;

    private Probe(NpgsqlConnection connection, string sql) => running = RunAsync(connection, sql);

    public TimeSpan Longest { get; private set; }

    /// <summary>Inserts scores, each in a transaction of its own, under keys that no fixture has.</summary>
    public static Probe Write(NpgsqlConnection connection) =>
        new(
            connection,
            """
            INSERT INTO scores (id, username, challenge_id, created_at, status)
            SELECT -1 - count(*), 'user1', (SELECT challenge_id FROM challenges WHERE id = 1), now(), 'pending'
            FROM scores WHERE id < 0
            """
        );

    /// <summary>Reads the newest scores of a challenge.</summary>
    public static Probe Read(NpgsqlConnection connection) =>
        new(
            connection,
            """
            SELECT * FROM scores WHERE challenge_id = (SELECT challenge_id FROM challenges WHERE id = 1)
            ORDER BY id DESC LIMIT 10
            """
        );

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await running;
        stopping.Dispose();
    }

    private async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var session = connection;
        while (!stopping.IsCancellationRequested)
        {
            var watch = Stopwatch.StartNew();
            await using (var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 })
            {
                await command.ExecuteNonQueryAsync();
            }

            Longest = watch.Elapsed > Longest ? watch.Elapsed : Longest;
            await Task.Delay(20);
        }
    }
}
