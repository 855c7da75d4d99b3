using System.Net.Http.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Backups;

/// <summary>Tells of a backup that the service should have made and could not: in the log and to <c>Backups:Webhook</c>.</summary>
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
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(Patience);
            var news = new
            {
                @event = "backup_failed",
                reason,
                slot,
                error,
                host = Environment.MachineName,
                last_success = (await history.ReadAsync(patience.Token)).LastSuccess,
            };
            using var answer = await http.PostAsJsonAsync(webhook, news, patience.Token);
            answer.EnsureSuccessStatusCode();
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogNotTold(e.Cause());
        }
    }

    [LoggerMessage(2511, LogLevel.Error, "A backup failed (for {Reason}, due {Slot:u}): {Cause}")]
    private partial void LogFailed(string reason, DateTimeOffset? slot, string cause);

    [LoggerMessage(2512, LogLevel.Warning, "Backups:Webhook could not be told of the failed backup: {Cause}")]
    private partial void LogNotTold(string cause);
}
