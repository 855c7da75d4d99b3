using System.Net;
using System.Security.Cryptography;
using Exact.Api.Submissions;
using Exact.Infrastructure;

namespace Exact.Api.Worker;

/// <summary>The server does not let this worker work; waiting does not help.</summary>
internal sealed class WorkerRefusedException(string message) : Exception(message);

/// <summary>The server has given the submission to another worker, or it has ended.</summary>
internal sealed class LeaseLostException() : Exception("The lease is lost.");

/// <summary>A file of the submission cannot be had.</summary>
internal sealed class FileUnavailableException(string message) : Exception(message);

/// <summary>The routes for workers. While the server is away, every call is repeated.</summary>
internal sealed partial class WorkerClient(HttpClient http, ILogger logger)
{
    /// <summary>A download that breaks so often, within about a minute, will not succeed here.</summary>
    public const int MaxDownloads = 8;

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>The pause before the second try; each later one is twice as long.</summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>A download is broken after so long without a byte.</summary>
    public TimeSpan LongestSilence { get; init; } = TimeSpan.FromSeconds(100);

    /// <summary>Claims a submission; null if none came within half a minute.</summary>
    public async Task<ClaimResponse?> ClaimAsync(WorkerSettings worker, CancellationToken cancellationToken)
    {
        var request = new ClaimRequest(worker.Metrics, ClaimValidator.MaxWait, worker.Name);
        using var answer = await PostAsync("api/worker/claim", request, cancellationToken);
        return answer.StatusCode is HttpStatusCode.NoContent
            ? null
            : await answer.Content.ReadFromJsonAsync<ClaimResponse>(Json.Options, cancellationToken);
    }

    /// <summary>Sends a heartbeat or a report.</summary>
    /// <exception cref="LeaseLostException">The lease is not valid any more.</exception>
    public async Task ReportAsync(ClaimResponse claim, string what, object report, CancellationToken cancellationToken)
    {
        using var answer = await PostAsync(
            $"api/worker/submissions/{claim.SubmissionId}/{what}",
            report,
            cancellationToken
        );
    }

    /// <summary>Downloads a file and compares its SHA-256. A download that breaks is begun again.</summary>
    /// <exception cref="FileUnavailableException">The server does not have it, has another one, or never sends it whole.</exception>
    public async Task DownloadAsync(ClaimedFile file, string path, CancellationToken cancellationToken)
    {
        var tries = 0;
        using var answer = await SendAsync(TryAsync, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            throw new FileUnavailableException($"The server answers {(int)answer.StatusCode} for {file.Url}.");
        }

        await using var written = File.OpenRead(path);
        var sha256 = Convert.ToHexStringLower(await SHA256.HashDataAsync(written, cancellationToken));
        if (file.Sha256 is not null && sha256 != file.Sha256)
        {
            throw new FileUnavailableException($"{file.Url} has the SHA-256 {sha256}, but should have {file.Sha256}.");
        }

        async Task<HttpResponseMessage> TryAsync()
        {
            var answer = await http.GetAsync(file.Url, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            tries++;
            if (IsPassing(answer.StatusCode) && tries >= MaxDownloads)
            {
                answer.Dispose();
                throw new FileUnavailableException($"The server answers {(int)answer.StatusCode} for {file.Url}.");
            }

            try
            {
                if (answer.IsSuccessStatusCode)
                {
                    await CopyAsync(answer, path, cancellationToken);
                }

                return answer;
            }
            catch (HttpIOException e)
            {
                answer.Dispose();
                throw tries < MaxDownloads
                    ? new HttpRequestException(e.Message, e)
                    : new FileUnavailableException($"The download of {file.Url} broke {tries} times: {e.Message}");
            }
        }
    }

    /// <summary>Copies a body into a file.</summary>
    /// <exception cref="HttpIOException">The body ended too early, or no byte came for too long.</exception>
    private async Task CopyAsync(HttpResponseMessage answer, string path, CancellationToken cancellationToken)
    {
        await using var target = File.Create(path);
        await using var source = await answer.Content.ReadAsStreamAsync(cancellationToken);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var buffer = new byte[80 * 1024];
        while (true)
        {
            silence.CancelAfter(LongestSilence);
            int count;
            try
            {
                count = await source.ReadAsync(buffer, silence.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new HttpIOException(HttpRequestError.Unknown, "No byte came for too long.");
            }
            catch (IOException e) when (e is not HttpIOException)
            {
                throw new HttpIOException(HttpRequestError.Unknown, e.Message, e); // such as a reset connection
            }

            if (count == 0)
            {
                return;
            }

            await target.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
        }
    }

    private async Task<HttpResponseMessage> PostAsync<T>(string path, T body, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(
            () => http.PostAsJsonAsync(path, body, Json.Options, cancellationToken),
            cancellationToken
        );
        return answer.StatusCode switch
        {
            < HttpStatusCode.MultipleChoices => answer,
            HttpStatusCode.Conflict
            or HttpStatusCode.NotFound when path.Contains("/submissions/", StringComparison.Ordinal) =>
                throw new LeaseLostException(),
            _ => throw new WorkerRefusedException(
                $"{http.BaseAddress}{path} answers {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellationToken)}"
            ),
        };
    }

    /// <summary>Sends a request until the server answers.</summary>
    private async Task<HttpResponseMessage> SendAsync(
        Func<Task<HttpResponseMessage>> send,
        CancellationToken cancellationToken
    )
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            string fault;
            try
            {
                var answer = await send();
                if (!IsPassing(answer.StatusCode))
                {
                    return answer;
                }

                fault = $"it answers {(int)answer.StatusCode}";
                answer.Dispose();
            }
            catch (HttpRequestException e)
            {
                fault = e.Message;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                fault = "it did not answer in time";
            }

            LogAway(http.BaseAddress, fault);
            await Task.Delay(pause.WithJitter(), cancellationToken);
        }
    }

    private static bool IsPassing(HttpStatusCode status) =>
        status
            is >= HttpStatusCode.InternalServerError
                or HttpStatusCode.TooManyRequests
                or HttpStatusCode.RequestTimeout;

    [LoggerMessage(1601, LogLevel.Warning, "{Server} is not available, and is asked again soon: {Fault}")]
    private partial void LogAway(Uri? server, string fault);
}
