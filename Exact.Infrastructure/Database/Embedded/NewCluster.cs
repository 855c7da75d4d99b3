using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// Makes a cluster. All of it is made under another name and then renamed: one that bears its true name is whole, its password included.
/// </summary>
internal sealed partial class NewCluster(
    PostgresPlace place,
    PostgresBinaries binaries,
    EmbeddedPostgresOptions options,
    ILogger logger
)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    public async Task MakeAsync(CancellationToken cancellationToken)
    {
        if (Directory.Exists(place.Home))
        {
            throw new EmbeddedPostgresException(
                $"The folder {place.Home} holds no cluster that this account can read. If another account made it, run Exact under "
                    + "that account; if it is damaged, move it aside, and a new one is made."
            );
        }

        LogMaking(logger, binaries.Major, place.Home);
        await RemoveLeftoverAsync(cancellationToken);
        await BeginAsync(cancellationToken);
        await InitializeAsync(cancellationToken);
        Directory.Move(place.Draft, place.Home);
    }

    // A killed process's initdb lives on for a moment and may still add files to what is being deleted.
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

    private async Task BeginAsync(CancellationToken cancellationToken)
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
        CommandOutcome made = default;
        foreach (var locale in Locales())
        {
            made = await CommandLineTool.RunAsync(
                binaries.Program("initdb"),
                [
                    // By their names in the working folder: initdb runs programs through a shell.
                    $"--pgdata={PostgresPlace.DataName}",
                    $"--username={PostgresCluster.Superuser}",
                    $"--pwfile={PostgresPlace.PasswordName}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    .. locale,
                    "--lc-messages=C", // we read them
                    .. options.Durable ? Array.Empty<string>() : ["--no-sync"],
                ],
                place.Draft,
                place.Account?.Name,
                cancellationToken
            );
            if (made.Succeeded)
            {
                return;
            }

            if (!made.Output.Contains("locale"))
            {
                break; // another locale would fail as well
            }
        }

        throw EmbeddedPostgresException.Because($"The embedded PostgreSQL's cluster could not be made: {made.Output}");
    }

    // The built-in provider (17 and later) is the same everywhere; before that the system's C.UTF-8 where it has one; plain C knows the
    // case of ASCII only.
    private IEnumerable<string[]> Locales()
    {
        if (binaries.Major >= 17)
        {
            yield return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"];
        }

        yield return ["--locale=C.UTF-8"];
        yield return ["--locale=C"];
    }

    [LoggerMessage(LogLevel.Information, "Making the embedded PostgreSQL {Major} in {Folder}.")]
    private static partial void LogMaking(ILogger logger, int major, string folder);
}
