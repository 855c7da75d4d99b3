using System.Net.Http.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Backups;

/// <summary>Tells of a backup that the service should have made, or was asked to make, and could not: in the log and to <c>Backups:Webhook</c>.</summary>
internal sealed partial class BackupAlarm(
    HttpClient http,
    BackupHistory history,
    IOptions<BackupOptions> options,
    ILogger<BackupAlarm> logger
)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <param name="reason">What the backup was for, such as <c>schedule</c>.</param>
    /// <param name="slot">When it was due, if it was scheduled.</param>
    /// <param name="error">Why it failed.</param>
    /// <param name="cancellationToken">Ends the telling.</param>
    public async Task RaiseAsync(string reason, DateTimeOffset? slot, string error, CancellationToken cancellationToken)
    {
        LogFailed(reason, slot, error);
        if (options.Value.Webhook is not { Length: > 0 } webhook)
        {
            return;
        }

        try
        {
            var news = new
            {
                text = $"Exact on {Environment.MachineName}: a backup failed. {error}", // what a chat shows
                @event = "backup_failed",
                reason,
                slot,
                error,
                host = Environment.MachineName,
                last_success = await FindLastSuccessAsync(cancellationToken),
            };
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(Patience);
            using var content = JsonContent.Create(news);
            await content.LoadIntoBufferAsync(patience.Token); // small receivers read as much as Content-Length says
            using var answer = await http.PostAsync(webhook, content, patience.Token);
            answer.EnsureSuccessStatusCode();
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogNotTold(e.Cause());
        }
    }

    /// <returns>Null also if the database, which may be why the backup failed, does not tell.</returns>
    private async Task<DateTimeOffset?> FindLastSuccessAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(Patience);
            return (await history.ReadAsync(patience.Token)).LastSuccess;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogNoHistory(e.Cause());
            return null;
        }
    }

    [LoggerMessage(2511, LogLevel.Error, "A backup failed (for {Reason}, due {Slot:u}): {Cause}")]
    private partial void LogFailed(string reason, DateTimeOffset? slot, string cause);

    [LoggerMessage(2512, LogLevel.Warning, "Backups:Webhook could not be told of the failed backup: {Cause}")]
    private partial void LogNotTold(string cause);

    [LoggerMessage(2513, LogLevel.Warning, "It cannot be told when the last backup succeeded: {Cause}")]
    private partial void LogNoHistory(string cause);
}
