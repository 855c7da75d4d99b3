using System.Threading.Channels;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Looks again, after the start, whether the service is ready: when a probe asks, when a request has failed in a way
/// that raises doubt, and when the pool has reached another server, for which it looks itself every few seconds, because
/// a service that nobody asks would not notice.
/// </summary>
internal sealed partial class SchemaWatch
{
    /// <summary>How long a look serves further probes.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    /// <summary>How long the service goes without a look at which server it is.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>How long a look may take before the server counts as away; probes are not patient.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>The same for several hosts, of which the first may hang (see <see cref="SeveralHosts"/>).</summary>
    private static readonly TimeSpan PatienceWithHosts = TimeSpan.FromSeconds(5);

    /// <summary>Has room for one doubt, because one look answers all of them.</summary>
    private readonly Channel<bool> doubts = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private readonly Lock looking = new();
    private readonly ReadinessCheck check;
    private readonly NpgsqlDataSource database;
    private readonly ServerChange server;
    private readonly SchemaState state;
    private readonly TimeProvider time;
    private readonly ILogger<SchemaWatch> logger;
    private readonly TimeSpan patience;
    private Task<SchemaProgress>? look;
    private long lookedAt;

    public SchemaWatch(
        ReadinessCheck check,
        SchemaState state,
        NpgsqlDataSource database,
        ServerChange server,
        TimeProvider time,
        ILogger<SchemaWatch> logger
    )
    {
        this.check = check;
        this.state = state;
        this.database = database;
        this.server = server;
        this.time = time;
        this.logger = logger;
        patience = database is NpgsqlMultiHostDataSource ? PatienceWithHosts : Patience;
        // Also before the service is ready, so that no change is lost: one look too many costs nothing.
        server.Noticed += () => doubts.Writer.TryWrite(true);
    }

    /// <summary>
    /// Makes the service look again if the failure of a request can come from another schema or server.
    /// </summary>
    public void Doubt(Exception failure)
    {
        if (RaisesDoubt(failure))
        {
            Doubt();
        }
    }

    /// <summary>Returns what a probe is told: while the service is ready, the result of a look.</summary>
    public async Task<SchemaProgress> AskAsync(CancellationToken cancellationToken)
    {
        if (!state.IsReady)
        {
            return state.Current;
        }

        var found = await LookAsync(Fresh).WaitAsync(cancellationToken);
        if (found.Phase is not SchemaPhase.Ready)
        {
            doubts.Writer.TryWrite(true);
        }

        return found;
    }

    /// <summary>Waits until there is a reason to look again.</summary>
    public async Task WhenInDoubtAsync(CancellationToken cancellationToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var comparing = CompareServersAsync(waiting.Token);
        await doubts.Reader.ReadAsync(cancellationToken);
        await waiting.CancelAsync();
        await comparing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Looks, and enters the phase that it finds.</summary>
    /// <returns>Whether the service is ready.</returns>
    public async Task<bool> SettleAsync(CancellationToken cancellationToken)
    {
        var found = await LookAsync(TimeSpan.Zero).WaitAsync(cancellationToken);
        var before = state.Current.Phase;
        if (found.Phase is SchemaPhase.Ready)
        {
            state.BeReady();
            if (before is not SchemaPhase.Ready)
            {
                LogReadyAgain();
            }

            return true;
        }

        state.Enter(found.Phase, found.Detail);
        if (before != found.Phase)
        {
            LogNotReady(found.Detail);
        }

        return false;
    }

    /// <summary>
    /// Ends the phases of a run that an administrator asked for, if the service has been ready before.
    /// </summary>
    public async Task ReturnAsync(CancellationToken cancellationToken)
    {
        if (state.HasStarted && !await SettleAsync(cancellationToken))
        {
            doubts.Writer.TryWrite(true);
        }
    }

    private async Task CompareServersAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            try
            {
                await CompareServerAsync(cancellationToken).WaitAsync(patience, time, cancellationToken);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                if (database is NpgsqlMultiHostDataSource) // a single server that is only slow keeps its sessions
                {
                    database.ForgetLost(e);
                }

                Doubt(e);
            }
        }
    }

    private async Task CompareServerAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await server.CompareAsync(connection, cancellationToken);
    }

    private void Doubt()
    {
        if (state.IsReady)
        {
            doubts.Writer.TryWrite(true);
        }
    }

    private Task<SchemaProgress> LookAsync(TimeSpan age)
    {
        lock (looking)
        {
            if (look is null || (look.IsCompleted && time.GetElapsedTime(lookedAt) >= age))
            {
                look = LookOnceAsync();
            }

            return look;
        }
    }

    private async Task<SchemaProgress> LookOnceAsync()
    {
        using var limit = new CancellationTokenSource(patience, time);
        try
        {
            return await database.TryTwiceAsync(() => check.LookAsync(limit.Token)).WaitAsync(limit.Token);
        }
        catch (OperationCanceledException e)
        {
            return check.Describe(new TimeoutException($"no answer within {patience.TotalSeconds:0} s.", e));
        }
        catch (Exception e)
        {
            return check.Describe(e);
        }
        finally
        {
            lookedAt = time.GetTimestamp();
        }
    }

    private static bool RaisesDoubt(Exception failure) =>
        PostgresErrors.IsServerAway(failure)
        || failure.GetBaseException()
            is PostgresException
            {
                SqlState: PostgresErrorCodes.UndefinedTable
                    or PostgresErrorCodes.UndefinedColumn
                    or PostgresErrorCodes.InvalidSchemaName
                    or PostgresErrorCodes.InvalidCatalogName
                    or PostgresErrorCodes.InsufficientPrivilege
                    or PostgresErrorCodes.InvalidPassword
                    or PostgresErrorCodes.InvalidAuthorizationSpecification
            };

    [LoggerMessage(2040, LogLevel.Warning, "No longer ready: {Reason}")]
    private partial void LogNotReady(string reason);

    [LoggerMessage(2041, LogLevel.Information, "Ready again")]
    private partial void LogReadyAgain();
}
