using System.ComponentModel;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>The account that the server runs under when we are root, which PostgreSQL refuses to be.</summary>
internal sealed record UnprivilegedAccount(string Name)
{
    private const string AccountsFile = "/etc/passwd";

    /// <summary>On Windows an administrator needs no other account: pg_ctl gives the privileges up by itself.</summary>
    public static bool IsNeeded => !OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess;

    /// <summary>The account for a new cluster: PostgreSQL's own, else one that is meant to own next to nothing.</summary>
    public static UnprivilegedAccount Choose()
    {
        var known = File.ReadLines(AccountsFile).Select(line => line.Split(':')[0]).ToHashSet();
        string[] preferred = ["postgres", "_postgres", "nobody", "daemon"];
        return preferred.FirstOrDefault(known.Contains) is { } name
            ? new UnprivilegedAccount(name)
            : throw new EmbeddedPostgresException(
                $"""
                PostgreSQL does not run as root, and {AccountsFile} has no account to run it under (looked for: {string.Join(
                    ", ",
                    preferred
                )}).
                Start Exact as an ordinary user, or create an account first: useradd --system postgres
                """
            );
    }

    /// <summary>The account that a cluster already belongs to: PostgreSQL starts under no other.</summary>
    public static async Task<UnprivilegedAccount> OwnerOfAsync(string folder, CancellationToken cancellationToken)
    {
        string[] arguments = OperatingSystem.IsMacOS() ? ["-f", "%Su", folder] : ["-c", "%U", folder];
        var answer = await RunAsRootAsync("stat", arguments, cancellationToken);
        return answer.Output is not ("root" or "UNKNOWN")
            ? new UnprivilegedAccount(answer.Output)
            : throw new EmbeddedPostgresException(
                $"The embedded PostgreSQL in {folder} belongs to {answer.Output}, under which no server can run. "
                    + "Give it back to the account that it had (chown -R), or delete it to begin anew."
            );
    }

    /// <summary>Whether the account gets as far as this folder: a project under /root, say, is closed to it.</summary>
    public async Task<bool> CanReachAsync(string folder, CancellationToken cancellationToken)
    {
        try
        {
            // It is started in the folder itself, so that entering it is the test.
            return (await CommandLineTool.RunAsync("true", [], folder, Name, cancellationToken)).Succeeded;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    public async Task TakeOverAsync(string folder, CancellationToken cancellationToken) =>
        await RunAsRootAsync("chown", ["-R", Name, folder], cancellationToken);

    private static async Task<CommandOutcome> RunAsRootAsync(
        string program,
        string[] arguments,
        CancellationToken cancellationToken
    )
    {
        var outcome = await CommandLineTool.RunAsync(program, arguments, "/", account: null, cancellationToken);
        return outcome.Succeeded
            ? outcome
            : throw new EmbeddedPostgresException($"{program} {string.Join(' ', arguments)} failed: {outcome.Output}");
    }
}
