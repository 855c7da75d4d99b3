using System.CommandLine;
using System.Net.Http.Headers;
using Exact.Api.Commands.Remote;
using Exact.Api.Worker;

namespace Exact.Api.Commands;

/// <summary><c>work</c>: evaluates submissions with the operator's commands (docs/evaluation.md).</summary>
internal static class WorkCommand
{
    private const string TokenVariable = RemoteOptions.KeyVariable;

    public static Command Create(IServiceProvider services)
    {
        var server = new Option<Uri>("--server")
        {
            Description = "The address of Exact; by default http://localhost:8000.",
            HelpName = "URL",
            CustomParser = RemoteOptions.ParseAddress,
            DefaultValueFactory = _ => new Uri("http://localhost:8000/"),
        };
        var tokenFile = new Option<string?>("--token-file")
        {
            Description =
                $"A file with a token of the scope evaluate, or the admin key; otherwise {TokenVariable} has it.",
            HelpName = "FILE",
        };
        var name = new Option<string>("--name")
        {
            Description = "The worker's name; by default that of the machine, and the number of the process.",
            DefaultValueFactory = _ => $"{Environment.MachineName}-{Environment.ProcessId}",
        };
        var metrics = new Option<MetricCommand[]>("--metric")
        {
            Description = "What measures emd, ima, or emd,ima: a line for the shell. Once for each metric.",
            HelpName = "NAME=COMMAND",
            Required = true,
            AllowMultipleArgumentsPerToken = false,
            CustomParser = parsed =>
            {
                var commands = new List<MetricCommand>();
                foreach (var token in parsed.Tokens)
                {
                    if (!MetricCommand.TryParse(token.Value, out var command))
                    {
                        parsed.AddError(
                            $"--metric \"{token.Value}\" must be emd=COMMAND, ima=COMMAND or emd,ima=COMMAND."
                        );
                        return [];
                    }

                    commands.Add(command);
                }

                return [.. commands];
            },
        };
        metrics.Validators.Add(parsed =>
        {
            var all = (parsed.GetValueOrDefault<MetricCommand[]>() ?? [])
                .SelectMany(command => command.Metrics)
                .ToList();
            if (all.Distinct().Count() < all.Count)
            {
                parsed.AddError("--metric names a metric twice. Keep one command for each metric.");
            }
        });
        var timeout = new Option<double>("--timeout")
        {
            Description = "How long each command may run, in seconds; by default 1800.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => 1800,
        };
        timeout.Validators.Add(parsed =>
        {
            if (parsed.GetValueOrDefault<double>() is not (> 0 and <= 1_000_000))
            {
                parsed.AddError("--timeout must be more than 0 and at most 1000000 seconds.");
            }
        });
        var folder = new Option<string>("--folder")
        {
            Description = "Where the scratch folders are; by default the system's temporary folder.",
            DefaultValueFactory = _ => Path.GetTempPath(),
        };
        var command = new Command("work", "Evaluate submissions until told to stop.")
        {
            server,
            tokenFile,
            name,
            metrics,
            timeout,
            folder,
        };
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var token = parsed.GetValue(tokenFile) is { } file
                    ? await File.ReadAllTextAsync(file, cancellationToken)
                    : Environment.GetEnvironmentVariable(TokenVariable);
                if (string.IsNullOrWhiteSpace(token))
                {
                    await Console.Error.WriteLineAsync(
                        $"The worker has no token. Set {TokenVariable}, or name a file: --token-file FILE"
                    );
                    return ExitCode.NotUnderstood;
                }

                var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger<WorkerLoop>();
                using var http = new HttpClient { BaseAddress = parsed.GetValue(server) };
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Trim());
                var settings = new WorkerSettings
                {
                    Name = parsed.GetValue(name)!,
                    Commands = parsed.GetValue(metrics)!,
                    Timeout = TimeSpan.FromSeconds(parsed.GetValue(timeout)),
                    Folder = Path.GetFullPath(parsed.GetValue(folder)!),
                };
                return await RunAsync(new(settings, new(http, logger), logger), cancellationToken);
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(WorkerLoop worker, CancellationToken cancellationToken)
    {
        try
        {
            await worker.RunAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // told to stop, with nothing in hand
        }
        catch (WorkerRefusedException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Failed;
        }

        return ExitCode.Done;
    }
}
