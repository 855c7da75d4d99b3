using System.Text;
using Exact.Api.Submissions;
using Exact.Domain;
using Exact.Infrastructure.Submissions;

namespace Exact.Api.Worker;

/// <summary>The outcome of an evaluation: the route that it is reported to, and the report.</summary>
internal sealed record Outcome(string Route, object Report);

/// <summary>Evaluates one submission in a scratch folder, with a command for each metric.</summary>
internal sealed class Evaluation(ClaimResponse claim, WorkerSettings worker, WorkerClient server)
{
    /// <summary>Linux's limit for one variable: name, equals sign, value and a closing zero.</summary>
    private const int MaxVariable = 128 * 1024;

    /// <summary>The result is searched for in this much of the end of the output, in characters.</summary>
    private const int MaxOutput = 1024 * 1024;

    /// <summary>"Try again later", and what shells and containers report when a command could not be started.</summary>
    private static readonly int[] Infrastructure = [75, 125, 126, 127];

    private readonly OutputTail log = new(LogText.MaxLength);

    public async Task<Outcome> RunAsync(string scratch, CancellationToken cancellationToken)
    {
        try
        {
            var environment = await PrepareAsync(Path.Combine(scratch, "files"), cancellationToken);
            var results = new Dictionary<Metric, (double Score, double? Std)>();
            foreach (var command in worker.Commands.Where(one => one.Metrics.Any(claim.Metrics.Contains)))
            {
                var output = await MeasureAsync(command, scratch, environment, cancellationToken);
                foreach (var metric in command.Metrics.Where(claim.Metrics.Contains))
                {
                    results[metric] = MetricOutput.Read(output, command, metric);
                }
            }

            var (emd, ima) = (Find(results, Metric.Emd), Find(results, Metric.Ima));
            return new(
                "complete",
                new CompleteRequest(claim.Lease, emd?.Score, emd?.Std, ima?.Score, ima?.Std, $"{log}")
            );
        }
        catch (NoResultException e)
        {
            return new("fail", new FailRequest(claim.Lease, Short(e.Message), Log: $"{log}"));
        }
        catch (Exception e)
            when (e
                    is FileUnavailableException
                        or InfrastructureException
                        or IOException
                        or UnauthorizedAccessException
                        or System.ComponentModel.Win32Exception
            )
        {
            return new("fail", new FailRequest(claim.Lease, Short(e.Message), Infrastructure: true, $"{log}"));
        }
    }

    /// <summary>Downloads the files.</summary>
    /// <returns>The environment of the commands, as the legacy worker had it, and the code also as a file.</returns>
    private async Task<Dictionary<string, string>> PrepareAsync(string folder, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        var environment = new Dictionary<string, string>
        {
            ["worker_id"] = worker.Name,
            ["challenge_id"] = claim.Challenge.ChallengeId,
            ["XAI_METHOD_FILE"] = await DownloadAsync(claim.Files.Method, "method"),
        };
        if (claim.Files.Mlmodel is { } model)
        {
            environment["MODEL_FILE"] = await DownloadAsync(model, "model");
        }

        if (claim.Files.Dataset is { } dataset)
        {
            environment["DATA_FILE"] = await DownloadAsync(dataset, "data");
        }

        if (await ReadCodeAsync(environment["XAI_METHOD_FILE"], cancellationToken) is { } code)
        {
            environment["xai_method"] = code;
        }

        return environment;

        async Task<string> DownloadAsync(ClaimedFile file, string kind)
        {
            // Only the extension of a stranger's name gets into a path.
            var extension = Path.GetExtension(file.Name);
            var path = Path.Combine(
                folder,
                extension.Length <= 16 && extension.All(c => c is '.' || char.IsAsciiLetterOrDigit(c))
                    ? kind + extension
                    : kind
            );
            await server.DownloadAsync(file, path, cancellationToken);
            return path;
        }
    }

    /// <summary>The code as an environment variable can hold it; otherwise null, and the log says why.</summary>
    private async Task<string?> ReadCodeAsync(string file, CancellationToken cancellationToken)
    {
        var size = new FileInfo(file).Length;
        if (size + "xai_method=".Length + 1 > MaxVariable)
        {
            Say(
                $"xai_method is not set: the code has {size} bytes, and a variable may have 128 KiB. Read XAI_METHOD_FILE."
            );
            return null;
        }

        try
        {
            var code = new UTF8Encoding(false, true).GetString(await File.ReadAllBytesAsync(file, cancellationToken));
            if (!code.Contains('\0', StringComparison.Ordinal))
            {
                return code;
            }
        }
        catch (DecoderFallbackException)
        {
            // said below
        }

        Say("xai_method is not set: the file is not UTF-8 text. Read XAI_METHOD_FILE.");
        return null;
    }

    private async Task<string> MeasureAsync(
        MetricCommand command,
        string scratch,
        Dictionary<string, string> environment,
        CancellationToken cancellationToken
    )
    {
        var folder = Directory.CreateDirectory(Path.Combine(scratch, command.Name)).FullName;
        var output = new OutputTail(MaxOutput);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(worker.Timeout);
        int exitCode;
        try
        {
            exitCode = await ShellCommand.RunAsync(command.Command, folder, environment, output, log, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new NoResultException(
                $"The metric {command.Name} did not end within {worker.Timeout.TotalSeconds:0.###} seconds, and was stopped."
            );
        }

        return exitCode switch
        {
            0 => $"{output}",
            _ when Infrastructure.Contains(exitCode) => throw new InfrastructureException(
                $"The command of the metric {command.Name} could not run (exit code {exitCode})."
            ),
            > 128 => throw new NoResultException(
                $"The metric {command.Name} was ended by signal {exitCode - 128}"
                    + (exitCode == 137 ? ", perhaps because it used too much memory." : ".")
            ),
            _ => throw new NoResultException($"The metric {command.Name} ended with exit code {exitCode}."),
        };
    }

    private static (double Score, double? Std)? Find(
        Dictionary<Metric, (double Score, double? Std)> results,
        Metric metric
    ) => results.TryGetValue(metric, out var result) ? result : null;

    /// <summary>A message may quote what a stranger's program printed.</summary>
    private static string Short(string message) => message.Length <= 1000 ? message : $"{message[..1000]}…";

    private void Say(string line) => log.Append($"exact work: {line}\n");

    /// <summary>The machine is to blame, and not the method.</summary>
    private sealed class InfrastructureException(string message) : Exception(message);
}
