using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// Creates a cluster under another name and then renames it, so that a cluster with its final name is complete.
/// </summary>
internal sealed partial class NewCluster(
    PostgresPlace place,
    PostgresBinaries binaries,
    EmbeddedPostgresOptions options,
    ILogger logger
)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        if (Directory.Exists(place.Home))
        {
            throw new EmbeddedPostgresException(
                $"The folder {place.Home} has no PostgreSQL cluster that this account can read. If it belongs to another account, "
                    + "run Exact under that account. If it is damaged, move it away, and Exact creates a new one."
            );
        }

        LogCreating(logger, binaries.Major, place.Home);
        await RemoveLeftoverAsync(cancellationToken);
        await PrepareAsync(cancellationToken);
        await InitializeAsync(cancellationToken);
        Directory.Move(place.Draft, place.Home);
    }

    // The initdb of a killed process may still add files to the folder that is being deleted.
    private async Task RemoveLeftoverAsync(CancellationToken cancellationToken)
    {
        var deadline = Deadline.After(options.StartTimeout);
        while (Directory.Exists(place.Draft))
        {
            try
            {
                Directory.Delete(place.Draft, recursive: true);
            }
            catch (IOException) when (!deadline.HasPassed)
            {
                await Task.Delay(PollInterval, cancellationToken);
            }
        }
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        PrivateFiles.CreateClosedFolder(place.Draft);
        var passwordFile = Path.Combine(place.Draft, PostgresPlace.PasswordName);
        PrivateFiles.Write(passwordFile, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(24)));
        if (place.Account is not null)
        {
            await place.Account.TakeOverAsync(place.Draft, cancellationToken);
        }
    }

    private async Task InitializeAsync(CancellationToken cancellationToken)
    {
        CommandOutcome outcome = default;
        foreach (var locale in Locales())
        {
            outcome = await CommandLineTool.RunAsync(
                binaries.Program("initdb"),
                [
                    // Relative paths, because initdb runs programs through a shell.
                    $"--pgdata={PostgresPlace.DataName}",
                    $"--username={PostgresPlace.Superuser}",
                    $"--pwfile={PostgresPlace.PasswordName}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    .. locale,
                    "--lc-messages=C", // they are searched below
                    .. options.Durable ? Array.Empty<string>() : ["--no-sync"],
                ],
                place.Draft,
                place.Account?.Name,
                cancellationToken
            );
            if (outcome.Succeeded)
            {
                return;
            }

            if (!outcome.Output.Contains("locale"))
            {
                break; // another locale would fail as well
            }
        }

        throw EmbeddedPostgresException.Because(
            $"The embedded PostgreSQL could not create its cluster: {outcome.Output}"
        );
    }

    // The built-in provider (17 and later) is the same everywhere. Older versions need the system's C.UTF-8, if it
    // exists. Plain C knows upper and lower case only in ASCII.
    private IEnumerable<string[]> Locales()
    {
        if (binaries.Major >= 17)
        {
            yield return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"];
        }

        yield return ["--locale=C.UTF-8"];
        yield return ["--locale=C"];
    }

    [LoggerMessage(2101, LogLevel.Information, "Creating the embedded PostgreSQL {Major} in {Folder}")]
    private static partial void LogCreating(ILogger logger, int major, string folder);
}
