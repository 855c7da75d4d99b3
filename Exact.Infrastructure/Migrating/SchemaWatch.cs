using System.Threading.Channels;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Looks again, after the start, whether the service is ready: when a probe asks, and when a request has failed in a
/// way that raises doubt.
/// </summary>
internal sealed partial class SchemaWatch(
    ReadinessCheck check,
    SchemaState state,
    TimeProvider time,
    ILogger<SchemaWatch> logger
)
{
    /// <summary>How long a look serves further probes.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    /// <summary>How long a look may take before the server counts as away; probes are not patient.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Has room for one doubt, because one look answers all of them.</summary>
    private readonly Channel<bool> doubts = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private readonly Lock looking = new();
    private Task<SchemaProgress>? look;
    private long lookedAt;

    /// <summary>
    /// Makes the service look again if the failure of a request can come from another schema or server.
    /// </summary>
    public void Doubt(Exception failure)
    {
        if (state.IsReady && RaisesDoubt(failure))
        {
            doubts.Writer.TryWrite(true);
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
    public Task WhenInDoubtAsync(CancellationToken cancellationToken) =>
        doubts.Reader.ReadAsync(cancellationToken).AsTask();

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
        using var limit = new CancellationTokenSource(Patience, time);
        try
        {
            return await TwiceAsync(limit.Token).WaitAsync(limit.Token);
        }
        catch (OperationCanceledException e)
        {
            return check.Describe(new TimeoutException($"no answer within {Patience.TotalSeconds:0} s.", e));
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

    /// <summary>The pool may still hold a session that a restart of the server has ended.</summary>
    private async Task<SchemaProgress> TwiceAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await check.LookAsync(cancellationToken);
        }
        catch (Exception e) when (PostgresErrors.IsServerAway(e))
        {
            return await check.LookAsync(cancellationToken);
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
